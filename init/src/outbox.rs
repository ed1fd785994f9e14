//! The frames that wait to be sent: no result is lost, and logs are bounded.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use larder_init::link::{self, FrameError, FromInit};

/// Waiting log bytes at which the runtime's output is left in its pipe while the server reads.
const LOG_ROOM: usize = 256 * 1024;

/// Waiting log bytes at which the oldest are dropped: without a server nobody else bounds them. It
/// lies above [`LOG_ROOM`] by what a drain at the end of an invocation may add.
const LOG_LIMIT: usize = 2 * 1024 * 1024;

/// Waiting bytes of a streamed response at which no more are taken.
const CHUNK_ROOM: usize = 1024 * 1024;

/// Bytes one queued frame costs beside its text, so that many tiny ones are bounded as well.
const FRAME_COST: usize = 96;

/// How long a result that was written may still have sat unread in the kernel when the link broke.
/// A younger one is sent again: the server may see a result twice, but misses none.
const UNREAD: Duration = Duration::from_secs(5);

/// What a queued frame is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Hello,
    /// A word on the phase of the environment.
    Ready,
    Log,
    Chunk,
    Finished,
}

/// An encoded frame.
#[derive(Debug)]
struct Parcel {
    kind: Kind,
    bytes: Vec<u8>,
}

impl Parcel {
    fn new(frame: &FromInit) -> Result<Self, FrameError> {
        let kind = match frame {
            FromInit::Hello(_) => Kind::Hello,
            FromInit::Ready { .. }
            | FromInit::InitFailed { .. }
            | FromInit::Loaded { .. }
            | FromInit::Answered { .. } => Kind::Ready,
            FromInit::Log { .. } | FromInit::Platform(_) | FromInit::Line { .. } | FromInit::Trace(_) => Kind::Log,
            FromInit::Streams { .. } | FromInit::Chunk { .. } => Kind::Chunk,
            FromInit::Finished(_) => Kind::Finished,
        };
        Ok(Self { kind, bytes: link::encode(frame)? })
    }

    fn log_cost(&self) -> usize {
        if self.kind == Kind::Log { self.bytes.len() + FRAME_COST } else { 0 }
    }

    fn chunk_cost(&self) -> usize {
        if self.kind == Kind::Chunk { self.bytes.len() } else { 0 }
    }
}

/// Frames in the order in which they are sent.
#[derive(Debug, Default)]
pub struct Outbox {
    parcels: VecDeque<Parcel>,
    /// Bytes of the first parcel that are written already.
    written: usize,
    log_bytes: usize,
    chunk_bytes: usize,
    /// The last result, until the server shows that it reads on.
    last_result: Option<(Parcel, Instant)>,
}

impl Outbox {
    /// Queues a frame; a log frame may push out the oldest ones.
    pub fn push(&mut self, frame: &FromInit) -> Result<(), FrameError> {
        let parcel = Parcel::new(frame)?;
        self.log_bytes += parcel.log_cost();
        self.chunk_bytes += parcel.chunk_cost();
        self.parcels.push_back(parcel);
        self.drop_old_logs();
        Ok(())
    }

    /// Queues the first frame of a new connection before all others.
    pub fn greet(&mut self, hello: &FromInit) -> Result<(), FrameError> {
        self.parcels.push_front(Parcel::new(hello)?);
        Ok(())
    }

