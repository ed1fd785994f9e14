//! One environment as the server sees it: its link, and the invocation it runs.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use larder_init::link::{self, Finished, Invoke, Outcome, Start, ToInit};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::deadline::Deadline;
use super::deployment::{DeploymentKey, Initialization};
use super::executor::EnvironmentId;
use super::function_log::FunctionLog;
use super::ground::Ground;
use super::hot_reload::LoadedCode;
use super::invocation::{Completed, Invocation, Place, StreamPart};
use super::tail::Tail;
use super::work::{Current, INIT_LIMIT, SHUTDOWN_LIMIT, Work};

/// Bytes of output kept for `LogResult`: its 4 KB and room for the lines around them.
const TAIL: usize = 4096;

/// How long an init may take nothing off its link: what is sent beside events is small, and the kernel keeps it.
const SEND_LIMIT: Duration = Duration::from_secs(5);

/// The server's half of a link that writes.
pub type LinkWriter = Box<dyn AsyncWrite + Send + Sync + Unpin>;

/// How far the init phase is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum InitPhase {
    Running,
    Over,
    Failed(String),
}

/// A running environment that dialled.
pub struct Environment {
    /// Its id.
    pub id: EnvironmentId,
    /// What it runs.
    pub deployment: DeploymentKey,
    /// Why it is there.
    pub initialization: Initialization,
    init: watch::Sender<InitPhase>,
    link: tokio::sync::Mutex<LinkWriter>,
    work: Mutex<Work>,
    idle_since: Mutex<Instant>,
    /// A line for the log of the first invocation.
    notice: Mutex<Option<String>>,
    /// What runs it; nothing where a former server started it.
    ground: OnceLock<Ground>,
    /// Its log.
    log: FunctionLog,
    /// What it has read of its hot-reload folders.
    pub code: LoadedCode,
    /// Cancelled when its link is gone, or given up.
    gone: CancellationToken,
    /// Told when there is a new deadline.
    timed: Notify,
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment")
            .field("id", &self.id)
            .field("deployment", &self.deployment)
            .finish_non_exhaustive()
    }
}

impl Environment {
    /// An environment on a fresh link; `initialised` where it ran before this server.
    pub fn new(
        id: EnvironmentId,
        (deployment, initialization): (DeploymentKey, Initialization),
        link: LinkWriter,
        log: FunctionLog,
        initialised: bool,
    ) -> Self {
        let idle_since = Mutex::new(Instant::now());
        let link = tokio::sync::Mutex::new(link);
        let mut work = Work { initialised, invocations: (!initialised).then_some(0), ..Work::default() };
        if initialised {
            // A former server may have left it in the middle of starting anew.
            work.initialises(SHUTDOWN_LIMIT);
        }
        let work = Mutex::new(work);
        let (init, _) = watch::channel(if initialised { InitPhase::Over } else { InitPhase::Running });
        let notice = Mutex::default();
        let code = LoadedCode::default();
        let gone = CancellationToken::new();
        let timed = Notify::new();
        let ground = OnceLock::new();

        Self { id, deployment, initialization, init, link, work, idle_since, notice, ground, log, code, gone, timed }
    }

    /// Waits for the end of the init phase.
    ///
    /// # Errors
    /// Why it ended badly.
    pub async fn initialised(&self) -> Result<(), String> {
        let mut init = self.init.subscribe();
        match init.wait_for(|phase| *phase != InitPhase::Running).await.as_deref() {
            Ok(InitPhase::Failed(reason)) => Err(reason.clone()),
            _ => Ok(()),
        }
    }

    /// The init phase failed before there was an invocation.
    pub fn init_failed(&self, reason: String) {
        self.init.send_if_modified(|phase| {
            let first = *phase == InitPhase::Running;
            if first {
                let function = &self.deployment.function.name;
                tracing::info!(environment = %self.id, %function, reason, "an init phase failed");
                *phase = InitPhase::Failed(reason);
            }
            first
        });
    }

    /// Its log.
    pub fn log(&self) -> &FunctionLog {
        &self.log
    }

