//! A connection's socket that fails when it stands still for too long, by what the connection is doing.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::patience::Patience;
use super::resting::Resting;

/// What a connection is doing: how many of its requests were begun, and how many were answered.
#[derive(Debug)]
pub(super) struct Activity {
    begun: AtomicU64,
    answered: AtomicU64,
    door: Arc<Resting>,
    /// Ends the connection.
    leave: CancellationToken,
    /// Its place among those that rest; one that it has no longer does no harm.
    place: AtomicU64,
}

impl Activity {
    /// That of a new connection at a door: it rests. `leave` ends it.
    pub fn new(door: &Arc<Resting>, leave: CancellationToken) -> Self {
        let place = AtomicU64::new(door.rest(leave.clone()));
        Self { begun: AtomicU64::default(), answered: AtomicU64::default(), door: Arc::clone(door), leave, place }
    }

    /// A request was read.
    pub fn begin(self: &Arc<Self>) -> Turn {
        self.begun.fetch_add(1, Ordering::AcqRel);
        self.door.wake(self.place.load(Ordering::Acquire));
        Turn(Arc::clone(self))
    }

    /// Whether it had any request.
    pub fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire) > 0
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Turn(Arc<Activity>);

impl Drop for Turn {
    fn drop(&mut self) {
        let activity = &self.0;
        let answered = activity.answered.fetch_add(1, Ordering::AcqRel) + 1;
        // A request that begins just now may be taken for one that rests: it is answered before the connection ends.
        if answered == activity.begun.load(Ordering::Acquire) {
            activity.place.store(activity.door.rest(activity.leave.clone()), Ordering::Release);
        }
    }
}

impl Drop for Activity {
    fn drop(&mut self) {
        self.door.wake(self.place.load(Ordering::Acquire));
    }
}

/// An answer's body; its end is that of the request's turn.
#[derive(Debug)]
pub(super) struct Answering {
    body: Body,
    _turn: Turn,
}

impl Answering {
    pub fn new(body: Body, turn: Turn) -> Self {
        Self { body, _turn: turn }
    }
}

impl HttpBody for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A timer that is made when it is first needed.
#[derive(Debug, Default)]
struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    fn set(&mut self, after: Duration) {
        let deadline = Instant::now() + after;
        match &mut self.0 {
            Some(sleep) => sleep.as_mut().reset(deadline),
            None => self.0 = Some(Box::pin(sleep_until(deadline))),
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Some(sleep) => sleep.as_mut().poll(context),
            None => Poll::Pending,
        }
    }
}

/// What is waited for from the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    /// The rest of a head, or the first one.
    Head,
    /// The next request.
    Next,
    /// Nothing: a request is being answered, and its body is watched elsewhere.
    Nothing,
}

/// The socket.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    activity: Arc<Activity>,
    patience: Patience,
    waiting: Waiting,
    /// How many requests had been answered when that began.
    since: u64,
    reading: Timer,
    /// Whether the caller has not taken the last bytes.
    is_stuck: bool,
    writing: Timer,
}

impl<S> Watched<S> {
    pub fn new(stream: S, activity: Arc<Activity>, patience: Patience) -> Self {
        let mut reading = Timer::default();
        reading.set(patience.head);
        Self {
            stream,
            activity,
            patience,
            waiting: Waiting::Head,
            since: 0,
            reading,
            is_stuck: false,
            writing: Timer::default(),
        }
    }

    /// Nothing has come: fails when that lasts too long.
    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wait_for(Waiting::Next, self.patience.idle);
        if self.waiting == Waiting::Nothing {
            return Poll::Pending;
        }
        ready!(self.reading.poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Notes what is waited for from now on, and for how long; a head that has begun is waited for to its end.
    fn wait_for(&mut self, what: Waiting, patience: Duration) {
        let answered = self.activity.answered.load(Ordering::Acquire);
        if self.activity.begun.load(Ordering::Acquire) > answered {
            self.waiting = Waiting::Nothing;
            return;
        }

        let goes_on = self.since == answered && (self.waiting == Waiting::Head || self.waiting == what);
        if !goes_on {
            (self.waiting, self.since) = (what, answered);
            self.reading.set(patience);
        }
    }

    /// Fails when the caller takes nothing for too long.
    fn written<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.is_stuck = false;
            return written;
        }

        if !self.is_stuck {
            self.is_stuck = true;
            self.writing.set(self.patience.answer);
        }

        ready!(self.writing.poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Pending => self.poll_patience(context),
            read @ Poll::Ready(_) => {
                if buffer.filled().len() > before {
                    let patience = self.patience.head;
                    self.wait_for(Waiting::Head, patience);
                }
                read
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
