//! The Python side: AWS's CLI and SDK, its model, and moto, from the virtual environments that
//! `scripts/venv` makes.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::Credentials;
use tempfile::TempDir;

use super::PATIENCE;
use super::server::client_at;

/// The programs of a virtual environment.
pub fn venv(name: &str) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/venv");
    Path::new(run(Command::new(script).arg(name)).trim()).join("bin")
}

/// What a program writes that must succeed.
pub fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().expect("is there");
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {status}\n{stdout}\n{stderr}");
    stdout
}

/// Runs one of the scripts in tests/python.
pub fn script(name: &str, arguments: &[&str]) -> String {
    script_with("sdk", name, arguments)
}

/// Runs one of them with the programs of another virtual environment.
pub fn script_with(environment: &str, name: &str, arguments: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(name);
    run(Command::new(venv(environment).join("python")).env_clear().arg(script).args(arguments))
}

/// Runs one of them beside moto.
fn upstream_script(name: &str, arguments: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(name);
    run(Command::new(venv("upstream").join("python")).env_clear().arg(script).args(arguments))
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    free.expect("a port").port()
}

/// A moto server, killed when dropped.
#[derive(Debug)]
pub struct Moto {
    child: Child,
    port: u16,
    /// Its certificates, where it has TLS.
    folder: Option<TempDir>,
}

/// Calls that a moto that verifies signatures takes without one: those of `make_keys.py`.
const UNSIGNED: &str = "3";

impl Moto {
    /// Starts one on a free port.
    pub fn start() -> Self {
        Self::start_at(free_port())
    }

    /// Starts one on a port, such as that of one that is gone.
    pub fn start_at(port: u16) -> Self {
        Self::start_with(None, port)
    }

    /// Starts one with TLS that verifies signatures: the keys it knows are those of the profile `upstream` in its file of
    /// credentials.
    pub fn start_verifying() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().to_str().expect("text").to_owned();
        upstream_script("make_certificates.py", &[&place]);
        let moto = Self::start_with(Some(folder), free_port());
        upstream_script("make_keys.py", &[&moto.url(), &place]);
        moto
    }

    /// The file of a name beside its certificates.
    pub fn file(&self, name: &str) -> String {
        let folder = self.folder.as_ref().expect("it has TLS").path();
        folder.join(name).to_str().expect("text").to_owned()
    }

    /// Starts one whose account is that of keys which say none to Larder.
    pub fn start_as_default_account() -> Self {
        Self::start_of(Some("000000000000"), None, free_port())
    }

    fn start_with(folder: Option<TempDir>, port: u16) -> Self {
        Self::start_of(None, folder, port)
    }

    fn start_of(account: Option<&str>, folder: Option<TempDir>, port: u16) -> Self {
        let mut command = Command::new(venv("upstream").join("moto_server"));
        // moto asks AWS for nothing, and needs no home.
        command.env_clear().envs(account.map(|account| ("MOTO_ACCOUNT_ID", account))).args([
            "-H",
            "127.0.0.1",
            "-p",
            &port.to_string(),
        ]);
        if let Some(folder) = &folder {
            command.arg("-c").arg(folder.path().join("server.pem")).arg("-k").arg(folder.path().join("server.key"));
            command.env("INITIAL_NO_AUTH_ACTION_COUNT", UNSIGNED);
        }
        Self::started(command, folder, port)
    }

    /// One that records the calls that it gets, in a file.
    pub fn start_recording(file: &Path) -> Self {
        let port = free_port();
        let mut command = Command::new(venv("upstream").join("moto_server"));
        command.env_clear().env("MOTO_ENABLE_RECORDING", "true").env("MOTO_RECORDER_FILEPATH", file);
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        Self::started(command, None, port)
    }

    fn started(mut command: Command, folder: Option<TempDir>, port: u16) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("moto");
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < PATIENCE, "moto does not serve");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { child, port, folder }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A client of its Lambda.
    pub fn client(&self) -> Client {
        lambda_at(&self.url())
    }

    /// Its address.
    pub fn url(&self) -> String {
        let scheme = if self.folder.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }
}

/// A ministack, whose Lambda runs Python in processes; killed when dropped.
#[derive(Debug)]
pub struct Ministack {
    child: Child,
    port: u16,
    /// Its home, and where the code of its functions lies.
    folder: TempDir,
}

impl Ministack {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        Self { child: Self::launch(port, folder.path()), port, folder }
    }

    /// Kills it and starts it again, without anything that it had.
    pub fn restart(&mut self) {
        self.end();
        self.child = Self::launch(self.port, self.folder.path());
    }

    fn launch(port: u16, folder: &Path) -> Child {
        let mut command = Command::new(venv("ministack").join("ministack"));
        command.env_clear().env("GATEWAY_PORT", port.to_string()).env("HOME", folder).env("TMPDIR", folder);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let log = std::fs::File::options().create(true).append(true).open(folder.join("log")).expect("a log");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("ministack");
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < PATIENCE, "ministack does not serve");
            std::thread::sleep(Duration::from_millis(50));
        }
        child
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A client of its Lambda.
    pub fn client(&self) -> Client {
        lambda_at(&self.url())
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        self.end();
    }
}

/// A client of the Lambda at an address.
fn lambda_at(url: &str) -> Client {
    client_at(url, Credentials::new("test", "test", None, None, "tests"), "us-east-1")
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
