//! The state machine of an environment: one task that owns all of it.
//!
//! It takes events — frames of the link, calls of the Runtime API, ended processes, output, the
//! clock — one at a time, so that nothing needs a lock and each rule has one place: frames and time
//! here, the runtime's life in `life`, its calls in `calls`.

mod calls;
mod life;
mod reload;

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use larder_init::link::{Finished, FromInit, Invoke, MAX_FRAME, Outcome, Start, ToInit};
use tokio::signal::unix::{self, SignalKind};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::api::{Answer, ApiServer, Call};
use crate::memory::MemoryPeak;
use crate::reaper::Reaper;
use crate::runtime_process::RuntimeProcess;
use crate::server_link::{LinkEvent, ServerLink};
use crate::settings::Settings;
use reload::Changes;

/// Calls that wait for the supervisor; a connection has one at a time.
const CALLS: usize = 32;

/// Room in a frame beside a response.
const FRAME_SPARE: usize = 64 * 1024;

/// Stands for "no deadline" in the clock's arithmetic: the longest timeout of AWS is 15 minutes.
const FAR: Duration = Duration::from_secs(366 * 24 * 3600);

/// What the supervisor waits for.
enum Event {
    Link(LinkEvent),
    Call(Call),
    ChildEnded,
    Terminate,
    Clock,
    Output,
}

/// The running runtime and what belongs to this start of it.
struct Runtime {
    process: RuntimeProcess,
    started: Instant,
    stage: Stage,
    /// Ends with the runtime.
    api: ApiServer,
}

/// Where a runtime is in its loop.
enum Stage {
    /// It has not asked for an event yet. Beyond `limit` it is started again for an invocation;
    /// `None` once that was done.
    Starting { limit: Option<Instant> },
    /// It waits for an event.
    Waiting(oneshot::Sender<Answer>),
    /// It has an event, or has not come back for the next one.
    Working,
}

/// The invocation that the server waits for.
struct Invocation {
    invoke: Invoke,
    /// When its event was handed over.
    handed: Option<Instant>,
    deadline: Option<Instant>,
}

/// Owns the environment.
pub struct Supervisor {
    link: ServerLink,
    reaper: Reaper,
    terminate: unix::Signal,
    calls: mpsc::Receiver<Call>,
    call_sender: mpsc::Sender<Call>,
    memory: MemoryPeak,
    start: Option<Start>,
    runtime: Option<Runtime>,
    /// Counts the starts of the runtime.
    generation: u64,
    invocation: Option<Invocation>,
    /// The last one that ended: a second answer to it is a mistake of state, not of the id.
    last_request_id: String,
    /// Length of the init phase, until the first invocation after it reports it.
    init_us: Option<u64>,
    /// Changes of the code that the server told of.
    changes: Changes,
}

impl Supervisor {
    /// A supervisor of an environment without a runtime.
    pub fn new(settings: Settings) -> io::Result<Self> {
        let (call_sender, calls) = mpsc::channel(CALLS);
        Ok(Self {
            link: ServerLink::new(settings),
            reaper: Reaper::new()?,
            terminate: unix::signal(SignalKind::terminate())?,
            calls,
            call_sender,
            memory: MemoryPeak::default(),
            start: None,
            runtime: None,
            generation: 0,
            invocation: None,
            last_request_id: String::new(),
            init_us: None,
            changes: Changes::default(),
        })
    }

    /// Runs until the environment shall end; all its processes have ended then.
    pub async fn run(&mut self) {
        loop {
            match self.next_event().await {
                Event::Link(LinkEvent::Frame(ToInit::Start(start))) => self.on_start(start),
                Event::Link(LinkEvent::Frame(ToInit::Invoke(invoke))) => {
                    self.on_invoke(invoke).await;
                }
                Event::Link(LinkEvent::Frame(ToInit::Reload { change })) => self.changes.ask(change),
                Event::Link(LinkEvent::Frame(ToInit::Shutdown)) | Event::Terminate => break,
                Event::Link(LinkEvent::Frame(ToInit::Refused { reason })) => {
                    eprintln!("larder-init: refused by the server: {reason}");
                    break;
                }
                Event::Link(LinkEvent::GraceOver) => {
                    eprintln!("larder-init: link: no server within the grace period");
                    break;
                }
                Event::Call(call) => self.on_call(call).await,
                Event::ChildEnded => self.on_child_ended().await,
                Event::Clock => self.on_clock().await,
                Event::Output => self.on_output(),
                // The next wait looks at the output again.
                Event::Link(LinkEvent::Changed) => {}
            }
            self.reload_when_idle().await;
        }
        self.stop_runtime().await;
    }

