//! Answers that may be long: a JSON object whose last member is a list, made item by item while it is sent.

use std::io::{self, Write};
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Such an answer, which is a `T` when it is whole.
pub struct Long<T> {
    head: Map<String, Value>,
    list: &'static str,
    items: Box<dyn Iterator<Item = Value> + Send>,
    whole: PhantomData<fn() -> T>,
}

impl<T> Long<T> {
    /// An answer of the members of `head`, but the list of this name, which follows.
    ///
    /// # Errors
    /// The head is no JSON object.
    pub fn new(
        head: impl Serialize,
        list: &'static str,
        items: impl Iterator<Item = Value> + Send + 'static,
    ) -> Result<Self, serde_json::Error> {
        let mut head: Map<String, Value> = serde_json::from_value(serde_json::to_value(head)?)?;
        head.shift_remove(list);
        Ok(Self { head, list, items: Box::new(items), whole: PhantomData })
    }

    /// The whole answer, for who has it in memory anyway.
    ///
    /// # Errors
    /// It is no `T`.
    pub fn whole(self) -> Result<T, serde_json::Error>
    where
        T: DeserializeOwned,
    {
        let mut whole = self.head;
        whole.insert(self.list.to_owned(), self.items.collect());
        serde_json::from_value(whole.into())
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

    fn long(items: u64) -> Long<Value> {
        let head = json!({ "sequence": 7, "na\"me": { "a": [1] } });
        Long::new(head, "items", (0..items).map(|item| json!({ "n": item }))).expect("the head is an object")
    }

    #[test]
    fn what_is_written_is_what_it_is() {
        for items in [0, 1, 3] {
            let mut bytes = Vec::new();
            long(items).write(&mut bytes).expect("is written");
            assert_eq!(String::from_utf8(bytes).expect("is text"), long(items).whole().expect("any JSON").to_string());
        }
    }
}
