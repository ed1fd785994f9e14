//! What every test of the Docker executor stands on: an engine, folders, a link and an executor.

use crate::skipped::skipped;
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::time::Duration;

use bollard::Docker;
use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::{ContainerInspectResponse, ContainerSummary, ExecConfig};
use bollard::query_parameters::{InspectContainerOptions, InspectNetworkOptions, ListContainersOptionsBuilder};
use futures_util::StreamExt as _;
use larder::environments::executor::{Base, EnvironmentId, EnvironmentSpec, Executor, ExecutorError, StandbySpec};
use larder::environments::executors::docker::{ContainerOptions, DockerExecutor, DockerOptions, Engine};
use larder::environments::images::ImageMapping;
use larder::model::functions::ImageConfig;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader};
use tokio::net::{TcpListener, UnixListener, UnixStream};

/// A stand-in, or AWS's own.
pub const IMAGE: &str = "public.ecr.aws/lambda/python:3.11";

/// How long anything here may take: a container starts in 0.2 s, but machines are shared.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// One test's store, folders, link and executor.
pub struct Stage {
    /// To look from outside.
    pub docker: Docker,
    /// What is tested.
    pub executor: DockerExecutor,
    /// What it was made of.
    pub options: DockerOptions,
    /// With `link`, the link folder, and `code`, the code tree.
    pub folder: TempDir,
    /// The link's end at the server.
    pub listener: UnixListener,
}

/// The executor on the engine that the options name.
pub async fn connect(options: DockerOptions) -> Result<DockerExecutor, ExecutorError> {
    let engine = Engine::connect(options.host.as_deref()).await?;
    DockerExecutor::on(engine, options)
}

impl Stage {
    /// `None`, with a line, where there is no engine or no image and nobody insists.
    pub async fn set(store_id: &str) -> Option<Self> {
        let docker = ready_engine().await?;
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["link", "code"] {
            let inner = folder.path().join(name);
            std::fs::create_dir(&inner).expect("created");
            std::fs::set_permissions(&inner, Permissions::from_mode(0o755)).expect("opened up");
        }
        std::fs::write(folder.path().join("code/handler.py"), "# code").expect("written");
        let socket = folder.path().join("link/link.sock");
        let listener = UnixListener::bind(&socket).expect("bound");
        std::fs::set_permissions(&socket, Permissions::from_mode(0o666)).expect("opened up");
        // As of a server that is not root; without effect where the tests are not.
        let _ = chown(&socket, Some(1000), Some(1000));
        let options = DockerOptions {
            host: host(),
            images: ImageMapping::Official,
            init: Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/docker_executor/fake_init.py"),
            link_folder: folder.path().join("link"),
            advertise: None,
            standby_folder: folder.path().join("standby"),
            // Two runs of the tests on one engine must not meet.
            store_id: format!("{store_id}-{}", std::process::id()),
            containers: ContainerOptions::default(),
            ignore_architecture: false,
        };
        let executor = connect(options.clone()).await.expect("an engine");
        Some(Self { docker, executor, options, folder, listener })
    }

    /// An environment of a small Python function.
    pub fn spec(&self, id: &str) -> EnvironmentSpec {
        EnvironmentSpec {
            id: EnvironmentId(id.into()),
            token: "t0ken".into(),
            store_id: self.options.store_id.clone(),
            function_arn: "arn:aws:lambda:eu-central-1:000000000000:function:f-1".into(),
            function_name: "f-1".into(),
            version: "$LATEST".into(),
            deployment: "d1".into(),
            base: Base::runtime("python3.11"),
            image_config: ImageConfig::default(),
            handler: "handler.handler".into(),
            code_tree: Some(self.folder.path().join("code")),
            layer_tree: None,
            known_folders: Vec::new(),
            memory_mib: 256,
            tmp_mib: 512,
            grace_s: 30,
        }
    }

    /// Starts an environment and returns what its init said, with the open link.
    pub async fn start(&self, id: &str) -> (Value, UnixStream) {
        self.executor.start(&self.spec(id)).await.expect("started");
        self.dialled().await
    }

    /// Starts a standby environment and returns what its init said, with the open link.
    pub async fn stand_by(&self, id: &str) -> (Value, UnixStream) {
        let EnvironmentSpec { id, token, store_id, base, grace_s, .. } = self.spec(id);
        self.executor.stand_by(&StandbySpec { id, token, store_id, base, grace_s }).await.expect("started");
        self.dialled().await
    }

