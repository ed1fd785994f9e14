//! A server process: started, killed, restarted, and at the end stopped and looked after.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::{Credentials, Region, StalledStreamProtectionConfig};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use super::leftovers::Owner;
use super::{Executor, PATIENCE, http};

/// What of the tests' own environment a server sees: where programs and the engine are.
const PASSED_ON: [&str; 3] = ["PATH", "HOME", "DOCKER_HOST"];

/// How to start a server.
#[derive(Debug, Clone)]
pub struct Options {
    executor: &'static str,
    variables: Vec<(String, String)>,
    umask: Option<&'static str>,
    user: Option<u32>,
    working_folder: Option<PathBuf>,
}

/// A user that no machine has an account for.
const ORDINARY_USER: u32 = 54_321;

impl Options {
    /// With this executor.
    pub fn new(executor: Executor) -> Self {
        Self { executor: executor.name(), variables: Vec::new(), umask: None, user: None, working_folder: None }
    }

    /// With whichever executor: for tests that run no function.
    pub fn any() -> Self {
        Self { executor: "auto", variables: Vec::new(), umask: None, user: None, working_folder: None }
    }

    /// With an environment variable of the server.
    pub fn with(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.variables.push((name.to_owned(), format!("{value}")));
        self
    }

    /// Under another umask than the tests'.
    pub fn with_umask(mut self, umask: &'static str) -> Self {
        self.umask = Some(umask);
        self
    }

    /// Started in a folder, which is then the only one that functions may run from.
    pub fn started_in(mut self, folder: &Path) -> Self {
        self.working_folder = Some(folder.to_owned());
        self
    }

    /// As a user without any right; `None`, if these tests run as one.
    pub fn by_ordinary_user(mut self) -> Option<Self> {
        self.user = Some(ORDINARY_USER);
        nix::unistd::geteuid().is_root().then_some(self)
    }

    /// Gives an ordinary user's server its folder, and a program in it: the tests' own may be out of its reach.
    fn hand_over(&self, folder: &Path) {
        if let Some(user) = self.user {
            std::os::unix::fs::chown(folder, Some(user), Some(user)).expect("handed over");
            std::fs::copy(env!("CARGO_BIN_EXE_larder"), folder.join("larder")).expect("copied");
        }
    }

    /// The program, as the user who runs it.
    fn program(&self, data_dir: &Path) -> Command {
        let larder = env!("CARGO_BIN_EXE_larder");
        if let Some(umask) = self.umask {
            let mut command = Command::new("sh");
            command.args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\""), larder]);
            return command;
        }
        let Some(user) = self.user else { return Command::new(larder) };
        let mut command = Command::new("setpriv");
        command.args(["--clear-groups", "--reuid"]).arg(user.to_string()).arg("--regid").arg(user.to_string());
        command.arg(data_dir.with_file_name("larder"));
        command
    }

    /// How many environments stand by for each runtime. A container for each of hundreds of servers would take much of
    /// the engine's time, a sandbox takes little.
    fn standby(&self) -> Option<&'static str> {
        (self.executor == "docker").then_some("0")
    }

    /// The command that serves `data_dir` at `listen`.
    pub fn command(&self, data_dir: &Path, listen: &str) -> Command {
        let mut command = self.program(data_dir);
        command.env_clear();
        for name in PASSED_ON {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("NO_COLOR", "1")
            .env("LARDER_STATE_DELAY_MS", "20")
            .envs(self.standby().map(|count| ("LARDER_STANDBY", count)))
            // Where tests make the folders that functions run from.
            .env("LARDER_HOT_RELOAD_ROOTS", std::env::temp_dir())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .args(["serve", "--listen", listen, "--executor", self.executor, "--data-dir"])
            .arg(data_dir)
            .stdin(Stdio::null());
        if let Some(folder) = &self.working_folder {
            command.current_dir(folder).env_remove("LARDER_HOT_RELOAD_ROOTS");
        }
        command
    }
}

