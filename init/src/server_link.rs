//! The init's end of the link: one connection at a time, dialled again when it is lost.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use larder_init::link::{self, FromInit, Hello, PREFIX, Phase, ToInit};
use tokio::time::Instant;

use crate::dial::{Dial, Dialled, Stream};
use crate::outbox::Outbox;
use crate::settings::Settings;

/// A connection that lived this long reached a server; a proxy without one behind it accepts and
/// hangs up at once.
const REACHED_AFTER: Duration = Duration::from_secs(1);

/// How long a connected server may take no bytes before output is read (and the oldest dropped)
/// all the same: a server that hangs must not hang the function.
const STALL_LIMIT: Duration = Duration::from_secs(1);

/// Spare room for a read; a larger frame makes its own.
const READ_ROOM: usize = 16 * 1024;

/// What the link reports.
#[derive(Debug)]
pub enum LinkEvent {
    /// The server sent a frame.
    Frame(ToInit),
    /// No server could be reached for the grace period.
    GraceOver,
    /// Connected, lost, or room for output again: [`ServerLink::takes_logs`] may say otherwise now.
    Changed,
}

/// A live connection.
struct Connection {
    stream: Stream,
    since: Instant,
    /// Whether the server sent a frame on it.
    heard: bool,
    /// When the server last took bytes, or nothing waited.
    progress: Instant,
    /// Since when no server was reached, should this one turn out to be none.
    unreachable_since: Instant,
}

/// Connected or not.
enum State {
    Up(Connection),
    Down(Dial),
}

/// The link to the server.
pub struct ServerLink {
    settings: Settings,
    state: State,
    inbox: BytesMut,
    outbox: Outbox,
    /// What the environment does, as the frames tell.
    phase: Phase,
}

impl ServerLink {
    /// A link that begins to dial with the first [`Self::event`].
    pub fn new(settings: Settings) -> Self {
        let dial = Dial::new(settings.link.clone(), Instant::now(), settings.grace);
        Self {
            settings,
            state: State::Down(dial),
            inbox: BytesMut::new(),
            outbox: Outbox::default(),
            phase: Phase::Fresh,
        }
    }

    /// Waits for the next event, writing what waits meanwhile. May be dropped and called again at
    /// any point.
    pub async fn event(&mut self) -> LinkEvent {
        match &mut self.state {
            State::Down(dial) => match dial.finish().await {
                Dialled::Connected(stream) => self.connected(stream),
                Dialled::GraceOver => return LinkEvent::GraceOver,
            },
            State::Up(connection) => match exchange(connection, &mut self.inbox, &mut self.outbox).await {
                Ok(Some(frame)) => {
                    self.note(&frame);
                    return LinkEvent::Frame(frame);
                }
                Ok(None) => {}
                Err(error) => self.lost(&error),
            },
        }
        LinkEvent::Changed
    }

    /// Queues a frame and writes at once what the kernel takes.
    pub fn send(&mut self, frame: &FromInit) -> Result<(), link::FrameError> {
        self.outbox.push(frame)?;
        if let FromInit::Finished(_) = frame {
            self.phase = Phase::Idle;
        }
        self.flush();
        Ok(())
    }

    /// True when the runtime's output should be read. Without a server it should: the oldest is
    /// dropped then.
    pub fn takes_logs(&self) -> bool {
        self.outbox.has_log_room() || self.stalled_at().is_none_or(|at| at <= Instant::now())
    }

    /// True when more of a streamed response should be taken. Without a server nobody waits for it.
    pub fn has_chunk_room(&self) -> bool {
        self.outbox.has_chunk_room() || matches!(self.state, State::Down(_))
    }

    /// When a connected server that takes no bytes counts as hanging.
    pub fn stalled_at(&self) -> Option<Instant> {
        match &self.state {
            State::Up(connection) if !self.outbox.has_log_room() => Some(connection.progress + STALL_LIMIT),
            _ => None,
        }
    }

