//! What a streamed response says of itself before its bytes: JSON, then eight zeros.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming>.

use serde_json::{Map, Value};

/// The type of a response with a prelude.
pub const CONTENT_TYPE: &str = "application/vnd.awslambda.http-integration-response";

/// What ends a prelude.
const END: [u8; 8] = [0; 8];

/// Bytes that a prelude may have. AWS's limit is not known; heads of answers have less everywhere.
const LONGEST: usize = 64 * 1024;

/// A prelude that arrives.
#[derive(Debug, Default)]
pub struct Prelude {
    bytes: Vec<u8>,
}

/// What more bytes make of it.
#[derive(Debug, PartialEq)]
pub enum Read {
    /// More are wanted.
    More,
    /// All of it: what it says, and bytes that came behind it.
    Whole(Map<String, Value>, Vec<u8>),
    /// It is none.
    Broken,
}

impl Prelude {
    /// Takes the bytes that came next.
    pub fn read(&mut self, bytes: &[u8]) -> Read {
        // The end may have begun in what was there.
        let looked_at = self.bytes.len().saturating_sub(END.len() - 1);
        self.bytes.extend_from_slice(bytes);
        let Some(end) = find(&self.bytes[looked_at..]) else {
            return if self.bytes.len() > LONGEST { Read::Broken } else { Read::More };
        };
        let end = looked_at + end;
        match serde_json::from_slice(&self.bytes[..end]) {
            Ok(Value::Object(said)) => Read::Whole(said, self.bytes.split_off(end + END.len())),
            _ => Read::Broken,
        }
    }
}

/// The prelude of a response that is there whole, and its length; what the bytes are was not told then. JSON without one
/// has no zeros.
pub fn of_whole(payload: &[u8]) -> Option<(Map<String, Value>, usize)> {
    if payload.first() != Some(&b'{') {
        return None;
    }
    let end = find(&payload[..payload.len().min(LONGEST)])?;
    match serde_json::from_slice(&payload[..end]) {
        Ok(Value::Object(said)) => Some((said, end + END.len())),
        _ => None,
    }
}

/// Where the end of a prelude begins.
fn find(bytes: &[u8]) -> Option<usize> {
    bytes.windows(END.len()).position(|window| window == END)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However it is cut.
    #[test]
    fn a_prelude_may_come_in_pieces() {
        let whole = b"{\"statusCode\":404}\0\0\0\0\0\0\0\0body";
        for cut in 0..whole.len() {
            let mut prelude = Prelude::default();
            let (first, second) = whole.split_at(cut);
            let (mut said, mut rest) = (None, Vec::new());
            for piece in [first, second] {
                match (said.is_some(), prelude.read(piece)) {
                    (true, _) => rest.extend_from_slice(piece),
                    (false, Read::Whole(head, behind)) => {
                        said = Some(head);
                        rest = behind;
                    }
                    (false, Read::More) => {}
                    (false, Read::Broken) => panic!("it is whole, cut at {cut}"),
                }
            }
            assert_eq!(said.expect("is there")["statusCode"], 404, "cut at {cut}");
            assert_eq!(rest, b"body", "cut at {cut}");
        }
    }

    #[test]
    fn what_is_none_is_told() {
        assert_eq!(Prelude::default().read(b"[]\0\0\0\0\0\0\0\0"), Read::Broken);
        assert_eq!(Prelude::default().read(&vec![b'x'; LONGEST + 1]), Read::Broken);
        assert_eq!(Prelude::default().read(b"{\"a\":1}"), Read::More);
        assert_eq!(of_whole(b"{\"a\":1}"), None);
        assert_eq!(of_whole(b""), None);
    }
}