/// A client of an endpoint. It does not retry: a test sees what is sent.
pub fn client_at(url: &str, credentials: Credentials, region: &str) -> Client {
    let config = aws_sdk_lambda::Config::builder()
        .behavior_version(aws_sdk_lambda::config::BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::new(region.to_owned()))
        .credentials_provider(credentials)
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    Client::from_conf(config.build())
}

/// A running (or killed) server and its data dir. When dropped it is stopped in good order, if it
/// runs, and must then leave nothing behind; after a failure it is killed and cleaned up after.
#[derive(Debug)]
pub struct Server {
    options: Options,
    folder: TempDir,
    port: u16,
    child: Option<Child>,
    banner: String,
}

impl Server {
    /// A server on a fresh data dir.
    ///
    /// # Panics
    /// It does not start.
    pub fn start(options: Options) -> Self {
        Self::try_start(options).unwrap_or_else(|error| panic!("the server does not start: {error}"))
    }

    /// One with the sandbox, where this machine can make some; says why not else.
    pub fn in_sandbox() -> Option<Self> {
        Executor::Sandbox.is_here().then(|| Self::start(Options::new(Executor::Sandbox)))
    }

    /// A server on a copy of another one's data dir.
    pub fn start_on_copy(options: Options, original: &Path) -> Self {
        let copied = Self::launched(options, |data_dir| {
            let copied = Command::new("cp").arg("-a").args([original, data_dir]).status();
            assert!(copied.expect("cp runs").success());
        });
        copied.unwrap_or_else(|error| panic!("the server does not start: {error}"))
    }

    /// A server on a fresh data dir, or what it wrote when it could not start.
    pub fn try_start(options: Options) -> Result<Self, String> {
        Self::launched(options, |_| {})
    }