    /// Writes what the kernel takes now; [`Self::event`] goes on with the rest.
    fn flush(&mut self) {
        if let State::Up(connection) = &mut self.state
            && let Err(error) = write_waiting(connection, &mut self.outbox)
        {
            self.lost(&error);
        }
    }

    /// Says hello on a new connection, before all that waits.
    fn connected(&mut self, stream: Stream) {
        let hello = FromInit::Hello(Hello {
            protocol: link::PROTOCOL,
            environment: self.settings.environment.clone(),
            token: self.settings.token.clone(),
            // A result that still waits makes nobody wait: it follows, and the runtime is free.
            phase: self.phase.clone(),
        });
        let now = Instant::now();
        let unreachable_since = match &self.state {
            State::Down(dial) => dial.unreachable_since(),
            State::Up(_) => now,
        };
        self.state = State::Up(Connection { stream, since: now, heard: false, progress: now, unreachable_since });
        if let Err(error) = self.outbox.greet(&hello) {
            eprintln!("larder-init: hello: {error}");
        }

        self.flush();
    }

    /// Turns to dialling.
    fn lost(&mut self, error: &io::Error) {
        let State::Up(connection) = &self.state else {
            return;
        };
        if error.kind() == io::ErrorKind::InvalidData {
            eprintln!("larder-init: link: {error}");
        }
        let reached = connection.heard || connection.since.elapsed() >= REACHED_AFTER;
        let unreachable_since = if reached { Instant::now() } else { connection.unreachable_since };
        let dial = Dial::new(self.settings.link.clone(), unreachable_since, self.settings.grace);
        self.state = State::Down(dial.after_pause());
        self.inbox.clear();

        self.outbox.reconnect();
    }

    /// Keeps the phase, and lets go of the result that the server has read.
    fn note(&mut self, frame: &ToInit) {
        // A reload comes at any time, and tells nothing of what was read.
        if !matches!(frame, ToInit::Reload { .. }) {
            self.outbox.heard();
        }
        match frame {
            ToInit::Start(_) => self.phase = Phase::Idle,
            ToInit::Invoke(invoke) => self.phase = Phase::Busy { request_id: invoke.request_id.clone() },
            ToInit::Refused { .. } | ToInit::Shutdown | ToInit::Reload { .. } | ToInit::Preload(_) => {}
        }
    }
}

/// Reads and writes until a whole frame is there, or room for output that was not there before.
async fn exchange(
    connection: &mut Connection,
    inbox: &mut BytesMut,
    outbox: &mut Outbox,
) -> io::Result<Option<ToInit>> {
    loop {
        let frame = link::decode(inbox).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        if let Some(frame) = frame {
            connection.heard = true;
            return Ok(Some(frame));
        }
        make_room(inbox);
        let read = connection.stream.read_into(inbox, !outbox.is_empty()).await?;
        if read == Some(0) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if !outbox.is_empty() {
            let had_room = outbox.has_log_room();
            let took_chunks = outbox.has_chunk_room();
            write_waiting(connection, outbox)?;
            if !had_room && outbox.has_log_room() || !took_chunks && outbox.has_chunk_room() {
                return Ok(None);
            }
        }
    }
}

/// Makes room for a read; for a frame whose length is known in one go.
fn make_room(inbox: &mut BytesMut) {
    let missing = match inbox.first_chunk::<PREFIX>() {
        // `decode` refused a length beyond the limit already.
        Some(prefix) => (u32::from_le_bytes(*prefix) as usize + PREFIX).saturating_sub(inbox.len()),
        None => 0,
    };
    inbox.reserve(missing.max(READ_ROOM));
}

/// Writes what waits, as far as the kernel takes it, and notes whether it took any.
fn write_waiting(connection: &mut Connection, outbox: &mut Outbox) -> io::Result<()> {
    let stream = &mut connection.stream;
    let mut taken = 0;
    let result = outbox.flush(|bytes| {
        let count = stream.try_write(bytes)?;
        taken += count;
        Ok(count)
    });
    if taken > 0 || outbox.is_empty() {
        connection.progress = Instant::now();
    }

    result
}