    /// Leaves a line for the function's log, such as that another language version runs it.
    pub fn notice(&self, line: String) {
        *self.notice.lock().expect("no holder panics") = Some(line);
    }

    /// Notes what runs it.
    pub fn stands_on(&self, ground: Ground) {
        // It is told how to start once.
        let _ = self.ground.set(ground);
    }

    /// Notes that it runs an invocation whose caller a former server had. How much of its time is over nobody knows.
    pub fn inherit(&self, request_id: String, timeout: Duration) {
        let mut work = self.work();
        work.inherited = Some(request_id);
        work.deadline = Some(Deadline::new(timeout, Some(Instant::now() + INIT_LIMIT)));
    }

    /// Tells the init how to start the runtime.
    pub async fn start(&self, start: Start) -> std::io::Result<()> {
        {
            let mut work = self.work();
            work.init_limit = Some(Duration::from_millis(start.init_timeout_ms));
            work.initialises(Duration::ZERO);
        }
        self.send_soon(&ToInit::Start(Box::new(start))).await
    }

    /// Tells the init of a change of the function's files, unless it knows of it.
    pub async fn reload(&self, change: u64) -> std::io::Result<()> {
        if !self.code.ask(change) {
            return Ok(());
        }
        self.work().initialises(Duration::ZERO);
        self.send_soon(&ToInit::Reload { change }).await
    }

    /// Request id of the invocation that it runs.
    pub fn running(&self) -> Option<String> {
        self.work().current.as_ref().map(|current| current.request_id.clone())
    }

    /// Where the invocation is that it gets next.
    pub fn next_place(&self, initialization: &'static str) -> Place {
        let mut work = self.work();
        work.invocations = work.invocations.map(|count| count + 1);
        let (environment, stream) = (self.id.to_string(), self.log.stream().to_owned());
        let ground = self.ground.get().cloned();
        Place { environment, invocation: work.invocations, initialization, ground, stream }
    }

    /// Sends an event; the receiver gets its end. An error means that it was not delivered.
    pub async fn invoke(
        &self,
        invocation: &Invocation,
        timeout: Duration,
    ) -> std::io::Result<oneshot::Receiver<Completed>> {
        let completed = self.expect_end(invocation, timeout)?;
        let frame = ToInit::Invoke(Invoke {
            request_id: invocation.request_id.clone(),
            function_arn: invocation.function_arn.clone(),
            trace_id: invocation.trace_id.clone(),
            client_context: invocation.client_context.clone(),
            cognito_identity: None,
            tenant_id: invocation.tenant_id.clone(),
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
            streams: invocation.stream.is_some(),
            payload: invocation.payload.clone(),
        });
        // An init that takes nothing is found out by the deadline.
        let sent = tokio::select! {
            sent = self.send(&frame) => sent,
            () = self.gone.cancelled() => Err(std::io::ErrorKind::BrokenPipe.into()),
        };
        let mut work = self.work();

        match sent {
            Ok(()) => self.begin(&mut work),
            Err(_) if work.expired => {}
            Err(error) => {
                // It goes to another environment, and leaves no trace in this one's log.
                (work.current, work.deadline) = (None, None);
                return Err(error);
            }
        }

        Ok(completed)
    }

    /// Notes the invocation that it is about to get; the receiver gets its end. An error where the environment is
    /// gone: nobody would tell its end.
    fn expect_end(&self, invocation: &Invocation, timeout: Duration) -> std::io::Result<oneshot::Receiver<Completed>> {
        let (reply, completed) = oneshot::channel();
        let mut work = self.work();
        if self.gone.is_cancelled() {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        }
        work.deadline = Some(Deadline::new(timeout, work.initialised_by));
        work.current = Some(Current {
            request_id: invocation.request_id.clone(),
            reply: Some(reply),
            stream: invocation.stream.clone(),
            answer: None,
            awaits_log: invocation.awaits_log,
            output: Tail::new(TAIL),
            report: Arc::clone(&invocation.report),
            started: false,
        });

        drop(work);
        self.timed.notify_one();
        Ok(completed)
    }

