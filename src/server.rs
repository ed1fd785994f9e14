//! The server: puts the rooms together, serves them on one port, and takes them apart again.

mod error;
mod hot_reload;
mod pods;

use std::fmt::Write as _;
use std::fs::{self, File, TryLockError};
use std::future::Future;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Path as PathParam, Request, State};
use axum::response::Response;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::{Api, Services, code};
use crate::blobs::BlobStore;
use crate::blobs::code_tree::CodeTrees;
use crate::config::{ExecutorChoice, ServeOptions};
use crate::console::{self, Console};
use crate::environments::executor::{Executor, ExecutorError};
use crate::environments::executors::docker::{DockerExecutor, DockerOptions, Engine};
use crate::environments::executors::sandbox::{SandboxConfig, SandboxExecutor};
use crate::environments::{INIT, LinkServer, Pool, SOCKET, Settings, activation, capacity, provisioning};
use crate::invoke::{Invoker, event_sources};
use crate::ledger::{CheckpointPolicy, Ledger, Options};
use crate::neighbours::Neighbourhood;
use crate::neighbours::logs::delivery;
use crate::upstream::{Endpoints, Upstream};

pub use error::ServerError;

/// The init, built by build.rs.
static INIT_BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/larder-init"));

/// How long running calls may take after the server was asked to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// How long environments may take to end at the stop.
const ENVIRONMENTS_END: Duration = Duration::from_secs(10);

/// A server that is ready to run.
#[derive(Debug)]
pub struct Server {
    neighbourhood: Arc<Neighbourhood>,
    delivery: delivery::Delivery,
    services: Arc<Services>,
    console: Arc<Console>,
    pool: Arc<Pool>,
    ledger: Arc<Ledger>,
    executor: Arc<dyn Executor>,
    link: LinkServer,
    settings: Settings,
    address: SocketAddr,
    data_dir: PathBuf,
    stop: CancellationToken,
    pods: pods::SaveOnExit,
    /// Held as long as the server lives: keeps a second one off the data dir.
    _lock: File,
}

impl Server {
    /// Opens the data dir, replays it, and prepares everything that serves it.
    pub async fn open(options: &ServeOptions, listener: &TcpListener) -> Result<Self, ServerError> {
        let started = Instant::now();
        let address = listener.local_addr().map_err(ServerError::Serve)?;
        let upstream = upstream(options, address)?;
        let pods = pods::SaveOnExit::new(&options.pods)?;
        let data_dir = make_folder(&options.data_dir)?;
        let lock = lock(&data_dir)?;
        let limits = options.limits.limits();
        let store = Options { path: data_dir.join("store"), durability: options.durability.0, limits: limits.clone() };
        let checkpoints = CheckpointPolicy { events: options.checkpoint_events, bytes: options.checkpoint_bytes };
        let settings = settings(options, &data_dir);
        let init = install_init(&settings, options.environments.init_bin.as_deref())?;
        let opening = tokio::task::spawn_blocking(move || Ledger::open_with(store, checkpoints));
        // An engine takes its time to answer, and so does the trial of a sandbox: meanwhile.
        let (opened, found) = tokio::join!(opening, find_executor(options, &settings, &init));
        let ledger = Arc::new(opened.map_err(|error| ServerError::Serve(error.into()))??);
        let blobs = Arc::new(BlobStore::open(&data_dir.join("blobs"), ledger.small_blobs())?);
        let trees = CodeTrees::open(&data_dir.join("trees"), Arc::clone(&blobs), limits.code_size_unzipped)?;
        let (executor, executor_reason) = choose_executor(options, found?, &settings, &ledger, init)?;
        let link = bind_link(options, &settings).await?;
        let stop = CancellationToken::new();
        let (sink, delivery) = delivery::queue(Arc::clone(&ledger));
        let trees = Arc::new(trees);
        let hot_reload = hot_reload::open(options, &settings, &*executor, &data_dir)?;
        let pool = Pool::new(
            Arc::clone(&executor),
            trees,
            Arc::clone(&ledger),
            settings.clone(),
            Arc::clone(&hot_reload),
            Arc::new(sink),
            stop.clone(),
        )
        .map_err(|source| ServerError::Io { path: settings.run_dir.clone(), source })?;
        let invoker = Arc::new(Invoker::new(Arc::clone(&ledger), Arc::clone(&pool), limits.clone()));
        let layer_library = options.layer_library.clone();
        let services = Arc::new(Services {
            ledger: Arc::clone(&ledger),
            blobs,
            invoker,
            limits,
            upstream,
            hot_reload,
            layer_library,
        });
        let api = Arc::new(Api::new(Arc::clone(&services)));
        let console = Console {
            ledger: Arc::clone(&ledger),
            blobs: Arc::clone(&services.blobs),
            staging: make_folder(&data_dir.join("staging"))?,
            pods_dir: options.pods.pods_dir.clone(),
            pool: Arc::clone(&pool),
            executor_reason,
            data_dir: data_dir.clone(),
            started,
        };
        Ok(Self {
            neighbourhood: Arc::new(Neighbourhood::new(api, Arc::clone(&services))),
            delivery,
            services,
            console: Arc::new(console),
            pool,
            ledger,
            executor,
            link,
            settings,
            address,
            data_dir,
            stop,
            pods,
            _lock: lock,
        })
    }

