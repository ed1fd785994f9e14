//! The state machine of an environment: one task that owns all of it.
//!
//! It takes events — frames of the link, calls of the APIs, ended processes, output, the clock — one at a time, so
//! that nothing needs a lock and each rule has one place: frames and time here, the init phase in `init_phase`,
//! invocations in `invocation`, the end of processes in `end`, calls in `runtime_calls` and `extension_calls`,
//! what is told of it all in `telling`.

mod alarm;
mod end;
mod extension_calls;
mod init_phase;
mod invocation;
mod reload;
mod runtime_calls;
mod telling;

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use larder_init::link::{FromInit, FunctionFacts, MAX_FRAME, Start, ToInit};
use larder_init::platform;
use tokio::signal::unix::{self, SignalKind};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use self::alarm::Alarm;
use self::end::Ending;
use self::invocation::Invocation;
use self::reload::Changes;
use crate::api::{ApiAnswer, ApiServer, Call};
use crate::extensions::Extensions;
use crate::lines::Lines;
use crate::memory::MemoryPeak;
use crate::oom::OomCounter;
use crate::preloaded::Preloaded;
use crate::program::Program;
use crate::reaper::Reaper;
use crate::resolver::Resolver;
use crate::server_link::{LinkEvent, ServerLink};
use crate::settings::{Network, Settings};
use crate::telemetry::Telemetry;
use crate::xray::XrayDaemon;

/// Calls that wait for the supervisor; a connection has one at a time.
const CALLS: usize = 32;

/// Room in a frame beside a response.
const FRAME_SPARE: usize = 64 * 1024;

/// Stands for "no deadline" in the clock's arithmetic: the longest timeout of AWS is 15 minutes.
const FAR: Duration = Duration::from_secs(366 * 24 * 3600);

/// Between two looks at the memory of processes that no control group limits.
const MEMORY_PAUSE: Duration = Duration::from_millis(50);

/// How many times as long as a look the pause after it is at least: many processes take long to look at.
const MEMORY_SHARE: u32 = 10;

/// How long an environment is idle before its processes are stopped: a busy one is not held up.
const FREEZE_AFTER: Duration = Duration::from_millis(20);

/// What the supervisor waits for.
enum Event {
    Link(LinkEvent),
    Call(Call),
    ChildEnded,
    Terminate,
    Clock,
    Output,
    Trace(bytes::Bytes),
}

/// One start of the runtime and of the extensions, and what belongs to it.
struct Run {
    /// Ends with it.
    api: ApiServer,
    started: Instant,
    /// Whether it is before an invocation, or within one.
    phase: platform::Phase,
    stage: Stage,
    /// The runtime; `None` until the extensions registered.
    runtime: Option<Program>,
    /// The line that the runtime has begun.
    lines: Lines,
    extensions: Extensions,
    /// Whether the init phase is over, well.
    initialised: bool,
    /// Beyond this the init phase is begun again for an invocation; `None` once that was done.
    init_limit: Option<Instant>,
}

impl Run {
    /// When an init phase that is not over has taken too long.
    fn init_due(&self) -> Option<Instant> {
        self.init_limit.filter(|_| !self.initialised)
    }
}

/// Where a runtime is in its loop.
enum Stage {
    /// It has not asked for an event yet.
    Starting,
    /// It waits to be told of the restore of its snapshot.
    Checkpointed(oneshot::Sender<ApiAnswer>),
    /// It runs its hooks after the restore, since then.
    Restoring(Instant),
    /// It waits for an event.
    Waiting(oneshot::Sender<ApiAnswer>),
    /// It has an event, or has not come back for the next one.
    Working,
}

/// Owns the environment.
pub struct Supervisor {
    link: ServerLink,
    reaper: Reaper,
    terminate: unix::Signal,
    calls: mpsc::Receiver<Call>,
    call_sender: mpsc::Sender<Call>,
    memory: MemoryPeak,
    oom: OomCounter,
    telemetry: Telemetry,
    xray: Option<XrayDaemon>,
    resolver: Option<Resolver>,
    start: Option<Start>,
    /// A runtime that was started before `start` came, until then.
    preloaded: Option<Preloaded>,
    network: Network,
    /// Whose environment it is.
    function: Arc<FunctionFacts>,
    run: Option<Run>,
    /// For all that the clock has to say.
    alarm: Alarm,
    /// Counts the starts of the runtime.
    generation: u64,
    invocation: Option<Invocation>,
    /// The last one that ended: a second answer to it is a mistake of state, not of the id.
    last_request_id: String,
    /// Length of the init phase, until the first invocation after it reports it.
    init_us: Option<u64>,
    restore_us: Option<u64>,
    /// Whether the first init phase of the environment is over: only that one is reported.
    init_reported: bool,
    /// Extensions are being told of the end.
    ending: Option<Ending>,
    /// A chunk that waits for room on the link.
    waiting_chunk: Option<oneshot::Sender<ApiAnswer>>,
    /// When the memory of the processes is looked at next.
    memory_look: Option<Instant>,
    /// When the processes are to be stopped, while nothing happens.
    freeze_at: Option<Instant>,
    frozen: bool,
    /// Changes of the code that the server told of.
    changes: Changes,
}