    /// Waits for one event. The order is that of urgency: output is last, as a function that writes
    /// without end has always some, and calls are before ended processes, as a runtime may end
    /// right after its answer.
    async fn next_event(&mut self) -> Event {
        let wake = self.wake_at();
        let reads = self.link.takes_logs();
        let output = self.runtime.as_ref().filter(|_| reads).map(|runtime| &runtime.process.output);
        tokio::select! {
            biased;
            () = sleep_until(wake.unwrap_or_else(|| Instant::now() + FAR)), if wake.is_some() => Event::Clock,
            _ = self.terminate.recv() => Event::Terminate,
            event = self.link.event() => Event::Link(event),
            Some(call) = self.calls.recv() => Event::Call(call),
            () = self.reaper.child_ended() => Event::ChildEnded,
            () = readable(output) => Event::Output,
        }
    }

    /// When the clock has something to say, if nothing else happens first.
    fn wake_at(&self) -> Option<Instant> {
        let limit = match (&self.invocation, &self.runtime) {
            (Some(Invocation { deadline: Some(deadline), .. }), _) => Some(*deadline),
            (Some(_), Some(Runtime { stage: Stage::Starting { limit }, .. })) => *limit,
            _ => None,
        };
        // A stall that is over already woke us: it must not do so again and again.
        let stall = self.link.stalled_at().filter(|at| *at > Instant::now());
        [limit, stall].into_iter().flatten().min()
    }

    fn on_start(&mut self, start: Start) {
        if self.start.is_some() {
            eprintln!("larder-init: link: a second Start is ignored");
            return;
        }
        self.start = Some(start);
        self.changes.begin();
        if let Err(reason) = self.start_runtime() {
            // The next invocation tries again, and tells its caller.
            eprintln!("larder-init: start the runtime: {reason}");
            self.note_loaded();
        }
    }

    async fn on_invoke(&mut self, invoke: Invoke) {
        if let Some(running) = &self.invocation {
            let id = &running.invoke.request_id;
            eprintln!("larder-init: link: an Invoke while {id} runs is ignored");
            return;
        }
        self.invocation = Some(Invocation { invoke, handed: None, deadline: None });
        match self.runtime.as_ref().map(|runtime| &runtime.stage) {
            None => self.start_for_invocation(),
            Some(Stage::Waiting(_)) => self.hand_over(),
            // A warm runtime that does not come back for the event has its timeout all the same.
            Some(Stage::Working) => self.start_timeout(),
            Some(Stage::Starting { limit: Some(limit) }) if *limit <= Instant::now() => {
                self.restart_within_invocation().await;
            }
            Some(Stage::Starting { .. }) => {}
        }
    }

    async fn on_clock(&mut self) {
        let now = Instant::now();
        let Some(invocation) = &self.invocation else {
            return;
        };
        match (invocation.deadline, self.runtime.as_ref().map(|runtime| &runtime.stage)) {
            (Some(deadline), _) if deadline <= now => self.time_out().await,
            (None, Some(Stage::Starting { limit: Some(limit) })) if *limit <= now => {
                self.restart_within_invocation().await;
            }
            _ => {}
        }
    }

    /// Sends one piece of output. The rest of the output lets other events go first.
    fn on_output(&mut self) {
        let Some(runtime) = &mut self.runtime else {
            return;
        };
        if let Some(piece) = runtime.process.output.take() {
            let frame = log_frame(piece);
            self.send(&frame);
        }
    }

    /// Ends the invocation: tells the server, with all that the outcome needs.
    fn finish(&mut self, outcome: Outcome) {
        let Some(invocation) = self.invocation.take() else {
            return;
        };
        let since = invocation.handed.or_else(|| {
            // Never handed over, but under the clock: it ran from where its timeout began.
            invocation.deadline?.checked_sub(Duration::from_millis(invocation.invoke.timeout_ms))
        });
        let pid = self.runtime.as_ref().map(|runtime| runtime.process.pid);
        self.last_request_id.clone_from(&invocation.invoke.request_id);
        let finished = Finished {
            request_id: invocation.invoke.request_id,
            outcome,
            duration_us: since.map_or(0, |since| microseconds(since.elapsed())),
            init_us: self.init_us.take(),
            max_memory_bytes: self.memory.bytes(self.reaper.is_first(), pid),
        };
        self.send(&FromInit::Finished(finished));
    }

    /// Queues a frame. One that cannot be encoded would be larger than the link allows, which the
    /// limit of responses rules out.
    fn send(&mut self, frame: &FromInit) {
        if let Err(error) = self.link.send(frame) {
            eprintln!("larder-init: link: {error}");
        }
    }

    /// Largest result in bytes: the function's limit, as far as a frame can carry it.
    fn result_limit(&self) -> u64 {
        let limit = self.start.as_ref().map_or(0, |start| start.max_response_bytes);
        limit.min((MAX_FRAME - FRAME_SPARE) as u64)
    }
}

/// Waits for output, where there is a runtime that may write some.
async fn readable(output: Option<&crate::output::Output>) {
    match output {
        Some(output) => output.readable().await,
        None => std::future::pending().await,
    }
}

/// A log frame with the present time.
fn log_frame(piece: &[u8]) -> FromInit {
    FromInit::Log { time_ms: now_ms(), data: Bytes::copy_from_slice(piece) }
}

/// Milliseconds since the epoch.
fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// A duration in microseconds.
fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
