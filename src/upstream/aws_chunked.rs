//! Bodies in parts that are signed one by one (`aws-chunked`), taken out of their wrapping:
//! `SIZE;chunk-signature=…\r\n BYTES \r\n … 0;…\r\n TRAILERS \r\n`.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};

/// Bytes of the line before a part at most.
const LONGEST_LINE: usize = 1024;

/// The encoding's name.
const ENCODING: &str = "aws-chunked";

/// Makes the headers those of the body without its wrapping. Checksums in its trailers go with it.
pub fn tell_whole(headers: &mut HeaderMap) {
    if let Some(length) = headers.remove("x-amz-decoded-content-length") {
        headers.insert(header::CONTENT_LENGTH, length);
    }
    for name in ["x-amz-trailer", "x-amz-sdk-checksum-algorithm"] {
        headers.remove(HeaderName::from_static(name));
    }
    let encodings = headers.remove(header::CONTENT_ENCODING);
    let text = encodings.as_ref().and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kept: Vec<_> = text.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != ENCODING).collect();
    if let Ok(value) = HeaderValue::from_str(&kept.join(", "))
        && !kept.is_empty()
    {
        headers.insert(header::CONTENT_ENCODING, value);
    }
}

/// The body without its wrapping.
pub fn unwrap(body: Body) -> Body {
    let parts = stream::try_unfold((body.into_data_stream(), Parts::default()), |(mut body, mut parts)| async move {
        loop {
            match parts.next()? {
                Next::Bytes(bytes) => return Ok(Some((bytes, (body, parts)))),
                Next::Over => return Ok(None),
                Next::More => match body.next().await {
                    Some(bytes) => parts.buffer.extend_from_slice(&bytes.map_err(std::io::Error::other)?),
                    None => return Err(broken("it ends within a part")),
                },
            }
        }
    });
    Body::from_stream(parts)
}

fn broken(why: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, format!("a body in signed parts is broken: {why}"))
}

/// What is known of the parts so far.
#[derive(Debug, Default)]
struct Parts {
    buffer: BytesMut,
    /// Bytes that are left of the part under way, with the line's end behind it.
    left: usize,
}

#[derive(Debug, PartialEq)]
enum Next {
    Bytes(Bytes),
    More,
    Over,
}

impl Parts {
    fn next(&mut self) -> std::io::Result<Next> {
        if self.left > 2 {
            let length = self.buffer.len().min(self.left - 2);
            if length == 0 {
                return Ok(Next::More);
            }
            self.left -= length;
            return Ok(Next::Bytes(self.buffer.split_to(length).freeze()));
        }

        if self.left == 2 {
            if self.buffer.len() < 2 {
                return Ok(Next::More);
            }
            if &self.buffer[..2] != b"\r\n" {
                return Err(broken("a part does not end where it says"));
            }
            self.buffer.advance(2);
            self.left = 0;
        }

        self.head()
    }

    /// Reads the line before a part.
    fn head(&mut self) -> std::io::Result<Next> {
        let Some(end) = self.buffer.windows(2).position(|two| two == b"\r\n") else {
            return if self.buffer.len() > LONGEST_LINE { Err(broken("a line is too long")) } else { Ok(Next::More) };
        };
        let line = self.buffer.split_to(end + 2);
        let size = line[..].split(|byte| *byte == b';' || *byte == b'\r').next().unwrap_or_default();
        let size = std::str::from_utf8(size).ok().and_then(|text| usize::from_str_radix(text, 16).ok());

        match size.ok_or_else(|| broken("a part has no size"))? {
            // Trailers may follow, which are not the body.
            0 => Ok(Next::Over),
            size => {
                self.left = size.checked_add(2).ok_or_else(|| broken("a part is too large"))?;
                self.next()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    async fn unwrapped(text: &str, piece: usize) -> Result<Bytes, axum::Error> {
        let pieces: Vec<_> =
            text.as_bytes().chunks(piece).map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece))).collect();
        Ok(unwrap(Body::from_stream(stream::iter(pieces))).collect().await?.to_bytes())
    }

    #[tokio::test]
    async fn parts_are_unwrapped_however_they_come() {
        let text = "5;chunk-signature=ab\r\nhello\r\nb;chunk-signature=cd\r\n, signed\r\n!\r\n0;chunk-signature=ef\r\n\
                    x-amz-checksum-crc32:AAAA\r\nx-amz-trailer-signature:00\r\n\r\n";
        for piece in 1..text.len() {
            assert_eq!(unwrapped(text, piece).await.expect("is whole"), "hello, signed\r\n!", "{piece}");
        }
        for broken in ["5;x\r\nhel", "5\r\nhelloXX0\r\n", "zz\r\n", "ffffffffffffffff\r\nx"] {
            assert!(unwrapped(broken, 7).await.is_err(), "{broken}");
        }
    }

    #[test]
    fn headers_are_those_of_the_whole_body() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-length", "100"),
            ("x-amz-decoded-content-length", "16"),
            ("content-encoding", "gzip, aws-chunked"),
            ("x-amz-trailer", "x-amz-checksum-crc32"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        tell_whole(&mut headers);
        let mut left: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().expect("text"))).collect();
        left.sort_unstable();
        assert_eq!(left, [("content-encoding", "gzip"), ("content-length", "16")]);
    }
}
