//! Bodies of requests on their way in. What is wanted whole is received here before anybody works with it: in memory
//! as long as all bodies together leave room there, else in files without a name. So callers who stall cost a file,
//! and nobody's memory.

use std::io::{self, BufWriter, Seek as _, Write as _};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use bytes::BytesMut;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, stream};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, Incoming, SizeHint};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::io::ReaderStream;

use crate::front::service::ServiceName;

/// Bytes of a body that is read by whoever works with it: as many connections as there may be have room for it.
const SMALL: u64 = 16 * 1024;

/// Bytes of a body from which on few are worked with at a time: code packages, of which several copies are made then.
const LARGE: u64 = 8 * 1024 * 1024;

/// Bytes that are read from a file at a time.
const CHUNK: usize = 256 * 1024;

/// Pieces that are shorter are put together: each costs more than its bytes.
const PIECE: usize = 16 * 1024;

/// Larder's own endpoints that take what they are sent piece by piece.
const STREAMED: [&str; 2] = ["/_larder/pods/load", "/_larder/pods/inspect"];

/// Room for bodies.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Bytes of all bodies that are kept in memory while they arrive.
    pub memory: usize,
    /// Bytes of all large bodies that are worked with at a time.
    pub work: usize,
    /// Bytes of one body that is received whole.
    pub one: u64,
    /// Bytes of all bodies that lie in files.
    pub files: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { memory: 128 << 20, work: 128 << 20, one: 128 << 20, files: 2 << 30 }
    }
}

/// Receives bodies.
#[derive(Debug)]
pub struct Bodies {
    /// Where files lie, without names.
    staging: PathBuf,
    room: Room,
    memory: Arc<Semaphore>,
    work: Arc<Semaphore>,
    files: Arc<Semaphore>,
}

/// What became of a body, told to whoever answers.
#[derive(Debug, Clone, Default)]
pub struct Arrival {
    is_stalled: Arc<AtomicBool>,
    /// Held while a large body is worked with.
    _turn: Option<Arc<OwnedSemaphorePermit>>,
}

impl Arrival {
    /// The answer to a caller whose body stood still, whatever was made of what came of it.
    pub fn late_answer(&self) -> Option<Response<Body>> {
        self.is_stalled.load(Ordering::Acquire).then(late)
    }
}

/// A body, or what is answered to one that does not come.
type Received = Result<Request<Body>, Response<Body>>;

impl Bodies {
    /// Keeps what has no room in memory in files in `staging`.
    pub fn new(staging: PathBuf, room: Room) -> Self {
        let semaphore = |bytes| Arc::new(Semaphore::new(bytes));
        let [memory, work, files] = [room.memory, room.work, room.files].map(semaphore);
        Self { staging, room, memory, work, files }
    }

    /// A request whose body has arrived, or arrives as it is read; no byte of it may take longer than `patience`.
    pub async fn receive(&self, request: Request<Incoming>, patience: Duration) -> (Received, Arrival) {
        let arrival = Arrival::default();
        let (parts, body) = request.into_parts();
        let size = body.size_hint();
        let body = Timed { body, patience, sleep: None, is_stalled: Arc::clone(&arrival.is_stalled) };
        let is_small = size.upper().is_some_and(|upper| upper <= SMALL);
        let is_beyond = size.lower() > self.room.one;
        if is_small || is_beyond || is_streamed(&parts) {
            return (Ok(Request::from_parts(parts, Body::new(body))), arrival);
        }
        let (body, size) = match self.gather(body).await {
            Ok(gathered) => gathered,
            Err(_) if arrival.is_stalled.load(Ordering::Acquire) => return (Err(late()), arrival),
            Err(error) if error.is::<NoRoom>() => return (Err(no_room()), arrival),
            // What reads it says that it cannot be read.
            Err(error) => (Body::from_stream(stream::once(async { Err::<Bytes, _>(error) })), 0),
        };
        let turn = if size > LARGE { self.turn(size).await } else { None };
        let arrival = Arrival { _turn: turn, ..arrival };

        (Ok(Request::from_parts(parts, body)), arrival)
    }