    /// What a person wants to know at the start.
    pub fn banner(&self) -> String {
        let mut banner = format!("larder {} is ready\n", env!("CARGO_PKG_VERSION"));
        let state = self.ledger.state();
        let executor = format!("{} ({})", self.executor.name(), self.console.executor_reason);
        for (name, value) in [
            ("address", format!("http://{}", self.address)),
            ("data dir", self.data_dir.display().to_string()),
            ("store", self.ledger.store_id().to_owned()),
            ("sequence", format!("{} ({} functions)", state.sequence, state.functions.len())),
            ("upstream", self.services.upstream.summary()),
            ("executor", executor),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        {
            let _ = writeln!(banner, "  {name:<9} {value}");
        }
        banner.trim_end().to_owned()
    }

    /// Starts what brings the state on without being asked.
    fn start_reactors(&self) -> TaskTracker {
        let (tasks, delay, stop) = (TaskTracker::new(), self.settings.state_delay, &self.stop);
        let ledger = || Arc::clone(&self.ledger);
        tasks.spawn(activation::run(ledger(), Arc::clone(&self.pool), delay, stop.clone()));
        tasks.spawn(capacity::run(ledger(), delay, stop.clone()));
        tasks.spawn(event_sources::run(ledger(), delay, stop.clone()));
        tasks.spawn(provisioning::run(ledger(), Arc::clone(&self.pool), delay, stop.clone()));
        tasks
    }

    /// Serves until `shutdown`, then refuses new calls, lets running ones end, ends environments and
    /// flushes.
    pub async fn run(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServerError> {
        let tasks = self.start_reactors();
        let link_stop = CancellationToken::new();
        let (delivered, delivery_stop) = (TaskTracker::new(), CancellationToken::new());
        delivered.spawn(self.delivery.run(delivery_stop.clone()));
        tasks.spawn(self.link.run(Arc::clone(&self.pool), link_stop.clone()));
        tasks.spawn(Arc::clone(&self.pool).keep());
        tasks.spawn(Arc::clone(&self.pool).reload_changed());

        let downloads = axum::Router::new()
            .route(&format!("{}{{digest}}", code::DOWNLOAD_PATH), get(download))
            .with_state(Arc::clone(&self.services));
        let app = console::routes(self.console).merge(downloads).fallback(move |request: Request| {
            let neighbourhood = Arc::clone(&self.neighbourhood);
            async move { neighbourhood.handle(request).await }
        });
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let stopping = CancellationToken::new();
        let asked = stopping.clone();
        let serving = axum::serve(listener, app).with_graceful_shutdown(async move {
            shutdown.await;
            asked.cancel();
        });
        let drained = async {
            stopping.cancelled().await;
            tokio::time::sleep(DRAIN).await;
        };
        tokio::select! {
            served = serving.into_future() => served.map_err(ServerError::Serve)?,
            () = drained => tracing::warn!("calls were still running after {} s and are given up", DRAIN.as_secs()),
        }
        self.services.invoker.close(DRAIN).await;
        self.stop.cancel();
        self.pool.close(ENVIRONMENTS_END).await;
        link_stop.cancel();
        tasks.close();
        tasks.wait().await;
        // Nobody writes any more: what still waits is stored.
        delivery_stop.cancel();
        delivered.close();
        delivered.wait().await;
        let saved = self.pods.save(&self.ledger, &self.services.blobs).await;
        let ledger = self.ledger;
        let closed = tokio::task::spawn_blocking(move || ledger.close()).await;
        closed.map_err(|error| ServerError::Serve(error.into()))??;
        saved
    }
}

async fn download(State(services): State<Arc<Services>>, PathParam(digest): PathParam<String>) -> Response {
    code::download(&services, &digest).await.unwrap_or_else(|error| crate::api::error::response(&error))
}

/// Where environments dial.
async fn bind_link(options: &ServeOptions, settings: &Settings) -> Result<LinkServer, ServerError> {
    let socket = settings.link_dir().join(SOCKET);
    let link = LinkServer::bind(&socket).map_err(|source| ServerError::Io { path: socket, source })?;
    match options.environments.link_address {
        Some(address) => link.with_remote(address).await.map_err(|source| ServerError::Link { address, source }),
        None => Ok(link),
    }
}

/// The folder as an absolute path: it is mounted into environments.
fn make_folder(path: &Path) -> Result<PathBuf, ServerError> {
    let error = |source| ServerError::Io { path: path.to_owned(), source };
    // What functions are given as variables lies in it: nobody else may look.
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(error)?;
    path.canonicalize().map_err(error)
}

/// Keeps others off a data dir as long as the file lives.
pub fn lock(data_dir: &Path) -> Result<File, ServerError> {
    let path = data_dir.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|source| ServerError::Io { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ServerError::InUse(data_dir.to_owned())),
        Err(TryLockError::Error(source)) => Err(ServerError::Io { path, source }),
    }
}

fn settings(options: &ServeOptions, data_dir: &Path) -> Settings {
    let environments = &options.environments;
    Settings {
        run_dir: data_dir.join("run"),
        keep_alive: Duration::from_millis(environments.keepalive_ms),
        grace: Duration::from_secs(environments.grace_s),
        start_timeout: Duration::from_secs(environments.start_timeout_s),
        state_delay: Duration::from_millis(environments.state_delay_ms),
        max_response_bytes: options.limits.payload_size,
        concurrency: options.limits.concurrent_executions,
        freeze: environments.freeze,
        xray_daemon: environments.xray_daemon,
        rehydrate: environments.rehydrate,
        standby: usize::from(environments.standby),
        max_environments: environments.max_environments.and_then(|most| usize::try_from(most).ok()),
        max_memory_mib: environments.max_memory,
    }
}

/// Puts the init where environments find it, unless it is there already.
fn install_init(settings: &Settings, other: Option<&Path>) -> Result<PathBuf, ServerError> {
    let folder = settings.link_dir();
    let path = folder.join(INIT);
    let install = || {
        fs::create_dir_all(&folder)?;
        let bytes = match other {
            Some(other) => std::borrow::Cow::Owned(fs::read(other)?),
            None => std::borrow::Cow::Borrowed(INIT_BYTES),
        };
        if fs::read(&path).is_ok_and(|there| there == *bytes) {
            return Ok(());
        }
        // Renamed into place: environments may be running the old one.
        let file = tempfile::NamedTempFile::new_in(&folder)?;
        fs::write(file.path(), &bytes)?;
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o755))?;
        file.persist(&path).map(drop).map_err(|error| error.error)
    };
    install().map_err(|source| ServerError::Io { path: path.clone(), source })?;
    Ok(path)
}

