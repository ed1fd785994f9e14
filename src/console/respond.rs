//! Long answers as responses.

use std::io;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tokio::io::duplex;
use tokio_util::io::{ReaderStream, SyncIoBridge};

use crate::desk::long::Long;

/// Bytes that are ready and not yet sent, at most.
const BUFFER: usize = 64 * 1024;

/// Sends an answer while it is made. The response waits for whoever writes it, and breaks off where that fails.
pub fn long<T: Send + 'static>(long: Long<T>) -> Response {
    let (reader, writer) = duplex(BUFFER);
    let out = io::BufWriter::with_capacity(BUFFER, SyncIoBridge::new(writer));
    let writing = tokio::task::spawn_blocking(move || long.write(out));
    let end = async move { writing.await.map_err(io::Error::other)?.map(|()| Bytes::new()) };
    let body = Body::from_stream(ReaderStream::new(reader).chain(stream::once(end)));
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
