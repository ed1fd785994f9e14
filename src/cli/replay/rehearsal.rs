//! A server of its own for recorded invocations: it has the state of a pod, and ends with the command.

use std::fs::File;
use std::io::{self, Seek as _};
use std::path::Path;

use clap::ValueEnum as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Mutex;
use tokio_util::io::ReaderStream;

use crate::cli::error::{CliError, Kind};
use crate::cli::own_folder::{self, OwnFolder, Purpose};
use crate::cli::server_process::{ServerProcess, data_dir, log_tail};
use crate::cli::target::Client;
use crate::config::ExecutorChoice;
use crate::desk::pods::{LoadQuery, LoadedPod};
use crate::desk::replay::{ReplayRequest, Replayed};
use crate::desk::report::{self, Reported};
use crate::pods::read;

/// What the server is started with: it remembers what it runs, whatever the environment's variables say.
const ARGUMENTS: &[&str] = &["--record", "all", "--authorize", "off"];

/// A running server with a pod's state, and the invocations that the pod reports.
#[derive(Debug)]
pub struct Rehearsal {
    server: ServerProcess,
    client: Client,
    folder: OwnFolder,
    interrupts: Mutex<Interrupts>,
    /// What the pod reports.
    pub reported: Reported,
}

impl Rehearsal {
    /// Starts a server with the state of a pod, which must have a report.
    pub async fn start(mut pod: File, executor: Option<ExecutorChoice>) -> Result<Self, CliError> {
        own_folder::remove_left(Purpose::Replay);
        // From here on a signal is waited for: the folder is not left behind.
        let mut interrupts = Interrupts::new().map_err(|error| format!("cannot wait for signals: {error}"))?;
        let folder = OwnFolder::new(Purpose::Replay).map_err(|error| format!("no temporary folder: {error}"))?;
        let reported = reported(&mut pod, &folder.path().join("staging"))?;

        let (server, client) = tokio::select! {
            running = running(folder.path(), executor, &reported, pod) => running?,
            () = interrupts.come() => return Err(interrupted()),
        };
        Ok(Self { server, client, folder, interrupts: Mutex::new(interrupts), reported })
    }

    /// Runs a recorded invocation again.
    pub async fn replay(&self, request: &ReplayRequest) -> Result<Replayed, CliError> {
        let request = serde_json::to_value(request)?;
        let mut interrupts = self.interrupts.lock().await;
        tokio::select! {
            replayed = self.client.post("/_larder/replay", &request) => replayed,
            () = interrupts.come() => Err(interrupted()),
        }
    }

    /// Ends the server.
    pub async fn end(self) -> Result<(), CliError> {
        let ended = self.server.end().await;
        ended.map_err(|error| format!("{error}\n{}", log_tail(self.folder.path())).into())
    }
}

/// SIGINT and SIGTERM, of which none is lost that comes while nobody waits.
#[derive(Debug)]
struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for one.
    async fn come(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => (),
            _ = self.terminate.recv() => (),
        }
    }
}

fn interrupted() -> CliError {
    CliError::new(Kind::Interrupted, "interrupted: its server is ended, and its folder removed")
}

/// What a pod reports.
fn reported(pod: &mut File, staging: &Path) -> Result<Reported, CliError> {
    let problem = |error: io::Error| format!("the report cannot be read: {error}");
    pod.rewind().map_err(problem)?;
    let read = read::read(&*pod, staging, read::MAX_SIZE);
    let read = read.map_err(|error| CliError::new(Kind::Damaged, error))?;
    pod.rewind().map_err(problem)?;
    let reported = report::of_pod(&read).map_err(|error| error.to_string())?;
    let missing = "the pod reports no invocation: `larder report` and `larder record` make pods that do";
    reported.ok_or_else(|| CliError::new(Kind::Unusable, missing))
}

/// A server with the state of a pod.
async fn running(
    folder: &Path,
    executor: Option<ExecutorChoice>,
    reported: &Reported,
    pod: File,
) -> Result<(ServerProcess, Client), CliError> {
    let server = match executor {
        Some(executor) => ServerProcess::start(folder, executor, ARGUMENTS).await,
        None => as_then(folder, reported).await,
    };
    let server = server.map_err(|error| format!("{error}\n{}", log_tail(folder)))?;
    let client = Client::of_data_dir(&data_dir(folder))?;
    load(&client, pod).await?;
    Ok((server, client))
}

/// A server with the executor that ran the invocations; where that is not to be had, with the one that is, which is said.
async fn as_then(folder: &Path, reported: &Reported) -> Result<ServerProcess, String> {
    let then = reported.records.last().map_or("", |record| record.executor.as_str());
    let Ok(executor) = ExecutorChoice::from_str(then, true) else {
        return ServerProcess::start(folder, ExecutorChoice::Auto, ARGUMENTS).await;
    };
    if let Ok(server) = ServerProcess::start(folder, executor, ARGUMENTS).await {
        return Ok(server);
    }
    eprintln!("larder: it ran with --executor {then}, which this machine has not: another one runs it");
    ServerProcess::start(folder, ExecutorChoice::Auto, ARGUMENTS).await
}

/// Loads a pod into the server; nothing of it runs before it is invoked.
async fn load(client: &Client, pod: File) -> Result<(), CliError> {
    let file = tokio::fs::File::from_std(pod);
    let query = LoadQuery { merge: Some("overwrite".into()), source: Some("a report".into()), ..LoadQuery::default() };
    let body = reqwest::Body::wrap_stream(ReaderStream::new(file));
    let post = client.request(reqwest::Method::POST, "/_larder/pods/load").query(&query).body(body);
    let answer = client.send(post).await?.json::<LoadedPod>().await;
    answer.map(drop).map_err(|error| error.to_string().into())
}