/// The endpoints of other services. One that is this server would pass each request to itself for ever.
fn upstream(options: &ServeOptions, address: SocketAddr) -> Result<Upstream, ServerError> {
    let endpoints = Endpoints::new(options.upstream.iter().cloned()).map_err(ServerError::Upstream)?;
    let own = [address.to_string(), format!("localhost:{}", address.port())];
    if let Some(endpoint) = endpoints.all().find(|endpoint| own.contains(&endpoint.authority().to_string())) {
        return Err(ServerError::Upstream(format!("--upstream names {endpoint}, which is this server")));
    }
    Ok(Upstream::new(endpoints))
}

/// The user's word for where the engine is.
fn docker_host(options: &ServeOptions) -> Option<&str> {
    options.environments.docker_host.as_deref().filter(|host| !host.is_empty())
}

/// What there is to run functions, as far as it can be known without the store.
enum Found {
    Sandbox(Arc<dyn Executor>),
    Engine(Result<Engine, ExecutorError>),
}

/// Looks for what the user asked for, or for an engine.
async fn find_executor(options: &ServeOptions, settings: &Settings, init: &Path) -> Result<Found, ServerError> {
    if options.executor != ExecutorChoice::Sandbox {
        return Ok(Found::Engine(Engine::connect(docker_host(options)).await));
    }
    let (settings, init) = (settings.clone(), init.to_owned());
    let made = tokio::task::spawn_blocking(move || sandbox(&settings, init)).await;
    made.map_err(|error| ServerError::Serve(error.into()))?.map(Found::Sandbox)
}

