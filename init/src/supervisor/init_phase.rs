//! The init phase: extensions first, then the runtime, until all of them ask for their first event.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use larder_init::link::{FromInit, Outcome, Preload, Start};
use larder_init::platform::{self, Phase, Status};
use tokio::time::Instant;

use super::{FAR, Run, Stage, Supervisor, microseconds, now_ms};
use crate::api::{ApiAnswer, ApiServer, Door};
use crate::extensions::Extensions;
use crate::guard::Guard;
use crate::lines::Lines;
use crate::preloaded::Preloaded;
use crate::program::{self, SpawnError};
use crate::settings::Network;
use crate::way_out;
use crate::xray::XrayDaemon;

/// How long a runtime that posted an init error may take to end by itself, so that its last words
/// are in the log.
const LAST_WORDS: Duration = Duration::from_millis(100);

impl Supervisor {
    /// Starts a runtime ahead of its function. Without one the function gets its own, some milliseconds later.
    pub(super) fn on_preload(&mut self, mut preload: Preload) {
        if self.start.is_some() || self.preloaded.is_some() {
            return eprintln!("larder-init: link: a late or second Preload is ignored");
        }
        // Among them are certificates that an interpreter reads at its start.
        if let Some(resolver) = &self.resolver {
            resolver.tell(&mut preload.variables);
        }
        match Preloaded::start(preload) {
            Ok(preloaded) => self.preloaded = Some(preloaded),
            Err(error) => eprintln!("larder-init: start a runtime ahead: {error}"),
        }
    }

    pub(super) async fn on_start(&mut self, mut start: Start) {
        if self.start.is_some() {
            eprintln!("larder-init: link: a second Start is ignored");
            return;
        }

        if self.network == Network::Opens {
            way_out::wait().await;
        }
        match XrayDaemon::listen(&start.xray_daemon, self.guard(&start)).await {
            Ok(daemon) => {
                daemon.tell(&mut start.variables);
                self.xray = Some(daemon);
            }
            Err(error) => eprintln!("larder-init: listen for traces at {}: {error}", start.xray_daemon),
        }

        if let Some(resolver) = &self.resolver {
            resolver.tell(&mut start.variables);
        }
        self.function = Arc::new(start.function.clone());
        self.memory_look = start.memory_limit_bytes.map(|_| Instant::now());
        self.start = Some(start);
        self.changes.begin();

        self.begin(Phase::Init).await;
    }

    /// Who keeps others off, where the loopback is shared with them.
    fn guard(&self, start: &Start) -> Option<Guard> {
        (self.network == Network::Shared).then_some(Guard { user: start.user })
    }

    /// Starts everything ahead of an invocation. What goes wrong is told to the next one, which tries again.
    pub(super) async fn begin(&mut self, phase: Phase) {
        if let Err(failed) = self.try_begin(phase) {
            self.init_failed(failed).await;
        }
    }

    /// Starts everything for the pending invocation, whose timeout counts from now, or ends that.
    pub(super) async fn begin_for_invocation(&mut self) {
        self.start_timeout();
        match self.try_begin(Phase::Invoke) {
            Ok(()) => {
                if let Some(run) = &mut self.run {
                    run.init_limit = None;
                }
            }
            Err(outcome) => self.init_failed(outcome).await,
        }
    }

