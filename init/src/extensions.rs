//! The extensions of one start of the environment: which there are, and what each does.
//!
//! States and texts as AWS's runtime interface emulator has them.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html>.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use larder_init::link::Start;
use nix::unistd::Pid;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::api::ApiAnswer;
use crate::lines::Lines;
use crate::output::Output;
use crate::program;

/// Where layers have external extensions.
const FOLDER: &str = "/opt/extensions";

/// Extensions of a function at most.
pub const LIMIT: usize = 10;

/// Variables that extensions do not get.
///
/// Source: the table of environment variables in AWS's documentation of the Extensions API.
const WITHHELD: [&str; 10] = [
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_XRAY_CONTEXT_MISSING",
    "AWS_XRAY_DAEMON_ADDRESS",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "_AWS_XRAY_DAEMON_ADDRESS",
    "_AWS_XRAY_DAEMON_PORT",
    "_HANDLER",
];

/// What an extension subscribed to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Subscriptions {
    /// `INVOKE`
    pub invoke: bool,
    /// `SHUTDOWN`
    pub shutdown: bool,
}

impl Subscriptions {
    /// Their names, in the order of AWS's log.
    pub fn names(self) -> Vec<&'static str> {
        [("INVOKE", self.invoke), ("SHUTDOWN", self.shutdown)]
            .into_iter()
            .filter_map(|(name, subscribed)| subscribed.then_some(name))
            .collect()
    }
}

/// What an extension does.
#[derive(Debug)]
pub enum State {
    /// Its process runs.
    Started,
    /// It registered, and has not asked for an event.
    Registered,
    /// It waits for an event.
    Ready(oneshot::Sender<ApiAnswer>),
    /// It works on an event.
    Running,
    /// It said that it cannot begin.
    InitError,
    /// It said that it ends.
    ExitError,
    /// Its process ended.
    Exited,
    /// Its process could not be started.
    LaunchFailed,
}

impl State {
    /// Its name in AWS's texts.
    pub fn name(&self) -> &'static str {
        match self {
            State::Started => "Started",
            State::Registered => "Registered",
            State::Ready(_) => "Ready",
            State::Running => "Running",
            State::InitError => "InitError",
            State::ExitError => "ExitError",
            State::Exited => "Exited",
            State::LaunchFailed => "LaunchFailed",
        }
    }
}

/// An extension.
#[derive(Debug)]
pub struct Extension {
    /// The name of its file, or under which it registered.
    pub name: String,
    /// What it proves itself with.
    pub id: String,
    /// Its process; `None` for an internal one, which is part of the runtime's.
    pub process: Option<Pid>,
    /// What it does.
    pub state: State,
    /// What it subscribed to.
    pub subscriptions: Subscriptions,
    /// The type of the error that it reported.
    pub error_type: Option<String>,
    /// What it writes.
    pub output: Option<Output>,
    /// The line it has begun.
    pub lines: Lines,
    external: bool,
}

impl Extension {
    fn new(name: String, external: bool) -> Self {
        Self {
            name,
            id: Uuid::new_v4().to_string(),
            process: None,
            state: State::Started,
            subscriptions: Subscriptions::default(),
            error_type: None,
            output: None,
            lines: Lines::default(),
            external,
        }
    }

    /// Whether it works on an event of an invocation.
    pub fn is_running(&self) -> bool {
        matches!(self.state, State::Running)
    }

    /// Whether it has a process of its own.
    pub fn is_external(&self) -> bool {
        self.external
    }

    /// Hands it an event, if it waits for one.
    pub fn tell(&mut self, event: String) {
        if let State::Ready(_) = self.state
            && let State::Ready(reply) = std::mem::replace(&mut self.state, State::Running)
        {
            let id = self.id.clone();
            // One that hung up asks again, or is found out by the deadline.
            let _ = reply.send(ApiAnswer::ExtensionEvent { id, event });
        }
    }
}

/// Why an extension is not registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its kind gets no such event.
    ShutdownOfInternal,
    /// There is no such event.
    UnknownEvent,
    /// The init phase is over.
    Closed,
    /// The name is taken.
    NameTaken,
    /// There are as many as there may be.
    TooMany,
}

/// All extensions of one start.
#[derive(Debug, Default)]
pub struct Extensions {
    /// In the order in which they were started or registered.
    pub all: Vec<Extension>,
}

/// An extension that could not be started.
#[derive(Debug)]
pub struct LaunchError {
    /// Why, in the words of AWS.
    pub reason: String,
}

