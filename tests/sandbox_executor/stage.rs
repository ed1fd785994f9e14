//! A function, an executor, and the server's end of the link.

use crate::skipped::skipped;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use larder::environments::endpoint::Endpoint;
use larder::environments::executor::{Base, EnvironmentId, EnvironmentSpec, Executor, InitUser, Ulimits};
use larder::environments::executors::sandbox::{SandboxConfig, SandboxExecutor, SandboxNetwork};
use larder::model::functions::ImageConfig;
use larder_init::link::{self, FromInit, Invoke, Outcome, Start, ToInit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// Everything around an environment.
pub struct Stage {
    folder: tempfile::TempDir,
    runtime: String,
    executor: SandboxExecutor,
    listener: UnixListener,
}

impl Stage {
    /// Sets up a function; `None`, with a line, where it cannot run.
    pub async fn set(runtime: &str, file: &str, code: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let task = folder.path().join("task");
        std::fs::create_dir(&task).expect("created");
        std::fs::write(task.join(file), code).expect("written");
        std::fs::set_permissions(task.join(file), std::fs::Permissions::from_mode(0o755)).expect("set");
        std::fs::create_dir(folder.path().join("link")).expect("created");
        let listener = UnixListener::bind(folder.path().join("link/link.sock")).expect("bound");
        let ready = match SandboxExecutor::new(config(folder.path())) {
            Err(error) => Err(error.to_string()),
            Ok(executor) => executor.probe().map(|()| executor),
        };
        let executor = match ready {
            Ok(executor) if executor.supports(&Base::runtime(runtime)).is_ok() => executor,
            Ok(_) => return skip(&format!("{runtime} cannot run here")),
            Err(why) => return skip(&why),
        };
        executor.prepare(&Base::runtime(runtime)).await.expect("prepared");
        Some(Stage { folder, runtime: runtime.to_owned(), executor, listener })
    }

    /// An executor as a restarted server would make it.
    pub fn executor(&self) -> SandboxExecutor {
        SandboxExecutor::new(config(self.folder.path())).expect("as before")
    }

    pub fn spec(&self, id: &str) -> EnvironmentSpec {
        EnvironmentSpec {
            id: EnvironmentId(id.to_owned()),
            token: "t0ken".to_owned(),
            store_id: "store".to_owned(),
            function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned(),
            function_name: "f".to_owned(),
            version: "$LATEST".to_owned(),
            deployment: "d".to_owned(),
            base: Base::runtime(&self.runtime),
            image_config: ImageConfig::default(),
            handler: "handler.handler".to_owned(),
            code_tree: Some(self.folder.path().join("task")),
            layer_tree: None,
            known_folders: Vec::new(),
            memory_mib: 128,
            tmp_mib: 16,
            grace_s: 30,
        }
    }

    /// Starts an environment and sends what starts its runtime.
    pub async fn start(&self, id: &str) -> Link {
        let spec = self.spec(id);
        self.executor.start(&spec).await.expect("started");
        let (stream, _) =
            tokio::time::timeout(PATIENCE, self.listener.accept()).await.expect("it dials").expect("dialled");
        let mut link = Link { stream, buffer: BytesMut::new(), log: String::new(), init_us: 0 };
        match link.receive().await {
            Some(FromInit::Hello(hello)) => {
                assert_eq!((hello.environment.as_str(), hello.token.as_str()), (id, "t0ken"));
            }
            other => panic!("not a hello: {other:?}"),
        }
        let launch = self.executor.launch(&spec).await.expect("launchable");
        let mut variables = launch.variables;
        variables.push(("_HANDLER".to_owned(), spec.handler));
        let start = Start {
            argv: launch.argv,
            variables,
            working_dir: "/var/task".to_owned(),
            user: launch.user,
            runtime_api: launch.runtime_api,
            init_timeout_ms: 10_000,
            max_response_bytes: 6_291_556,
            max_stream_bytes: 1 << 20,
            freeze: false,
            memory_limit_bytes: None,
            function: larder_init::link::FunctionFacts::default(),
            xray_daemon: launch.xray_daemon,
        };
        link.send(&ToInit::Start(Box::new(start))).await;
        link
    }

    /// Stops an environment and looks that nothing is left of it.
    pub async fn end(&self, id: &str) {
        self.executor.stop(&EnvironmentId(id.to_owned())).await.expect("stopped");
        assert!(!self.environment(id).exists());
    }

    pub fn pid(&self, id: &str) -> u32 {
        let record = std::fs::read_to_string(self.environment(id).join("pid")).expect("a record");
        record.split(' ').next().expect("a pid").parse().expect("a number")
    }

    fn environment(&self, id: &str) -> PathBuf {
        self.folder.path().join("run/environments").join(id)
    }
}

/// The server's end of one environment's link.
pub struct Link {
    stream: UnixStream,
    buffer: BytesMut,
    pub log: String,
    pub init_us: u64,
}

impl Link {
    pub async fn send(&mut self, frame: &ToInit) {
        let bytes = link::encode(frame).expect("encodes");
        self.stream.write_all(&bytes).await.expect("sent");
    }

    /// The next frame; `None` at the end of the connection.
    async fn receive(&mut self) -> Option<FromInit> {
        loop {
            if let Some(frame) = link::decode(&mut self.buffer).expect("a frame") {
                return Some(frame);
            }
            let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.buffer)).await;
            if read.expect("in time").unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// Whether the connection ends, whatever comes before.
    pub async fn is_closed(&mut self) -> bool {
        while self.receive().await.is_some() {}
        true
    }

    /// Runs one event; gathers the log until its end.
    pub async fn invoke(&mut self, request_id: &str, payload: &str) -> Outcome {
        let invoke = Invoke {
            request_id: request_id.to_owned(),
            function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned(),
            trace_id: None,
            client_context: None,
            cognito_identity: None,
            tenant_id: None,
            timeout_ms: 10_000,
            streams: false,
            payload: Bytes::copy_from_slice(payload.as_bytes()),
        };
        self.send(&ToInit::Invoke(invoke)).await;
        loop {
            match self.receive().await.expect("it answers") {
                FromInit::Log { data, .. } => self.log += &String::from_utf8_lossy(&data),
                FromInit::Ready { init_us } => self.init_us = init_us,
                FromInit::InitFailed { .. } | FromInit::Platform(_) => {}
                FromInit::Finished(finished) => return finished.outcome,
                other => panic!("not a result: {other:?}"),
            }
        }
    }
}

fn config(folder: &Path) -> SandboxConfig {
    let tests = std::env::current_exe().expect("a test is a program");
    let built = tests.parent().and_then(Path::parent).expect("target/<profile>/deps");
    SandboxConfig {
        init_binary: built.join("larder-init"),
        run_dir: folder.join("run"),
        link_socket: folder.join("link/link.sock"),
        hidden: vec![folder.to_owned()],
        user: InitUser::default(),
        ulimits: Ulimits::default(),
        network: SandboxNetwork::default(),
        endpoint: Endpoint::default(),
        own_endpoint: Endpoint::default(),
        relay_port: 4566,
        names: None,
    }
}

fn skip(why: &str) -> Option<Stage> {
    skipped(why);
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "this must run in CI");
    None
}

/// The state of a process: `None` when there is none.
fn state(pid: &str) -> Option<(String, String)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').map(str::to_owned);
    Some((fields.next()?, fields.next()?))
}

pub fn is_running(pid: u32) -> bool {
    state(&pid.to_string()).is_some_and(|(state, _)| state != "Z")
}

/// How many ended children this process has not waited for.
pub fn zombies() -> usize {
    let me = std::process::id().to_string();
    let processes = std::fs::read_dir("/proc").expect("proc").flatten();
    let states = processes.filter_map(|entry| state(&entry.file_name().to_string_lossy()));
    states.filter(|(state, parent)| state == "Z" && *parent == me).count()
}