    /// Starts the extensions, and the runtime where it need not wait for them.
    fn try_begin(&mut self, phase: Phase) -> Result<(), Outcome> {
        let start = self.start.as_ref().ok_or_else(|| not_started("Runtime.Unknown", "no Start was sent"))?;
        self.generation += 1;
        self.telemetry.open(start.function.json_logs);
        let door = Door { guard: self.guard(start), generation: self.generation, body_limit: self.result_limit() };
        let api = ApiServer::listen(&start.runtime_api, door, self.call_sender.clone())
            .map_err(|error| not_started("Sandbox.Failure", &format!("listen at {}: {error}", start.runtime_api)))?;
        let started = Instant::now();
        let mut extensions = Extensions::default();
        let launched = extensions.launch(start, &api.address.to_string());
        self.run = Some(Run {
            api,
            started,
            phase,
            stage: Stage::Starting,
            runtime: None,
            lines: Lines::default(),
            extensions,
            initialised: false,
            init_limit: Some(started + Duration::from_millis(start.init_timeout_ms).min(FAR)),
        });
        self.tell(&platform::init_start(now_ms(), &self.facts(), phase));
        launched.map_err(|failed| Outcome::ExtensionFailed {
            error_type: "Extension.LaunchError".into(),
            reason: failed.reason,
        })?;
        self.start_runtime()
    }

    /// Starts the runtime once the extensions are registered.
    pub(super) fn start_runtime(&mut self) -> Result<(), Outcome> {
        let (Some(start), Some(run)) = (&self.start, &mut self.run) else {
            return Ok(());
        };
        if run.runtime.is_some() || run.initialised || self.ending.is_some() || !run.extensions.registered() {
            return Ok(());
        }
        let address = run.api.address.to_string();
        let argv = if start.argv.is_empty() { program::bootstrap() } else { Ok(start.argv.clone()) };
        let preloaded = self.preloaded.take();

        let started = argv.and_then(|argv| {
            let api = (program::API_VARIABLE, address.as_str());
            if let Some(runtime) = preloaded.and_then(|preloaded| preloaded.hand_over(&argv, start, api)) {
                return Ok(runtime);
            }
            program::spawn(&argv, &start.variables, api, &start.working_dir, start.user, Stdio::null())
        });

        match started {
            Ok(runtime) => {
                run.runtime = Some(runtime);
                Ok(())
            }
            Err(error) => Err(self.refused_start(&error)),
        }
    }

    /// What is told of a runtime that cannot be started; an image's has a line of its own.
    fn refused_start(&mut self, error: &SpawnError) -> Outcome {
        if let Some(start) = self.start.as_ref().filter(|start| start.function.runtime_version.is_empty()) {
            let (entry, arguments) = start.argv.split_at(1.min(start.argv.len()));
            let entry = entry.join(" ");
            let arguments = arguments.join(" ");
            let line = format!(
                "IMAGE\tLaunch error: {error}\tEntry Point: [{entry}]\tCmd: [{arguments}]\tWorkingDir: [{}]\n",
                start.working_dir
            );
            self.send(&FromInit::Line { time_ms: now_ms(), data: line.into() });
        }
        not_started(error.error_type(), &error.to_string())
    }

    /// The init phase ended well, if it did: the runtime and all extensions wait.
    pub(super) async fn check_initialised(&mut self) {
        let Some(run) = &mut self.run else {
            return;
        };
        let waits = matches!(run.stage, Stage::Waiting(_) | Stage::Checkpointed(_));
        if run.initialised || !waits || !run.extensions.ready() {
            return;
        }
        run.initialised = true;
        let duration = microseconds(run.started.elapsed());
        let phase = run.phase;
        if !std::mem::replace(&mut self.init_reported, true) {
            self.init_us = Some(duration);
        }
        self.tell_extensions();
        self.tell(&platform::init_runtime_done(now_ms(), &self.facts(), phase, Status::Success));
        self.tell(&platform::init_report(now_ms(), &self.facts(), phase, Status::Success, duration));
        self.telemetry.close();
        self.send(&FromInit::Ready { init_us: duration });
        self.note_loaded();
        self.go_on();

        self.rest();
    }