    /// Writes with `write` until it would block or nothing is left.
    pub fn flush(&mut self, mut write: impl FnMut(&[u8]) -> io::Result<usize>) -> io::Result<()> {
        while let Some(parcel) = self.parcels.front() {
            match write(&parcel.bytes[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if self.written >= parcel.bytes.len() {
                self.sent();
            }
        }
        Ok(())
    }

    /// Says that the server sent a frame: it has read the result that came before.
    pub fn heard(&mut self) {
        self.last_result = None;
    }

    /// Makes ready for another connection: half a frame is sent again whole, and so is a result
    /// that the server may not have read.
    pub fn reconnect(&mut self) {
        self.written = 0;
        // Nobody waits any more for the rest of a stream.
        self.parcels.retain(|parcel| !matches!(parcel.kind, Kind::Hello | Kind::Chunk));
        self.chunk_bytes = 0;
        if let Some((result, at)) = self.last_result.take()
            && at.elapsed() < UNREAD
        {
            self.parcels.push_front(result);
        }
    }

    /// True when nothing waits.
    pub fn is_empty(&self) -> bool {
        self.parcels.is_empty()
    }

    /// True when more of a streamed response should be taken.
    pub fn has_chunk_room(&self) -> bool {
        self.chunk_bytes < CHUNK_ROOM
    }

    /// True when more output should be read while the server is connected.
    pub fn has_log_room(&self) -> bool {
        self.log_bytes < LOG_ROOM
    }

    /// Takes the first parcel off, which is written whole.
    fn sent(&mut self) {
        self.written = 0;
        let Some(parcel) = self.parcels.pop_front() else {
            return;
        };
        self.log_bytes -= parcel.log_cost();
        self.chunk_bytes -= parcel.chunk_cost();

        if parcel.kind == Kind::Finished {
            self.last_result = Some((parcel, Instant::now()));
        }
    }

    /// Drops the oldest log frames beyond the limit, but none that is half written.
    fn drop_old_logs(&mut self) {
        let mut index = usize::from(self.written > 0);
        while self.log_bytes > LOG_LIMIT && index < self.parcels.len() {
            let cost = self.parcels[index].log_cost();
            if cost == 0 {
                index += 1;
            } else {
                self.parcels.remove(index);
                self.log_bytes -= cost;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use larder_init::link::{Finished, Outcome};

    fn finished(id: &str) -> FromInit {
        FromInit::Finished(Finished {
            request_id: id.into(),
            outcome: Outcome::TimedOut,
            duration_us: 1,
            init_us: None,
            restore_us: None,
            max_memory_bytes: 0,
        })
    }

    fn results(outbox: &Outbox) -> usize {
        outbox.parcels.iter().filter(|parcel| parcel.kind == Kind::Finished).count()
    }

    fn log(length: usize) -> FromInit {
        FromInit::Log { time_ms: 1, data: Bytes::from(vec![b'x'; length]) }
    }

    #[test]
    fn old_logs_give_way_but_results_stay() {
        let mut outbox = Outbox::default();
        outbox.push(&finished("r1")).expect("encodes");
        for _ in 0..100 {
            outbox.push(&log(64 * 1024)).expect("encodes");
        }
        assert!(outbox.log_bytes <= LOG_LIMIT);
        assert_eq!(results(&outbox), 1);
    }

    #[test]
    fn a_frame_cut_by_a_lost_link_is_sent_again_whole() {
        let mut outbox = Outbox::default();
        outbox.push(&log(10)).expect("encodes");
        let mut first = true;
        let cut = outbox.flush(|_| if std::mem::take(&mut first) { Ok(3) } else { Err(io::Error::other("lost")) });
        assert!(cut.is_err());
        outbox.reconnect();
        let mut sent = Vec::new();
        let whole = outbox.flush(|bytes| {
            sent.extend_from_slice(bytes);
            Ok(bytes.len())
        });
        assert!(whole.is_ok());

        assert_eq!(sent, link::encode(&log(10)).expect("encodes"));
    }

    #[test]
    fn an_unconfirmed_result_is_sent_again_and_a_confirmed_one_is_not() {
        let mut outbox = Outbox::default();
        outbox.push(&finished("r1")).expect("encodes");
        outbox.flush(|bytes| Ok(bytes.len())).expect("written");
        outbox.reconnect();
        assert_eq!(results(&outbox), 1);
        outbox.flush(|bytes| Ok(bytes.len())).expect("written");
        outbox.heard();
        outbox.reconnect();

        assert_eq!(results(&outbox), 0);
    }
}