    /// Waits until a large body may be worked with.
    async fn turn(&self, size: u64) -> Option<Arc<OwnedSemaphorePermit>> {
        let all = u32::try_from(self.room.work).unwrap_or(u32::MAX);
        let bytes = u32::try_from(size).unwrap_or(u32::MAX).min(all);
        Arc::clone(&self.work).acquire_many_owned(bytes).await.ok().map(Arc::new)
    }

    /// Receives a body to its end, or to where it is too long for anybody.
    async fn gather(&self, mut body: Timed) -> Result<(Body, u64), axum::BoxError> {
        let mut kept = Kept::Memory(Pieces::default(), None);
        let mut size = 0_u64;
        while let Some(frame) = body.frame().await {
            let Ok(bytes) = frame?.into_data() else { continue };
            size += bytes.len() as u64;
            kept = self.keep(kept, bytes)?;
            if size > self.room.one {
                // The rest is for whoever says that it is too much.
                let rest = body.into_data_stream().map(|bytes| bytes.map_err(axum::Error::new));
                return Ok((Body::from_stream(kept.stream()?.chain(rest)), size));
            }
        }

        Ok((kept.into_body()?, size))
    }

    fn keep(&self, kept: Kept, bytes: Bytes) -> Result<Kept, axum::BoxError> {
        match kept {
            Kept::Memory(mut pieces, permit) => match taken(&self.memory, permit, bytes.len()) {
                Ok(permit) => {
                    pieces.push(bytes);
                    Ok(Kept::Memory(pieces, Some(permit)))
                }
                Err(_) => self.spill(pieces, &bytes),
            },
            Kept::File(mut file, permit) => {
                let permit = taken(&self.files, Some(permit), bytes.len()).map_err(|_| NoRoom)?;
                file.write_all(&bytes)?;
                Ok(Kept::File(file, permit))
            }
        }
    }

    /// Puts what has come into a file. It goes into the page cache: nobody waits for a disk.
    fn spill(&self, pieces: Pieces, bytes: &Bytes) -> Result<Kept, axum::BoxError> {
        let pieces = pieces.whole();
        let length: usize = pieces.iter().chain([bytes]).map(Bytes::len).sum();
        let permit = taken(&self.files, None, length).map_err(|_| NoRoom)?;
        let mut file = BufWriter::with_capacity(PIECE, tempfile::tempfile_in(&self.staging)?);
        for piece in pieces.iter().chain([bytes]) {
            file.write_all(piece)?;
        }
        Ok(Kept::File(file, permit))
    }
}

/// Takes more room, if there is so much; what was taken before is given back with it.
fn taken(
    room: &Arc<Semaphore>,
    before: Option<OwnedSemaphorePermit>,
    bytes: usize,
) -> Result<OwnedSemaphorePermit, TryAcquireError> {
    let count = u32::try_from(bytes).unwrap_or(u32::MAX);
    let mut more = Arc::clone(room).try_acquire_many_owned(count)?;
    if let Some(before) = before {
        more.merge(before);
    }
    Ok(more)
}

/// Whether a body goes on as it comes: to another endpoint, or to what takes it piece by piece.
fn is_streamed(parts: &axum::http::request::Parts) -> bool {
    let is_others = || matches!(ServiceName::of_head(&parts.headers, &parts.uri), Some(ServiceName::Other(_)));
    STREAMED.contains(&parts.uri.path()) || is_others()
}

/// Bytes in memory, in pieces that are worth their cost.
#[derive(Default)]
struct Pieces {
    long: Vec<Bytes>,
    /// Short ones, put together.
    short: BytesMut,
}

impl Pieces {
    fn push(&mut self, bytes: Bytes) {
        if bytes.len() < PIECE {
            self.short.extend_from_slice(&bytes);
        }
        if bytes.len() >= PIECE || self.short.len() >= PIECE {
            self.put_together();
        }
        if bytes.len() >= PIECE {
            self.long.push(bytes);
        }
    }

    fn put_together(&mut self) {
        if !self.short.is_empty() {
            self.long.push(std::mem::take(&mut self.short).freeze());
        }
    }

    fn whole(mut self) -> Vec<Bytes> {
        self.put_together();
        self.long
    }
}

/// What has arrived of a body.
enum Kept {
    Memory(Pieces, Option<OwnedSemaphorePermit>),
    File(BufWriter<std::fs::File>, OwnedSemaphorePermit),
}

