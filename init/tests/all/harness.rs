//! The stand-in server, and runtimes to run.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use larder_init::link::{self, Finished, FromInit, FunctionFacts, Hello, Invoke, Start, ToInit};
use larder_init::platform::PlatformEvent;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Longest wait for anything; generous, as the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// AWS's limit of a response.
pub const RESPONSE_LIMIT: u64 = 6_291_556;

/// What every runtime script begins with.
const PRELUDE: &str = r#"
import http.client, json, os, signal, socket, subprocess, sys, time
API = os.environ["AWS_LAMBDA_RUNTIME_API"]
CONNECTION = http.client.HTTPConnection(API)
def call(method, path, body=None, headers={}):
    CONNECTION.request(method, "/2018-06-01/runtime/" + path, body, headers)
    answer = CONNECTION.getresponse()
    return answer, answer.read()
def next_event():
    answer, body = call("GET", "invocation/next")
    return answer.headers["Lambda-Runtime-Aws-Request-Id"], body, answer.headers
def respond(id, body):
    answer, text = call("POST", f"invocation/{id}/response", body)
    return answer.status, text
def loop(handler):
    while True:
        id, event, headers = next_event()
        respond(id, handler(event))
"#;

/// A running init with its server socket; ends it when dropped.
pub struct Environment {
    pub folder: tempfile::TempDir,
    listener: UnixListener,
    child: Child,
}

/// The server's end of one connection.
pub struct Connection {
    stream: UnixStream,
    buffer: BytesMut,
    /// Output received so far.
    pub logs: Vec<u8>,
    /// What Lambda logs.
    pub told: Vec<PlatformEvent>,
    /// Lines of extensions and of Lambda.
    pub lines: Vec<String>,
}

impl Environment {
    /// Starts the init with a grace period, and accepts its first connection.
    pub fn new(grace_s: u64) -> (Self, Connection, Hello) {
        Self::launched_by(grace_s, |init| Command::new(init))
    }

    /// The same, with a command that in turn starts the init.
    pub fn launched_by(grace_s: u64, command: impl FnOnce(&str) -> Command) -> (Self, Connection, Hello) {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("link.sock");
        let listener = UnixListener::bind(&socket).expect("a socket");
        // For inits that run as another user.
        for (path, mode) in [(folder.path(), 0o755), (&socket, 0o777)] {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(path, permissions).expect("our files");
        }
        let child = command(env!("CARGO_BIN_EXE_larder-init"))
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env(link::LINK_VARIABLE, format!("unix:{}", socket.display()))
            .env(link::ENVIRONMENT_VARIABLE, "0123456789abcdef")
            .env(link::TOKEN_VARIABLE, "s3cret")
            .env(link::GRACE_VARIABLE, grace_s.to_string())
            .stdin(Stdio::null())
            .spawn()
            .expect("the init starts");
        let environment = Self { folder, listener, child };
        let (connection, hello) = environment.accept();
        (environment, connection, hello)
    }

    /// Starts the init and a runtime of `script`.
    pub fn with(script: &str) -> (Self, Connection) {
        let (environment, mut connection, _) = Self::new(30);
        connection.send(&ToInit::Start(Box::new(environment.start(script))));
        (environment, connection)
    }

    /// Waits for the init to dial, and for its hello.
    pub fn accept(&self) -> (Connection, Hello) {
        self.listener.set_nonblocking(true).expect("a flag");
        let end = Instant::now() + PATIENCE;
        let stream = loop {
            match self.listener.accept() {
                Ok((stream, _)) => break stream,
                Err(_) if Instant::now() < end => std::thread::sleep(Duration::from_millis(1)),
                Err(error) => panic!("the init does not dial: {error}"),
            }
        };
        stream.set_nonblocking(false).expect("a flag");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        let mut connection = Connection { stream, buffer: BytesMut::new(), logs: vec![], told: vec![], lines: vec![] };
        match connection.receive() {
            FromInit::Hello(hello) => (connection, hello),
            other => panic!("not a hello: {other:?}"),
        }
    }

    /// Takes the server away: nobody can dial any more. Returns how to bring it back.
    pub fn without_server(self) -> (Self, PathBuf) {
        let path = self.socket();
        std::fs::remove_file(&path).expect("the socket is there");
        (self, path)
    }

    /// Brings the server back after [`Self::without_server`].
    pub fn server_again(&mut self) {
        self.listener = UnixListener::bind(self.socket()).expect("a socket");
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("link.sock")
    }

