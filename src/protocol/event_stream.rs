//! Frames of `application/vnd.amazon.eventstream`: lengths, headers, payload, each part with its checksum.
//!
//! Source: <https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html>, "Event stream encoding".
//! The SDK's own crate for it would bring the whole of its types along for these lines.

/// Bytes beside headers and payload: two lengths and two checksums.
const OVERHEAD: usize = 16;

/// Type of a header whose value is a text.
const STRING: u8 = 7;

/// The content type of a stream.
pub const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// One event.
pub fn event(event_type: &str, content_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in [(":event-type", event_type), (":content-type", content_type), (":message-type", "event")] {
        header(&mut headers, name, value);
    }
    let mut frame = Vec::with_capacity(OVERHEAD + headers.len() + payload.len());
    frame.extend(length(OVERHEAD + headers.len() + payload.len()));
    frame.extend(length(headers.len()));
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame.extend_from_slice(&headers);
    frame.extend_from_slice(payload);
    frame.extend(crc32fast::hash(&frame).to_be_bytes());

    frame
}

/// Names and values here are short constants.
fn header(headers: &mut Vec<u8>, name: &str, value: &str) {
    headers.push(u8::try_from(name.len()).expect("a name of some letters"));
    headers.extend_from_slice(name.as_bytes());
    headers.push(STRING);
    headers.extend(u16::try_from(value.len()).expect("a value of some letters").to_be_bytes());
    headers.extend_from_slice(value.as_bytes());
}

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).expect("a frame is some megabytes at most").to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_says_its_lengths_and_checksums() {
        let frame = event("PayloadChunk", "application/octet-stream", b"{}");
        let number = |at: usize| u32::from_be_bytes(frame[at..at + 4].try_into().expect("four bytes"));
        assert_eq!(number(0) as usize, frame.len());
        assert_eq!(number(4) as usize, frame.len() - OVERHEAD - 2);
        assert_eq!(number(8), crc32fast::hash(&frame[..8]));
        assert_eq!(number(frame.len() - 4), crc32fast::hash(&frame[..frame.len() - 4]));
        assert!(frame[12..].starts_with(b"\x0b:event-type\x07\x00\x0cPayloadChunk"));
        assert_eq!(&frame[frame.len() - 6..frame.len() - 4], b"{}");
    }
}