impl Kept {
    fn into_body(self) -> io::Result<Body> {
        match self {
            Self::Memory(pieces, permit) => {
                let mut pieces = pieces.whole();
                if pieces.len() <= 1 {
                    return Ok(pieces.pop().map_or_else(Body::empty, Body::from));
                }
                Ok(Body::from_stream(in_memory(pieces, permit)))
            }
            kept @ Self::File(..) => Ok(Body::from_stream(kept.stream()?)),
        }
    }

    /// Its bytes; the room is given back when they have been taken.
    fn stream(self) -> io::Result<BoxStream<'static, Result<Bytes, axum::Error>>> {
        Ok(match self {
            Self::Memory(pieces, permit) => in_memory(pieces.whole(), permit),
            Self::File(file, permit) => {
                let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
                file.rewind()?;
                let bytes = ReaderStream::with_capacity(tokio::fs::File::from_std(file), CHUNK);
                Box::pin(bytes.map(move |bytes| {
                    let _held = &permit;
                    bytes.map_err(axum::Error::new)
                }))
            }
        })
    }
}

fn in_memory(
    pieces: Vec<Bytes>,
    permit: Option<OwnedSemaphorePermit>,
) -> BoxStream<'static, Result<Bytes, axum::Error>> {
    Box::pin(stream::iter(pieces).map(move |bytes| {
        let _held = &permit;
        Ok(bytes)
    }))
}

/// A body whose bytes come in time, or not at all.
#[derive(Debug)]
struct Timed {
    body: Incoming,
    patience: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    is_stalled: Arc<AtomicBool>,
}

/// A body stood still.
#[derive(Debug, thiserror::Error)]
#[error("no byte of the request's body came for {0:?}")]
struct Stalled(Duration);

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.sleep = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }

        let patience = self.patience;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + patience)));
        ready!(sleep.as_mut().poll(context));
        self.is_stalled.store(true, Ordering::Release);

        Poll::Ready(Some(Err(Stalled(patience).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Too many bodies lie in files.
#[derive(Debug, thiserror::Error)]
#[error("there is no room for the request's body")]
struct NoRoom;

/// The answer to a caller whose body stood still.
fn late() -> Response<Body> {
    let message = "The rest of the request did not come in time.";
    given_up(StatusCode::REQUEST_TIMEOUT, "RequestTimeoutException", message)
}

/// The answer to one whose body finds no room.
fn no_room() -> Response<Body> {
    let message = "Too many large requests are on their way; try again when some have ended.";
    given_up(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailableException", message)
}

/// An answer behind which the connection ends, as the rest of the body is not read.
fn given_up(status: StatusCode, code: &'static str, message: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(json!({ "message": message }).to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert("x-amzn-errortype", HeaderValue::from_static(code));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_pieces_are_put_together() {
        let mut pieces = Pieces::default();
        for byte in 0..=255_u8 {
            for _ in 0..300 {
                pieces.push(Bytes::copy_from_slice(&[byte]));
            }
        }

        pieces.push(vec![7; PIECE].into());
        pieces.push(Bytes::from_static(b"end"));
        let whole = pieces.whole();
        assert_eq!(whole.len(), 256 * 300 / PIECE + 3);
        let expected = (0..=255_u8).flat_map(|byte| [byte; 300]).chain([7; PIECE]).chain(*b"end");

        assert!(whole.concat().into_iter().eq(expected));
    }

    #[test]
    fn files_have_an_end_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let room = Room { memory: 10, work: 10, one: 1000, files: 100 };
        let bodies = Bodies::new(folder.path().to_owned(), room);
        let keep = |kept, length| bodies.keep(kept, vec![1; length].into());
        let first = keep(Kept::Memory(Pieces::default(), None), 8).expect("in memory");
        let first = keep(first, 60).expect("in a file");
        assert!(matches!(first, Kept::File(..)) && bodies.memory.available_permits() == 10);
        let second = keep(Kept::Memory(Pieces::default(), None), 60);
        assert!(second.is_err_and(|error| error.is::<NoRoom>()));
        drop(first);
        assert_eq!(bodies.files.available_permits(), 100);
    }
}