    fn launched(options: Options, prepare: impl FnOnce(&Path)) -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("larder-test-").tempdir().expect("a folder");
        options.hand_over(folder.path());
        prepare(&folder.path().join("data"));
        let mut server = Self { options, folder, port: 0, child: None, banner: String::new() };
        server.launch()?;
        Ok(server)
    }

    /// Starts it again after a kill or a stop, on the same data dir and port.
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "the server runs");
        if let Err(error) = self.launch() {
            panic!("the server does not start again: {error}");
        }
    }

    /// Starts it and kills it before it may be ready.
    pub fn start_and_kill(&mut self, after: Duration) {
        let mut command = self.options.command(&self.data_dir(), &format!("127.0.0.1:{}", self.port));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("larder is built");
        std::thread::sleep(after);
        child.kill().expect("killed");
        child.wait().expect("waited for");
    }

    /// Starts it again with a standard output that nobody reads.
    pub fn start_unheard(&mut self) {
        let log = File::options().create(true).append(true).open(self.log_path()).expect("a log");
        let mut command = self.options.command(&self.data_dir(), &format!("127.0.0.1:{}", self.port));
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("larder is built");
        drop(child.stdout.take());
        self.child = Some(child);
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(start.elapsed() < PATIENCE, "it does not serve: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn launch(&mut self) -> Result<(), String> {
        let log = File::options().create(true).append(true).open(self.log_path()).expect("a log");
        let mut command = self.options.command(&self.data_dir(), &format!("127.0.0.1:{}", self.port));
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("larder is built");
        let mut output = BufReader::new(child.stdout.take().expect("is piped"));
        self.banner.clear();
        // The banner's last line; the end of the output, if it does not get that far.
        while !self.banner.contains("  executor ") {
            if output.read_line(&mut self.banner).expect("a banner") == 0 {
                let status = child.wait().expect("waited for");
                return Err(format!("{status}: {}", self.log()));
            }
        }
        self.child = Some(child);
        self.port = self.field("address").rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        Ok(())
    }

    /// A field of the banner.
    pub fn field(&self, name: &str) -> &str {
        let line = self.banner.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
        line.unwrap_or_else(|| panic!("the banner has no {name}: {}", self.banner))
    }

    /// Everything it keeps.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The token of its store.
    pub fn token(&self) -> String {
        std::fs::read_to_string(self.data_dir().join("token")).expect("a token")
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A client of account 000000000000 in us-east-1.
    pub fn client(&self) -> Client {
        self.client_of("test", "us-east-1")
    }

    /// A client with this access key in this region.
    pub fn client_of(&self, access_key: &str, region: &str) -> Client {
        client_at(&self.url(), Credentials::new(access_key, "test", None, None, "tests"), region)
    }

    /// A client with these credentials in us-east-1.
    pub fn client_with(&self, credentials: Credentials) -> Client {
        client_at(&self.url(), credentials, "us-east-1")
    }

    /// What `/_larder/health` says.
    pub fn health(&self) -> Value {
        let answer = http::get(self.port, "/_larder/health");
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// The sequence of the last event.
    pub fn sequence(&self) -> u64 {
        self.health()["sequence"].as_u64().expect("a number")
    }

    /// Every event.
    pub fn events(&self) -> Vec<Value> {
        let (mut events, mut from) = (Vec::new(), Some(1));
        while let Some(next) = from {
            let page = http::get(self.port, &format!("/_larder/events?from={next}")).json();
            events.extend(page["events"].as_array().expect("events").clone());
            from = page["next"].as_u64();
        }
        events
    }

    /// Environments that are connected.
    pub fn environments(&self) -> u64 {
        self.health()["counts"]["environments"].as_u64().expect("a number")
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("runs").id()
    }

    /// Kills it as `kill -9` does.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("the server runs");
        child.kill().expect("killed");
        child.wait().expect("waited for");
    }

    /// Asks it to stop, and waits.
    pub fn stop(&mut self) -> ExitStatus {
        let pid = Pid::from_raw(self.pid().try_into().expect("a process id"));
        kill(pid, Signal::SIGTERM).expect("signalled");
        let status = self.wait();
        status.unwrap_or_else(|| panic!("the server does not stop:\n{}", self.log()))
    }

    /// Waits for the end of a server that was told to end; `None`, and killed, if it goes on.
    pub fn wait(&mut self) -> Option<ExitStatus> {
        let mut child = self.child.take().expect("the server runs");
        let status = wait(&mut child);
        if status.is_none() {
            let _ = child.kill();
            let _ = child.wait();
        }
        status
    }

    /// Processes and containers that belong to it, without itself.
    pub fn leftovers(&self) -> Vec<String> {
        self.owner().leftovers()
    }

    /// Processes of its environments, with their command lines.
    pub fn processes(&self) -> Vec<(u32, String)> {
        self.owner().command_lines()
    }

    /// Waits until nothing of it is left.
    ///
    /// # Panics
    /// Something still is.
    pub fn assert_nothing_left(&self) {
        let start = Instant::now();
        loop {
            let left = self.leftovers();
            if left.is_empty() {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "left behind: {left:#?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The label that only its own containers have: those of a copy of its store have another place.
    fn label(&self) -> String {
        let place = std::fs::read(self.data_dir().join("run/place.json")).ok();
        let place = place.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        match place.as_ref().and_then(|place| place["id"].as_str()) {
            Some(id) => format!("larder.place={id}"),
            None => format!("larder.store={}", self.field("store")),
        }
    }

    fn owner(&self) -> Owner {
        let folder = self.folder.path().file_name().expect("a name").to_string_lossy().into_owned();
        let has_containers = self.banner.contains("executor  docker");
        let label = has_containers.then(|| self.label());
        Owner { folder, label, server: self.child.as_ref().map(Child::id) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let start = log.len().saturating_sub(8000);
            eprintln!("--- the server's log, its end:\n{}", String::from_utf8_lossy(&log.as_bytes()[start..]));
            if let Some(mut child) = self.child.take() {
                let _ = child.kill();
                let _ = child.wait();
            }
        } else if self.child.is_some() {
            let status = self.stop();
            let log = self.log();
            self.owner().remove_after(|| {
                assert_eq!(status.code(), Some(0), "after SIGTERM:\n{log}");
                self.assert_nothing_left();
                assert!(!log.contains("panicked at"), "a panic:\n{log}");
            });
            return;
        }
        self.owner().remove();
    }
}

/// Waits for an end within [`PATIENCE`].
pub fn wait(child: &mut Child) -> Option<ExitStatus> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().expect("waited for") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}