    /// Hands the pending event over, after the restore of the snapshot where there is one.
    pub(super) fn go_on(&mut self) {
        // One that is answered waits for extensions; the runtime waits for the next one.
        if self.invocation.as_ref().is_none_or(|invocation| invocation.answered) {
            return;
        }
        let Some(run) = &mut self.run else {
            return;
        };
        if !run.initialised {
            return;
        }
        let stage = std::mem::replace(&mut run.stage, Stage::Working);
        let Stage::Checkpointed(reply) = stage else {
            run.stage = stage;
            return self.hand_over();
        };
        run.stage = Stage::Restoring(Instant::now());

        // A runtime that hung up is found out by the deadline.
        let _ = reply.send(ApiAnswer::Restored);
        self.start_timeout();
        self.tell(&platform::restore_start(now_ms(), &self.facts()));
    }

    /// The runtime is back after the restore.
    pub(super) fn restored(&mut self, since: Instant) {
        let duration = microseconds(since.elapsed());
        self.restore_us = Some(duration);
        // It was initialised long ago; the restore is what the invocation reports.
        self.init_us = None;
        self.tell(&platform::restore_runtime_done(now_ms(), Status::Success));
        self.tell(&platform::restore_report(now_ms(), Status::Success, duration));

        if let Some(invocation) = &mut self.invocation {
            invocation.deadline = None;
        }
    }

    /// The init phase failed. Ahead of an invocation it is tried once more as part of that, as on AWS; within one,
    /// its caller is told.
    pub(super) async fn init_failed(&mut self, outcome: Outcome) {
        let again = self.run.as_ref().is_some_and(|run| run.phase == Phase::Init);
        if let Some(pid) = self.runtime_pid() {
            self.reaper.wait_for(pid, LAST_WORDS).await;
        }
        self.tell_init_failure(status_of(&outcome));
        self.stop_all().await;
        self.note_loaded();

        match (&self.invocation, again) {
            (Some(_), true) => Box::pin(self.begin_for_invocation()).await,
            (Some(_), false) => self.finish(outcome),
            (None, _) => self.send(&FromInit::InitFailed { error_type: type_of(&outcome).to_owned() }),
        }
    }

    /// The init phase took too long: as on AWS everything is started once more, now as part of the
    /// invocation and within the function's timeout.
    pub(super) async fn restart_within_invocation(&mut self, status: Status<'_>) {
        self.tell_init_failure(status);
        self.stop_all().await;
        self.begin_for_invocation().await;
    }

    fn tell_init_failure(&mut self, status: Status<'_>) {
        let Some(run) = &self.run else {
            return;
        };
        let duration = microseconds(run.started.elapsed());
        let phase = run.phase;
        self.init_reported = true;
        self.drain_output();
        self.tell_extensions();
        self.tell(&platform::init_runtime_done(now_ms(), &self.facts(), phase, status));

        self.tell(&platform::init_report(now_ms(), &self.facts(), phase, status, duration));
    }
}

fn not_started(error_type: &str, reason: &str) -> Outcome {
    Outcome::NotStarted { error_type: error_type.to_owned(), reason: reason.to_owned() }
}

/// How an outcome is told in events.
pub(super) fn status_of(outcome: &Outcome) -> Status<'_> {
    match outcome {
        Outcome::Response(_) | Outcome::Streamed | Outcome::Answered => Status::Success,
        Outcome::TimedOut => Status::Timeout,
        Outcome::Error { error_type, .. } => {
            Status::Error(Some(error_type).filter(|one| !one.is_empty()).map(String::as_str))
        }
        failed => Status::Failure(type_of(failed)),
    }
}

/// Lambda's type of a failure; empty where there is none.
fn type_of(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Exited { .. } => "Runtime.ExitError",
        Outcome::OutOfMemory => "Runtime.OutOfMemory",
        Outcome::TooLarge { .. } => "Function.ResponseSizeTooLarge",
        Outcome::NotStarted { error_type, .. }
        | Outcome::ExtensionFailed { error_type, .. }
        | Outcome::Error { error_type, .. } => error_type,
        Outcome::TimedOut => "Sandbox.Timedout",
        Outcome::Response(_) | Outcome::Streamed | Outcome::Answered => "",
    }
}