impl Supervisor {
    /// A supervisor of an environment without a runtime, with what answers for names there.
    pub fn new(settings: Settings, resolver: Option<Resolver>) -> io::Result<Self> {
        let (call_sender, calls) = mpsc::channel(CALLS);
        let network = settings.network;
        Ok(Self {
            link: ServerLink::new(settings),
            reaper: Reaper::new()?,
            terminate: unix::signal(SignalKind::terminate())?,
            calls,
            call_sender,
            memory: MemoryPeak::default(),
            oom: OomCounter::new(),
            telemetry: Telemetry::default(),
            xray: None,
            resolver,
            start: None,
            preloaded: None,
            network,
            function: Arc::default(),
            run: None,
            alarm: Alarm::new(),
            generation: 0,
            invocation: None,
            last_request_id: String::new(),
            init_us: None,
            restore_us: None,
            init_reported: false,
            ending: None,
            waiting_chunk: None,
            memory_look: None,
            freeze_at: None,
            frozen: false,
            changes: Changes::default(),
        })
    }

    /// Runs until the environment shall end; all its processes have ended then.
    pub async fn run(&mut self) {
        while !self.is_over() {
            match self.next_event().await {
                Event::Link(LinkEvent::Frame(frame)) => self.on_frame(frame).await,
                Event::Terminate => self.shut_down().await,
                Event::Link(LinkEvent::GraceOver) => {
                    eprintln!("larder-init: link: no server within the grace period");
                    self.shut_down().await;
                }
                Event::Call(call) => self.on_call(call).await,
                Event::ChildEnded => self.on_child_ended().await,
                Event::Clock => self.on_clock().await,
                Event::Output => self.on_output(),
                Event::Trace(datagram) => self.send(&FromInit::Trace(datagram)),
                Event::Link(LinkEvent::Changed) => self.on_link_changed(),
            }
            self.reload_when_idle().await;
        }
        self.stop_all().await;
    }

    async fn on_frame(&mut self, frame: ToInit) {
        match frame {
            ToInit::Preload(preload) => self.on_preload(*preload),
            ToInit::Start(start) => self.on_start(*start).await,
            ToInit::Invoke(invoke) => self.on_invoke(invoke).await,
            ToInit::Reload { change } => self.changes.ask(change),
            ToInit::Shutdown => self.shut_down().await,
            ToInit::Refused { reason } => {
                eprintln!("larder-init: refused by the server: {reason}");
                self.shut_down().await;
            }
        }
    }

    /// Waits for one event. The order is that of urgency: output is last, as a function that writes
    /// without end has always some, and calls are before ended processes, as a runtime may end
    /// right after its answer.
    async fn next_event(&mut self) -> Event {
        let wake = self.wake_at();
        let reads = self.link.takes_logs();
        let output = self.run.as_ref().filter(|_| reads);
        let xray = self.xray.as_mut();

        tokio::select! {
            biased;
            () = self.alarm.rings(wake) => Event::Clock,
            _ = self.terminate.recv() => Event::Terminate,
            event = self.link.event() => Event::Link(event),
            Some(call) = self.calls.recv() => Event::Call(call),
            () = self.reaper.child_ended() => Event::ChildEnded,
            datagram = datagram(xray) => Event::Trace(datagram),
            () = readable(output) => Event::Output,
        }
    }

