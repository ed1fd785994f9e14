//! Answers of functions that stream their response (`RESPONSE_STREAM`).

use axum::body::Body;
use axum::http::{HeaderValue, Response};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};

use super::answer::{self, Head};
use super::prelude::{CONTENT_TYPE, Prelude, Read};
use crate::environments::StreamPart;
use crate::invoke::Invoked;
use crate::invoke::streaming::{Next, Streaming};
use crate::model::error::ApiError;

/// The type of a stream that does not say its own, as AWS's users met it.
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// What a response turns out to be as it begins.
enum Beginning {
    /// A stream: its head, and its first bytes.
    Stream(Head, Bytes),
    /// None: the function answered as others do.
    Whole(Result<Invoked, ApiError>),
    /// It broke off before it said anything.
    Nothing,
}

/// The answer that a function streams, from its first bytes on. One that does not stream answers as it would without.
///
/// # Errors
/// The function could not be run.
pub async fn answer(mut streaming: Streaming) -> Result<Response<Body>, ApiError> {
    match beginning(&mut streaming).await {
        Beginning::Stream(head, first) => {
            let first = stream::once(std::future::ready(Ok(first)));
            Ok(head.with(Body::from_stream(first.chain(rest(streaming)))))
        }
        Beginning::Whole(ended) => {
            let invoked = ended?;
            let failed = invoked.function_error;
            Ok(if failed { answer::function_failed() } else { answer::answer(invoked.payload) })
        }
        Beginning::Nothing => Ok(answer::function_failed()),
    }
}

async fn beginning(streaming: &mut Streaming) -> Beginning {
    let mut prelude: Option<Prelude> = None;
    let mut has_begun = false;
    while let Some(next) = streaming.next().await {
        match next {
            Next::Part(StreamPart::Begin { content_type }) => {
                has_begun = true;
                let has_prelude = content_type.split(';').next().unwrap_or_default().trim() == CONTENT_TYPE;
                prelude = has_prelude.then(Prelude::default);
            }
            Next::Part(StreamPart::Bytes(bytes)) => match prelude.as_mut().map(|prelude| prelude.read(&bytes)) {
                None => return Beginning::Stream(Head::plain(BYTES), bytes),
                Some(Read::More) => {}
                Some(Read::Whole(said, first)) => {
                    return Head::of(&said).map_or(Beginning::Nothing, |head| Beginning::Stream(head, first.into()));
                }
                Some(Read::Broken) => return Beginning::Nothing,
            },
            Next::End(ended) if !has_begun => return Beginning::Whole(ended),
            // One of no bytes.
            Next::End(Ok(invoked)) if !invoked.function_error && prelude.is_none() => {
                return Beginning::Stream(Head::plain(BYTES), Bytes::new());
            }
            Next::End(_) => return Beginning::Nothing,
        }
    }

    Beginning::Nothing
}

/// The bytes that follow. What goes wrong now can only be told by cutting the answer.
fn rest(streaming: Streaming) -> impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> {
    stream::unfold(Some(streaming), |streaming| async move {
        let mut streaming = streaming?;
        loop {
            return match streaming.next().await? {
                Next::Part(StreamPart::Bytes(bytes)) => Some((Ok(bytes), Some(streaming))),
                Next::Part(StreamPart::Begin { .. }) => continue,
                Next::End(Ok(invoked)) if !invoked.function_error => None,
                Next::End(_) => Some((Err(std::io::Error::other("the function failed while it answered")), None)),
            };
        }
    })
}