/// The executor, and why it is this one.
fn choose_executor(
    options: &ServeOptions,
    found: Found,
    settings: &Settings,
    ledger: &Ledger,
    init: PathBuf,
) -> Result<(Arc<dyn Executor>, String), ServerError> {
    let engine = match found {
        Found::Sandbox(sandbox) => return Ok((sandbox, "asked for".to_owned())),
        Found::Engine(engine) => engine,
    };
    let docker = DockerOptions {
        host: docker_host(options).map(str::to_owned),
        images: options.environments.image_mapping.clone(),
        init: init.clone(),
        link_folder: settings.link_dir(),
        advertise: options.environments.link_address.map(|address| address.to_string()),
        standby_folder: settings.run_dir.join("standby"),
        store_id: ledger.store_id().to_owned(),
    };
    match (engine.and_then(|engine| DockerExecutor::on(engine, docker)), options.executor) {
        (Ok(docker), choice) => {
            let why = if choice == ExecutorChoice::Docker { "asked for" } else { "an engine answers" };
            let reason = format!("{why}: {}", docker.engine());
            Ok((Arc::new(docker), reason))
        }
        (Err(error), ExecutorChoice::Docker) => Err(unusable("docker", &error)),
        (Err(error), _) => Ok((sandbox(settings, init)?, format!("no Docker engine: {error}"))),
    }
}

/// The sandbox, if this kernel lets this user make one.
fn sandbox(settings: &Settings, init: PathBuf) -> Result<Arc<dyn Executor>, ServerError> {
    let config = SandboxConfig {
        init_binary: init,
        run_dir: settings.run_dir.clone(),
        link_socket: settings.link_dir().join(SOCKET),
        hidden: settings.run_dir.parent().map(Path::to_owned).into_iter().collect(),
    };
    let sandbox = SandboxExecutor::new(config).map_err(|error| unusable("sandbox", &error))?;
    sandbox.probe().map_err(|reason| ServerError::Executor { name: "sandbox", reason })?;
    Ok(Arc::new(sandbox))
}

fn unusable(name: &'static str, error: &ExecutorError) -> ServerError {
    ServerError::Executor { name, reason: error.to_string() }
}
