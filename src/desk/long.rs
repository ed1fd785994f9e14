//! Answers that may be long: a JSON object whose last member is a list, made item by item while it is sent.

use std::io::{self, Write};

use serde_json::{Map, Value};

/// Such an answer.
pub struct Long {
    /// The members before the list.
    pub head: Map<String, Value>,
    /// The list's name.
    pub list: &'static str,
    /// Its items.
    pub items: Box<dyn Iterator<Item = Value> + Send>,
}

impl Long {
    /// The whole answer, for who has it in memory anyway.
    pub fn value(self) -> Value {
        let mut whole = self.head;
        whole.insert(self.list.to_owned(), self.items.collect());
        whole.into()
    }

    /// Writes it.
    pub fn write(self, mut out: impl Write) -> io::Result<()> {
        out.write_all(b"{")?;
        for (name, value) in &self.head {
            serde_json::to_writer(&mut out, name)?;
            out.write_all(b":")?;
            serde_json::to_writer(&mut out, value)?;
            out.write_all(b",")?;
        }
        serde_json::to_writer(&mut out, self.list)?;
        out.write_all(b":[")?;
        for (index, item) in self.items.enumerate() {
            if index > 0 {
                out.write_all(b",")?;
            }
            serde_json::to_writer(&mut out, &item)?;
        }
        out.write_all(b"]}")?;
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn long(items: u64) -> Long {
        let mut head = Map::new();
        head.insert("sequence".to_owned(), json!(7));
        head.insert("na\"me".to_owned(), json!({ "a": [1] }));
        Long { head, list: "items", items: Box::new((0..items).map(|item| json!({ "n": item }))) }
    }

    #[test]
    fn what_is_written_is_what_it_is() {
        for items in [0, 1, 3] {
            let mut bytes = Vec::new();
            long(items).write(&mut bytes).expect("is written");
            assert_eq!(String::from_utf8(bytes).expect("is text"), long(items).value().to_string());
        }
    }
}