    /// What starts a runtime of `script`.
    pub fn start(&self, script: &str) -> Start {
        let path = self.folder.path().join("runtime.py");
        std::fs::write(&path, format!("{PRELUDE}\n{script}")).expect("a file");
        Start {
            argv: vec![python().to_owned(), "-uS".into(), path.display().to_string()],
            variables: vec![
                ("FOLDER".into(), self.folder.path().display().to_string()),
                ("PATH".into(), "/usr/bin:/bin".into()),
            ],
            working_dir: "/".into(),
            user: None,
            runtime_api: "127.0.0.1:0".into(),
            init_timeout_ms: 10_000,
            max_response_bytes: RESPONSE_LIMIT,
            max_stream_bytes: 200 * 1024 * 1024,
            freeze: false,
            memory_limit_bytes: None,
            function: FunctionFacts::default(),
            xray_daemon: "127.0.0.1:0".into(),
        }
    }

    /// Process id of the init.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process id fits"))
    }

    /// Waits until the init ended.
    pub fn ended(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(Instant::now() < end, "the init does not end");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        // SIGTERM lets the init end what it started.
        let _ = kill(self.pid(), Signal::SIGTERM);
        for _ in 0..500 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Connection {
    /// Sends a frame.
    pub fn send(&mut self, frame: &ToInit) {
        let bytes = link::encode(frame).expect("a frame");
        self.stream.write_all(&bytes).expect("the init reads");
    }

    /// Sends an event.
    pub fn invoke(&mut self, request_id: &str, payload: &[u8]) {
        self.invoke_within(request_id, payload, 10_000);
    }

    /// Sends an event with a timeout.
    pub fn invoke_within(&mut self, request_id: &str, payload: &[u8], timeout_ms: u64) {
        self.send(&ToInit::Invoke(invoke(request_id, payload, timeout_ms)));
    }

    /// Sends an event and waits for its result.
    pub fn run(&mut self, request_id: &str, payload: &[u8]) -> Finished {
        self.invoke(request_id, payload);
        self.finished()
    }

    /// The next frame.
    pub fn receive(&mut self) -> FromInit {
        let mut chunk = vec![0; 256 * 1024];
        loop {
            if let Some(frame) = link::decode(&mut self.buffer).expect("a frame") {
                return frame;
            }
            let count = self.stream.read(&mut chunk).expect("the init writes");
            assert!(count > 0, "the init hung up");
            self.buffer.extend_from_slice(&chunk[..count]);
        }
    }

    /// The next frame but output and what Lambda logs, which are kept.
    pub fn next(&mut self) -> FromInit {
        loop {
            match self.receive() {
                FromInit::Log { data, .. } => self.logs.extend_from_slice(&data),
                FromInit::Platform(event) => self.told.push(event),
                FromInit::Line { data, .. } => self.lines.push(String::from_utf8_lossy(&data).into_owned()),
                other => return other,
            }
        }
    }

    /// The next result.
    pub fn finished(&mut self) -> Finished {
        loop {
            match self.next() {
                FromInit::Finished(finished) => return finished,
                FromInit::Ready { .. } | FromInit::InitFailed { .. } => {}
                other => panic!("unexpected: {other:?}"),
            }
        }
    }

    /// Waits for the runtime to be ready.
    pub fn ready(&mut self) -> u64 {
        match self.next() {
            FromInit::Ready { init_us } => init_us,
            other => panic!("not ready: {other:?}"),
        }
    }

    /// Waits for output that ends with `text`.
    pub fn logged(&mut self, text: &str) {
        while !self.logs.ends_with(text.as_bytes()) {
            match self.receive() {
                FromInit::Log { data, .. } => self.logs.extend_from_slice(&data),
                FromInit::Platform(event) => self.told.push(event),
                other => panic!("not output: {other:?}"),
            }
        }
    }
}

/// An event.
pub fn invoke(request_id: &str, payload: &[u8], timeout_ms: u64) -> Invoke {
    Invoke {
        request_id: request_id.into(),
        function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".into(),
        trace_id: Some("Root=1-2-3".into()),
        client_context: Some("{\n\"custom\":\"ü\"}".into()),
        cognito_identity: None,
        tenant_id: None,
        timeout_ms,
        streams: false,
        payload: Bytes::copy_from_slice(payload),
    }
}

/// The interpreter itself, not a shim before it.
pub fn python() -> &'static str {
    static PYTHON: OnceLock<String> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let asked = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
        String::from_utf8(asked.expect("python3").stdout).expect("a path").trim().to_owned()
    })
}

/// Whether a process lives; one that ended and waits to be collected does not.
pub fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

/// Waits until a process is gone.
pub fn gone(pid: &str) {
    let end = Instant::now() + PATIENCE;
    while lives(pid) {
        assert!(Instant::now() < end, "process {pid} still lives");
        std::thread::sleep(Duration::from_millis(2));
    }
}
