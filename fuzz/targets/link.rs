//! Frames of the link, in both directions: the server reads what an environment sends, whose init a function may have
//! taken over.

use bytes::BytesMut;
use larder_init::link::{FromInit, Hello, Phase, ToInit, decode, encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub fn run(input: &[u8]) {
    all::<FromInit>(input);
    all::<ToInit>(input);
}

/// Decodes frame after frame; what was decoded can be sent.
fn all<T: DeserializeOwned + Serialize>(input: &[u8]) {
    let mut buffer = BytesMut::from(input);
    loop {
        let left = buffer.len();
        let Ok(Some(frame)) = decode::<T>(&mut buffer) else { return };
        assert!(buffer.len() < left, "a frame has bytes");
        let bytes = encode(&frame).expect("a frame that was taken can be sent");
        let again = decode::<T>(&mut BytesMut::from(&bytes[..])).expect("it can be read").expect("it is whole");
        assert_eq!(encode(&again).expect("it can be sent"), bytes, "and is the same");
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let hello = Hello { protocol: 1, environment: "e".repeat(16), token: "t".repeat(64), phase: Phase::Fresh };
    let frames = [FromInit::Hello(hello), FromInit::Ready { init_us: 7 }];
    frames.iter().map(|frame| encode(frame).expect("a small frame")).collect()
}
