//! Bodies of requests: read up to a limit, or thrown away.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::HeaderMap;

/// Bytes of an over-long body that are still read, so that its sender sees the answer; a longer one
/// finds the connection closed.
const DISCARD_LIMIT: u64 = 64 * 1024 * 1024;

/// Room made at first for a body that does not announce its size.
const FIRST_ROOM: usize = 64 * 1024;

/// What reading a body came to.
pub enum Collected {
    /// All of it.
    Whole {
        /// Its bytes.
        body: Bytes,
        /// What followed a chunked one.
        trailers: Option<HeaderMap>,
    },
    /// It is beyond the limit.
    TooLarge {
        /// Its announced size, or what was read.
        bytes: u64,
        /// What is not read yet.
        rest: Incoming,
    },
    /// The sender hung up within it, or sent no HTTP.
    Broken,
}

/// Reads a body of `limit` bytes at most. One that came in one piece is not copied.
pub async fn collect(mut body: Incoming, limit: u64) -> Collected {
    let announced = body.size_hint().lower();
    if announced > limit {
        return Collected::TooLarge { bytes: announced, rest: body };
    }
    let mut pieces = Pieces::new(announced);
    let mut trailers = None;

    while let Some(frame) = body.frame().await {
        match frame.map(hyper::body::Frame::into_data) {
            Ok(Ok(data)) => {
                pieces.add(data);
                if pieces.len() > limit {
                    return Collected::TooLarge { bytes: pieces.len(), rest: body };
                }
            }
            Ok(Err(frame)) => trailers = frame.into_trailers().ok(),
            Err(_) => return Collected::Broken,
        }
    }

    Collected::Whole { body: pieces.join(), trailers }
}

/// Reads the rest of a body and drops it; false when it was given up.
pub async fn discard(mut body: Incoming) -> bool {
    let mut count = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        count += frame.data_ref().map_or(0, |data| data.len() as u64);
        if count > DISCARD_LIMIT {
            return false;
        }
    }

    true
}

/// The pieces of a body: the first as it came, the next ones joined.
struct Pieces {
    first: Bytes,
    joined: BytesMut,
    announced: usize,
}

impl Pieces {
    fn new(announced: u64) -> Self {
        // Within the limit, which fits.
        Self { first: Bytes::new(), joined: BytesMut::new(), announced: usize::try_from(announced).unwrap_or(0) }
    }

    fn len(&self) -> u64 {
        self.first.len().max(self.joined.len()) as u64
    }

    fn add(&mut self, data: Bytes) {
        if self.first.is_empty() {
            self.first = data;
            return;
        }

        if self.joined.is_empty() {
            self.joined.reserve(self.announced.max(FIRST_ROOM));
            self.joined.extend_from_slice(&self.first);
        }

        self.joined.extend_from_slice(&data);
    }

    fn join(self) -> Bytes {
        if self.joined.is_empty() { self.first } else { self.joined.freeze() }
    }
}

/// Decodes base64 as the trailers of a streamed error use it; `None` where it is none.
pub fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii();
    let end = text.iter().position(|byte| *byte == b'=').unwrap_or(text.len());
    let mut bits = 0_u32;
    let mut held = 0;
    let mut bytes = Vec::with_capacity(end * 3 / 4);

    for byte in &text[..end] {
        bits = (bits << 6) | u32::from(sextet(*byte)?);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).ok()?);
        }
        bits &= 0xff;
    }

    Some(bytes)
}

/// The value of one letter of base64.
fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_decoded_and_json_is_not_taken_for_it() {
        assert_eq!(base64(b"eyJlcnJvck1lc3NhZ2UiOiJ4In0=").as_deref(), Some(&br#"{"errorMessage":"x"}"#[..]));
        assert_eq!(base64(b"/+8=").as_deref(), Some(&[255, 239][..]));
        assert_eq!(base64(b"{}"), None);
    }

    #[test]
    fn pieces_are_joined_in_order() {
        let mut pieces = Pieces::new(4);
        for piece in [&b"a"[..], b"bc", b"d"] {
            pieces.add(Bytes::copy_from_slice(piece));
        }
        assert_eq!(pieces.len(), 4);
        assert_eq!(pieces.join(), &b"abcd"[..]);
    }
}