    /// Waits until an invocation has not ended in time, whatever the init does. For one task, which alone takes
    /// what the init says.
    pub async fn overdue(&self) {
        loop {
            let due = self.work().deadline.map(|deadline| deadline.due());
            match due {
                None => self.timed.notified().await,
                Some(due) if due <= Instant::now() => return,
                Some(due) => {
                    let _ = tokio::time::timeout_at(due.into(), self.timed.notified()).await;
                }
            }
        }
    }

    /// Gives up the environment, whose invocation did not end in time: the caller gets what the init would have told.
    pub fn expire(&self) {
        let current = {
            let mut work = self.work();
            (work.deadline, work.expired) = (None, true);
            self.gone.cancel();
            work.current.take()
        };
        let function = &self.deployment.function.name;
        tracing::warn!(environment = %self.id, %function, "an environment did not keep the timeout: it is ended");
        if let Some(current) = current {
            self.complete(current, Completed::timed_out());
        }
    }

    /// What comes before the handler is over: the init phase, or the restore of a snapshot.
    pub fn phase_over(&self) {
        if let Some(deadline) = &mut self.work().deadline {
            deadline.begin();
        }
    }

    /// The invocation's response was held up by its reader.
    pub fn held_up(&self, time: Duration) {
        if let Some(deadline) = &mut self.work().deadline {
            deadline.forgive(time);
        }
    }

    /// Writes the first line of the invocation that runs, once the init phase is over.
    fn begin(&self, work: &mut Work) {
        if let Some(current) = work.current.as_mut().filter(|current| work.initialised && !current.started) {
            current.started = true;
            self.log.event(&current.report.start());
        }
    }

    /// Asks the init to end the environment, and waits until it has, or has had the time for it. Without extensions
    /// that takes a moment. One that cannot be asked is left to the executor.
    pub async fn shutdown(&self) {
        let ended = async {
            if self.send(&ToInit::Shutdown).await.is_ok() {
                self.gone.cancelled().await;
            }
        };
        if tokio::time::timeout(SHUTDOWN_LIMIT, ended).await.is_err() {
            tracing::info!(environment = %self.id, "an environment did not end by itself in time");
        }
    }

    /// Sends what an init that is well takes at once.
    async fn send_soon(&self, frame: &ToInit) -> std::io::Result<()> {
        let sent = tokio::time::timeout(SEND_LIMIT, self.send(frame)).await;
        sent.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
    }

    async fn send(&self, frame: &ToInit) -> std::io::Result<()> {
        let bytes = link::encode(frame).map_err(std::io::Error::other)?;
        self.link.lock().await.write_all(&bytes).await
    }

    /// Takes output of the function.
    pub fn output(&self, time_ms: u64, data: &[u8]) {
        tracing::debug!(target: "larder::function", environment = %self.id, bytes = data.len(), "output");
        let mut work = self.work();
        self.begin(&mut work);
        if let Some(current) = work.current.as_mut() {
            current.output.push(data);
        }
        self.log.output(time_ms, data);
    }

    /// The init phase ended well: what was written so far belongs to it, not to the invocation.
    pub fn ready(&self) {
        self.init.send_replace(InitPhase::Over);
        self.phase_over();
        let mut work = self.work();
        (work.initialised, work.initialised_by) = (true, None);
        self.begin(&mut work);

        if let Some(current) = work.current.as_mut() {
            current.output.clear();
            if let Some(notice) = self.notice.lock().expect("no holder panics").take() {
                let notice = self.log.warning(&notice);
                current.output.push(notice.as_bytes());
                self.log.note(notice);
            }
        }
    }