    async fn dialled(&self) -> (Value, UnixStream) {
        let accepted = tokio::time::timeout(PATIENCE, self.listener.accept()).await;
        let (mut stream, _) = accepted.expect("dialled in time").expect("accepted");
        (report(&mut stream).await, stream)
    }

    /// What a shell command writes in the container of environment `id`.
    pub async fn execute(&self, id: &str, command: &str) -> String {
        let config = ExecConfig {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(["sh", "-c", command].map(str::to_owned).to_vec()),
            ..ExecConfig::default()
        };
        let container = self.inspect(id).await.id.expect("an id");
        let exec = self.docker.create_exec(&container, config).await.expect("created");
        let started = self.docker.start_exec(&exec.id, None::<StartExecOptions>).await.expect("started");
        let StartExecResults::Attached { output, .. } = started else { panic!("it is attached") };
        output.map(|piece| piece.expect("output").to_string()).collect().await
    }

    /// The container of environment `id`.
    pub async fn inspect(&self, id: &str) -> ContainerInspectResponse {
        self.inspect_named(&format!("f-1-{id}")).await
    }

    /// The container whose name ends like this.
    pub async fn inspect_named(&self, end: &str) -> ContainerInspectResponse {
        let store = &self.options.store_id[..8];
        let name = format!("larder-{store}-{end}");
        let seen = self.docker.inspect_container(&name, None::<InspectContainerOptions>).await;
        seen.expect("the container is there")
    }

    /// All containers of this test's store, in any state.
    pub async fn all(&self) -> Vec<ContainerSummary> {
        let label = format!("larder.store={}", self.options.store_id);
        let filters = [("label", vec![label])].into();
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        self.docker.list_containers(Some(options)).await.expect("listed")
    }

    /// Waits until none is left: a removal by the engine itself may end after our call.
    pub async fn none_left(&self) {
        for _ in 0..300 {
            if self.all().await.is_empty() {
                return;
            }
            tokio::time::sleep(PATIENCE / 300).await;
        }
        panic!("containers are left: {:?}", self.all().await);
    }
}

/// What the user says of the engine's place.
pub fn host() -> Option<String> {
    std::env::var("DOCKER_HOST").ok()
}

async fn ready_engine() -> Option<Docker> {
    let missing = match Docker::connect_with_defaults() {
        Err(error) => format!("no Docker engine: {error}"),
        Ok(docker) => match docker.inspect_image(IMAGE).await {
            Ok(_) => return Some(docker),
            Err(error) => format!("no image {IMAGE}: {error}"),
        },
    };
    let set = |name, value| std::env::var(name).is_ok_and(|found| found == value);
    assert!(!set("CI", "true") && !set("LARDER_REQUIRE_DOCKER", "1"), "{missing}");
    skipped(&missing);
    None
}

/// Reads what a fake init says of itself.
pub async fn report(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Value {
    let mut line = String::new();
    let read = tokio::time::timeout(PATIENCE, BufReader::new(stream).read_line(&mut line)).await;
    read.expect("said in time").expect("read");
    serde_json::from_str(&line).expect("the report of the fake init")
}

/// The engine's Unix socket, where it has one to put a proxy before.
pub fn local_socket() -> Option<String> {
    let host = host().unwrap_or_else(|| "unix:///var/run/docker.sock".into());
    host.strip_prefix("unix://").map(str::to_owned)
}

/// Makes an engine on a Unix socket look like one on the network.
pub async fn forward(proxy: TcpListener, socket: String) {
    while let Ok((mut client, _)) = proxy.accept().await {
        let mut engine = UnixStream::connect(&socket).await.expect("the engine");
        tokio::spawn(async move {
            let _ = tokio::io::copy_bidirectional(&mut client, &mut engine).await;
        });
    }
}

/// The address at which containers on the default network reach this machine. An engine in its first run
/// tells only the subnet (seen with 20.10); the bridge then has its first address.
pub async fn gateway(docker: &Docker) -> String {
    let network = docker.inspect_network("bridge", None::<InspectNetworkOptions>).await;
    let configs = network.expect("the default network").ipam.and_then(|ipam| ipam.config);
    let config = configs.into_iter().flatten().next().expect("a configuration");
    config.gateway.unwrap_or_else(|| {
        let subnet = config.subnet.expect("a subnet");
        let base: std::net::Ipv4Addr = subnet.split('/').next().and_then(|base| base.parse().ok()).expect("an address");
        std::net::Ipv4Addr::from(u32::from(base) + 1).to_string()
    })
}