    /// When the clock has something to say, if nothing else happens first. It may be asked sooner, for nothing.
    fn wake_at(&self) -> Option<Instant> {
        let limit = match (&self.invocation, &self.run) {
            (Some(Invocation { deadline: Some(deadline), .. }), _) => Some(*deadline),
            (Some(_), Some(run)) => run.init_due(),
            _ => None,
        };
        let limit = limit.filter(|_| self.ending.is_none());
        let ending = self.ending.as_ref().map(Ending::wake_at);
        let freeze = self.freeze_at.filter(|_| !self.frozen);
        let memory = self.memory_look.filter(|_| self.is_working());

        // A stall that is over already woke us: it must not do so again and again.
        let stall = self.link.stalled_at().filter(|at| *at > Instant::now());
        [limit, ending, freeze, memory, stall].into_iter().flatten().min()
    }

    async fn on_clock(&mut self) {
        let now = Instant::now();
        if self.ending.is_some() {
            return self.on_ending_clock(now).await;
        }
        if self.freeze_at.is_some_and(|at| at <= now) {
            self.freeze();
        }
        if self.memory_look.is_some_and(|at| at <= now) && self.is_working() {
            self.look_at_memory(now).await;
        }
        let Some(invocation) = &self.invocation else {
            return;
        };

        match (invocation.deadline, self.run.as_ref().and_then(Run::init_due)) {
            (Some(deadline), _) if deadline <= now => self.time_out().await,
            (None, Some(limit)) if limit <= now => {
                self.restart_within_invocation(platform::Status::Timeout).await;
            }
            _ => {}
        }
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

    /// Whether processes do what they are billed for.
    fn is_working(&self) -> bool {
        self.invocation.is_some() || self.run.as_ref().is_some_and(|run| !run.initialised)
    }

    /// Ends the processes when they use more memory together than they may.
    async fn look_at_memory(&mut self, now: Instant) {
        let limit = self.start.as_ref().and_then(|start| start.memory_limit_bytes);
        let first = self.reaper.is_first();
        let runtime = self.runtime_pid();
        let exceeded = limit.is_some_and(|limit| self.memory.exceeds(limit, first, runtime));
        let after = Instant::now();
        self.memory_look = Some(after + MEMORY_PAUSE.max((after - now) * MEMORY_SHARE));

        if exceeded {
            self.out_of_memory().await;
        }
    }

    /// Lets the processes go on.
    fn thaw(&mut self) {
        self.freeze_at = None;
        if std::mem::take(&mut self.frozen) {
            let groups = self.groups();
            self.reaper.go_on(&groups);
            self.telemetry.awake(true);
        }
    }

    /// Has the processes stopped soon, if nothing runs. What they do between invocations would not be done on AWS.
    fn rest(&mut self) {
        let wanted = self.start.as_ref().is_some_and(|start| start.freeze);
        let waits = self.run.as_ref().is_some_and(|run| {
            matches!(run.stage, Stage::Waiting(_) | Stage::Checkpointed(_)) && run.initialised && run.extensions.ready()
        });
        if wanted && waits && self.invocation.is_none() && self.ending.is_none() {
            self.freeze_at.get_or_insert_with(|| Instant::now() + FREEZE_AFTER);
        }
    }

    fn freeze(&mut self) {
        if !self.telemetry.is_delivered() {
            // A stopped extension takes no events: once more, later.
            self.freeze_at = Some(Instant::now() + FREEZE_AFTER);
            return;
        }

        self.freeze_at = None;
        self.frozen = true;
        self.drain_output();
        let groups = self.groups();
        self.reaper.stop(&groups);

        self.telemetry.awake(false);
    }
}

/// Waits for output, where there are processes that may write some.
async fn readable(run: Option<&Run>) {
    let Some(run) = run else {
        return std::future::pending().await;
    };
    let of_extensions: Vec<_> = run.extensions.all.iter().filter_map(|extension| extension.output.as_ref()).collect();
    match &run.runtime {
        // The usual case, on the way of every event.
        Some(runtime) if of_extensions.is_empty() => runtime.output.readable().await,
        runtime => {
            let outputs = runtime.iter().map(|runtime| &runtime.output).chain(of_extensions);
            let mut waits: Vec<_> = outputs.map(|output| Box::pin(output.readable())).collect();
            std::future::poll_fn(|context| {
                let ready = waits.iter_mut().any(|wait| wait.as_mut().poll(context).is_ready());
                if ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            })
            .await;
        }
    }
}

async fn datagram(xray: Option<&mut XrayDaemon>) -> bytes::Bytes {
    match xray {
        Some(xray) => xray.datagram().await,
        None => std::future::pending().await,
    }
}

/// Milliseconds since the epoch.
pub fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// A duration in microseconds.
fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