impl Extensions {
    /// Starts what lies in the folder of extensions.
    ///
    /// # Errors
    /// One cannot be started. Those before it run, and are in the list.
    pub fn launch(&mut self, start: &Start, api: &str) -> Result<(), LaunchError> {
        for path in executables(Path::new(FOLDER)) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            self.all.push(Extension::new(name, true));
            if self.all.len() > LIMIT {
                return self.launch_failed(format!("Extension limit ({LIMIT}) reached"));
            }
            let program = path.to_string_lossy().into_owned();
            match program::spawn(
                &[program],
                &variables(start),
                (program::API_VARIABLE, api),
                "/",
                start.user,
                Stdio::null(),
            ) {
                Ok(started) => {
                    if let Some(extension) = self.all.last_mut() {
                        extension.process = Some(started.pid);
                        extension.output = Some(started.output);
                    }
                }
                Err(error) => return self.launch_failed(error.to_string()),
            }
        }
        Ok(())
    }

    fn launch_failed(&mut self, reason: String) -> Result<(), LaunchError> {
        if let Some(extension) = self.all.last_mut() {
            extension.state = State::LaunchFailed;
            extension.error_type = Some("Extension.LaunchError".into());
        }
        Err(LaunchError { reason })
    }

    /// Registers an extension, an internal one where no process has its name; gives its id.
    ///
    /// # Errors
    /// Why it is not registered.
    pub fn register(&mut self, name: &str, events: &[String], closed: bool) -> Result<String, Refused<'_>> {
        let known = self.all.iter().position(|extension| extension.external && extension.name == name);
        let subscriptions = subscriptions(events, known.is_some())?;
        let index = match known {
            Some(index) => index,
            None if closed => return Err(Refused::Why(Refusal::Closed)),
            None if self.all.iter().any(|other| other.name == name) => {
                return Err(Refused::Why(Refusal::NameTaken));
            }
            None if self.all.len() >= LIMIT => return Err(Refused::Why(Refusal::TooMany)),
            None => {
                self.all.push(Extension::new(name.to_owned(), false));
                self.all.len() - 1
            }
        };
        let extension = &mut self.all[index];
        if !matches!(extension.state, State::Started) {
            return Err(Refused::State(extension));
        }
        extension.state = State::Registered;
        extension.subscriptions = subscriptions;

        Ok(extension.id.clone())
    }

    /// The one with an id.
    pub fn find(&mut self, id: &str) -> Option<&mut Extension> {
        self.all.iter_mut().find(|extension| extension.id.eq_ignore_ascii_case(id))
    }

    /// Whether all processes in the folder of extensions registered, so that the runtime may start.
    pub fn registered(&self) -> bool {
        !self.all.iter().any(|extension| matches!(extension.state, State::Started))
    }

    /// Whether all wait for an event.
    pub fn ready(&self) -> bool {
        self.all.iter().all(|extension| matches!(extension.state, State::Ready(_)))
    }

    /// Whether one works on the event of an invocation.
    pub fn working(&self) -> bool {
        self.all.iter().any(|extension| extension.subscriptions.invoke && extension.is_running())
    }

    /// Their processes.
    pub fn processes(&self) -> impl Iterator<Item = Pid> + '_ {
        self.all.iter().filter_map(|extension| extension.process)
    }

    /// Whether one with a process of its own still runs.
    pub fn external_run(&self) -> bool {
        self.all.iter().any(|extension| extension.external && extension.process.is_some())
    }

    /// Notes the end of a process; tells which extension's it was.
    pub fn ended(&mut self, process: Pid) -> Option<&mut Extension> {
        let extension = self.all.iter_mut().find(|extension| extension.process == Some(process))?;
        extension.process = None;
        Some(extension)
    }
}

/// A registration that was refused.
#[derive(Debug)]
pub enum Refused<'a> {
    /// For a reason of its own.
    Why(Refusal),
    /// It is in no state to register.
    State(&'a Extension),
}

impl From<Refusal> for Refused<'_> {
    fn from(refusal: Refusal) -> Self {
        Refused::Why(refusal)
    }
}

fn subscriptions(events: &[String], external: bool) -> Result<Subscriptions, Refusal> {
    let mut subscriptions = Subscriptions::default();
    for event in events {
        match event.as_str() {
            "INVOKE" => subscriptions.invoke = true,
            "SHUTDOWN" if external => subscriptions.shutdown = true,
            "SHUTDOWN" => return Err(Refusal::ShutdownOfInternal),
            _ => return Err(Refusal::UnknownEvent),
        }
    }

    Ok(subscriptions)
}

/// The function's variables, without those that are the runtime's alone.
fn variables(start: &Start) -> Vec<(String, String)> {
    let shown = |name: &str| !WITHHELD.contains(&name) && !name.starts_with('_');
    start.variables.iter().filter(|(name, _)| shown(name)).cloned().collect()
}

/// The programs in a folder, by name.
fn executables(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_program = |path: &PathBuf| -> io::Result<bool> {
        let meta = path.metadata()?;
        Ok(meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    let mut paths: Vec<_> =
        entries.map(|entry| entry.path()).filter(|path| is_program(path).unwrap_or(false)).collect();
    paths.sort();

    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn an_internal_extension_gets_no_shutdown() {
        let mut extensions = Extensions::default();
        let refused = extensions.register("in", &events(&["SHUTDOWN"]), false);
        assert!(matches!(refused, Err(Refused::Why(Refusal::ShutdownOfInternal))));
        assert!(extensions.register("in", &events(&["INVOKE"]), false).is_ok());
        let again = extensions.register("in", &[], false);
        assert!(matches!(again, Err(Refused::Why(Refusal::NameTaken))));
    }

    #[test]
    fn the_eleventh_is_refused_and_so_is_a_late_one() {
        let mut extensions = Extensions::default();
        for number in 0..LIMIT {
            assert!(extensions.register(&number.to_string(), &[], false).is_ok());
        }
        assert!(matches!(extensions.register("x", &[], false), Err(Refused::Why(Refusal::TooMany))));
        let mut late = Extensions::default();
        assert!(matches!(late.register("x", &[], true), Err(Refused::Why(Refusal::Closed))));
    }
}