    /// Takes the end of an invocation and tells whether the environment became idle by it. The end of one
    /// that nobody waits for (its caller's server died, or it was told before) is dropped, and with
    /// it the output that came before it. One that was told before changes nothing: the environment may have
    /// been taken for another invocation already.
    pub fn finished(&self, finished: Finished) -> bool {
        let mut work = self.work();
        let Some(current) = work.current.take_if(|current| current.request_id == finished.request_id) else {
            self.log.end_line();
            if let Some(current) = work.current.as_mut() {
                current.output.clear();
            }
            let ended = work.inherited.take_if(|inherited| *inherited == finished.request_id).is_some();
            work.deadline.take_if(|_| ended);
            return ended;
        };
        work.deadline = None;
        // After the others the runtime starts again, and after a change of its files.
        work.initialised = !self.code.is_loading()
            && matches!(
                finished.outcome,
                Outcome::Response(_)
                    | Outcome::Streamed
                    | Outcome::Answered
                    | Outcome::TooLarge { .. }
                    | Outcome::Error { init: false, .. }
            );

        work.starts_anew(&finished.outcome);
        self.complete(
            current,
            Completed {
                outcome: finished.outcome,
                duration: Duration::from_micros(finished.duration_us),
                init: finished.init_us.map(Duration::from_micros),
                restore: finished.restore_us.map(Duration::from_micros),
                max_memory_bytes: finished.max_memory_bytes,
                output: Vec::new(),
            },
        );

        true
    }

    /// The function answered; its extensions still work. The caller is told at once, unless it waits for the log.
    pub fn answered(&self, request_id: &str, outcome: Outcome) {
        let mut work = self.work();
        let Some(current) = work.current.as_mut().filter(|current| current.request_id == request_id) else {
            return;
        };
        if current.awaits_log {
            current.answer = Some(outcome);
        } else if let Some(reply) = current.reply.take() {
            // The stream ends with the answer.
            current.stream = None;
            let _ = reply.send(Completed::ahead(outcome, Vec::new()));
        }
    }

    /// Where the parts of a streamed response go.
    pub fn stream_of(&self, request_id: &str) -> Option<mpsc::Sender<StreamPart>> {
        let work = self.work();
        work.current.as_ref().filter(|current| current.request_id == request_id)?.stream.clone()
    }

    /// Gives up a streamed response that nobody reads.
    pub fn end_stream(&self, request_id: &str) {
        if let Some(current) = self.work().current.as_mut().filter(|current| current.request_id == request_id) {
            current.stream = None;
        }
    }

    /// Writes the last lines of an invocation and tells its caller.
    fn complete(&self, current: Current, mut completed: Completed) {
        if !current.started {
            self.log.event(&current.report.start());
        }
        completed.output = current.output.into_bytes();
        for event in current.report.end(&completed) {
            self.log.event(&event);
        }
        if let Some(reply) = current.reply {
            if let Some(answer) = current.answer.filter(|_| completed.outcome == Outcome::Answered) {
                completed.outcome = answer;
            }
            let _ = reply.send(completed);
        }
    }

    /// The link is gone, and the environment with it: a running invocation fails, most likely because the
    /// engine killed it for its memory.
    pub fn lost(&self) {
        self.init_failed("the environment ended".to_owned());
        let (current, initialised) = {
            let mut work = self.work();
            // Under the lock: an invocation is either ended here, or finds that the environment is gone.
            self.gone.cancel();
            (work.current.take(), work.initialised)
        };
        match current {
            Some(current) if current.started || !initialised => self.complete(current, Completed::killed()),
            // It was not delivered, and runs elsewhere.
            _ => self.log.end_line(),
        }
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().expect("no holder panics")
    }

    /// Marks it idle from now on.
    pub fn rest(&self) {
        *self.idle_since.lock().expect("no holder panics") = Instant::now();
    }

    /// Since when it has been idle.
    pub fn idle_since(&self) -> Instant {
        *self.idle_since.lock().expect("no holder panics")
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;
    use crate::environments::samples;

    const TIMEOUT: Duration = Duration::from_secs(3);

    #[tokio::test]
    async fn one_that_is_gone_takes_no_event_though_its_link_would() {
        let environment = samples::environment("a", "f");
        environment.lost();
        let refused = environment.invoke(&samples::invocation(), TIMEOUT).await.map(|_| ());
        assert_eq!(refused.expect_err("nobody would tell its end").kind(), ErrorKind::BrokenPipe);
    }

    #[tokio::test]
    async fn what_runs_ends_with_its_environment() {
        let environment = samples::environment("a", "f");
        let completed = environment.invoke(&samples::invocation(), TIMEOUT).await.expect("taken");
        environment.lost();
        assert_eq!(completed.await.expect("told").outcome, Completed::killed().outcome);
    }
}
