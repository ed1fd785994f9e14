//! Answers that may be long: a JSON object whose last member is a list, made item by item while it is sent.

use std::io::{self, Write};

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use serde_json::{Map, Value};
use tokio::io::duplex;
use tokio_util::io::{ReaderStream, SyncIoBridge};

/// Bytes that are ready and not yet sent, at most.
const BUFFER: usize = 64 * 1024;

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

    /// Sends it. The response waits for whoever writes it, and breaks off where that fails.
    pub fn into_response(self) -> Response {
        let (reader, writer) = duplex(BUFFER);
        let out = io::BufWriter::with_capacity(BUFFER, SyncIoBridge::new(writer));
        let writing = tokio::task::spawn_blocking(move || self.write(out));
        let end = async move { writing.await.map_err(io::Error::other)?.map(|()| Bytes::new()) };
        let body = Body::from_stream(ReaderStream::new(reader).chain(stream::once(end)));
        let mut response = Response::new(body);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
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
