//! The server: puts the rooms together, serves them on one port, and takes them apart again.

mod doors;
mod error;
mod executors;
mod hot_reload;
mod names;
mod pods;
mod shadows;
mod tidy;

use std::fmt::Write as _;
use std::fs::{self, File, TryLockError};
use std::future::Future;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::middleware::from_fn_with_state;
use doors::Doors;
pub use error::ServerError;
use executors::{choose_executor, find_executor};
use tidy::make_folder;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::blobs::BlobStore;
use crate::blobs::code_tree::CodeTrees;
use crate::config::ServeOptions;
use crate::console::{self, Console};
use crate::desk::init_hooks::InitHooks;
use crate::desk::queue::Queue;
use crate::environments::executor::Executor;
use crate::environments::hot_reload::HotReload;
use crate::environments::{INIT, Makers, Pool, Settings, place};
use crate::front::dispatch::{Dispatch, Ways};
use crate::front::{Apps, Bodies, Connections, Listeners, Patience, Places, Room, control, guard, tls::Encryption};
use crate::invoke::Invoker;
use crate::invoke::record::{Recorder, Telemetry};
use crate::ledger::{CheckpointPolicy, Ledger, LedgerOptions};
use crate::messages::Messages;
use crate::model::limits::Limits;
use crate::reactors::sources::Sources;
use crate::reactors::{self, targets::Targets};
use crate::services::Services;
use crate::services::access::{Access, Keys};
use crate::services::logs::delivery::{self, Delivery};
use crate::upstream::{AccessOptions, Endpoints, Upstream};
#[cfg(any(feature = "kafka", feature = "rabbitmq"))]
use crate::upstream::{Brokers, SecretFiles};

/// The init, built by build.rs.
static INIT_BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/larder-init"));

/// Mode of the folder with the link's socket and the init.
const LINK_FOLDER_MODE: u32 = 0o711;

/// How long running calls may take after the server was asked to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// How long environments may take to end at the stop.
const ENVIRONMENTS_END: Duration = Duration::from_secs(10);

/// A server that is ready to run.
#[derive(Debug)]
pub struct Server {
    dispatch: Arc<Dispatch>,
    delivery: Delivery,
    services: Arc<Services>,
    console: Arc<Console>,
    pool: Arc<Pool>,
    ledger: Arc<Ledger>,
    executor: Arc<dyn Executor>,
    doors: Doors,
    tls: Encryption,
    /// What takes encrypted connections of functions.
    tls_of_functions: Encryption,
    /// Whether functions may use Larder's own endpoints.
    console_for_functions: bool,
    retry_base_delay_s: u64,
    /// Shadows of functions in the upstream, if there are to be some.
    shadows: Option<shadows::Plan>,
    settings: Settings,
    /// Where it listens, as the user says it.
    addresses: Vec<String>,
    data_dir: PathBuf,
    staging: PathBuf,
    stop: CancellationToken,
    pods: pods::SaveOnExit,
    /// Held as long as the server lives: keeps a second one off the data dir.
    _lock: File,
}

impl Server {
    /// Opens the data dir, replays it, and prepares everything that serves it.
    pub async fn open(
        options: &ServeOptions,
        listeners: &Listeners,
        init_hooks: Arc<InitHooks>,
    ) -> Result<Self, ServerError> {
        let started = Instant::now();
        let address = for_functions(options, listeners)?;
        let upstream = Arc::new(upstream(options, listeners)?);
        let pods = pods::SaveOnExit::new(&options.pods)?;
        let data_dir = make_folder(&options.data_dir)?;
        let lock = lock(&data_dir)?;
        tidy::narrow(&data_dir)?;
        tidy::sweep(&data_dir, options.pods.pods_dir.as_deref());

        let limits = options.limits.limits();
        let settings = settings(options, &data_dir)?;
        let init = install_init(&settings, options.environments.init_bin.as_deref())?;
        let tls = Encryption::open(&data_dir, options.tls.given().as_ref())?;
        let tls_of_functions = names::prepare(options, &tls, &data_dir, &settings.link_dir())?;
        // An engine takes its time to answer, and so does the trial of a sandbox: meanwhile.
        let opening = open_ledger(options, &data_dir);
        let (ledger, found) = tokio::join!(opening, find_executor(options, &settings, &init, address));
        let ledger = Arc::new(ledger?);
        let blobs = Arc::new(BlobStore::open(&data_dir.join("blobs"), ledger.small_blobs())?);
        let trees = CodeTrees::open(&data_dir.join("trees"), Arc::clone(&blobs), limits.code_size_unzipped)?;
        let (executor, executor_reason) = choose_executor(options, found?, &settings, &ledger, init, address).await?;

        let doors = Doors::open(options, &settings, &data_dir, listeners).await?;
        let stop = CancellationToken::new();
        let hot_reload = hot_reload::open(options, &settings, &*executor, &data_dir)?;
        let made_of = (Arc::clone(&executor), Arc::new(trees), Arc::clone(&ledger));
        let (pool, delivery) = open_pool(made_of, &settings, &hot_reload, &stop)?;

        let recorder = open_recorder(options, &ledger)?;
        let invoker = Invoker::new(Arc::clone(&ledger), Arc::clone(&pool), limits.clone(), recorder);
        let services = Arc::new(services_of(options, (&ledger, blobs), invoker, (upstream, hot_reload), limits)?);
        let console = console_of(
            options,
            &services,
            &pool,
            (executor_reason, &data_dir, started),
            (listeners, &tls, init_hooks),
        )?;
        let staging = console.staging.clone();

        Ok(Self {
            dispatch: Arc::new(Dispatch::new(Arc::clone(&services), ways_of(options))),
            delivery,
            services,
            console: Arc::new(console),
            pool,
            ledger,
            executor,
            doors,
            tls,
            tls_of_functions,
            console_for_functions: options.environments.functions_may_use_console,
            retry_base_delay_s: options.environments.retry_base_delay_s,
            shadows: shadows::Plan::of(options, listeners),
            settings,
            addresses: listeners.urls(),
            staging,
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
            ("address", self.addresses.first().cloned().unwrap_or_default()),
            ("console", self.addresses.first().map(|address| format!("{address}/_larder/")).unwrap_or_default()),
            ("also at", self.addresses.get(1..).unwrap_or_default().join(", ")),
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
    fn start_reactors(&self, stopping: &CancellationToken) -> TaskTracker {
        let tasks = TaskTracker::new();
        reactors::start(&tasks, &self.ledger, &self.pool, self.settings.state_delay, &self.stop);
        // What is accepted while the server ends is run by the next one.
        tasks.spawn(reactors::async_events::run(
            Arc::clone(&self.ledger),
            Arc::clone(&self.services.invoker),
            Arc::clone(&self.console.queue.running),
            self.retry_base_delay_s,
            stopping.clone(),
        ));
        let targets = Targets::new(Arc::clone(&self.services.messages), Arc::clone(&self.services.upstream));
        let lost = Arc::clone(&self.console.queue.lost);
        tasks.spawn(reactors::deliveries::run(Arc::clone(&self.ledger), targets, lost, stopping.clone()));
        let messages = Arc::clone(&self.services.messages);
        tasks.spawn(reactors::queues::run(Arc::clone(&self.ledger), Arc::clone(&messages), self.stop.clone()));
        tasks.spawn(reactors::move_tasks::run(Arc::clone(&self.ledger), messages, stopping.clone()));
        let sources = Sources {
            ledger: Arc::clone(&self.ledger),
            invoker: Arc::clone(&self.services.invoker),
            messages: Arc::clone(&self.services.messages),
            upstream: Arc::clone(&self.services.upstream),
            results: Arc::clone(&self.services.source_results),
        };
        tasks.spawn(reactors::sources::run(sources, stopping.clone()));
        if let Some(shadows) = &self.shadows {
            shadows.start(&tasks, &self.services, &self.console.shadows, stopping);
        }

        tasks
    }

    /// Serves until `shutdown`, then refuses new calls, lets running ones end, ends environments and
    /// flushes.
    pub async fn run(
        self,
        listeners: Listeners,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServerError> {
        let console = console::routes(Arc::clone(&self.console));
        let kept_out = (!self.console_for_functions).then(|| self.doors.function_users.clone());
        let Apps { guarded, for_functions, owners } = Apps::new(console, &self.dispatch, kept_out);
        let stopping = self.console.stopping.clone();
        let tasks = self.start_reactors(&stopping);
        let link_stop = CancellationToken::new();
        let delivered = TaskTracker::new();
        let delivery_stop = CancellationToken::new();
        delivered.spawn(self.delivery.run(delivery_stop.clone()));
        tasks.spawn(self.doors.link.run(Arc::clone(&self.pool), link_stop.clone()));
        tasks.spawn(Arc::clone(&self.pool).keep());
        tasks.spawn(Arc::clone(&self.pool).reload_changed());

        let bodies = Arc::new(Bodies::new(self.staging, Room::default()));
        let users = self.doors.guard.users().clone();
        let connections = |app, part| {
            Connections::new(app, Arc::clone(&bodies), Patience::default(), Places::one_in(part), users.clone())
        };
        let guarded = guarded.layer(from_fn_with_state(Arc::new(self.doors.guard), guard::guard));
        let calls = TaskTracker::new();
        calls.spawn(
            connections(for_functions, 8)
                .with_tls(self.tls_of_functions)
                .serve(self.doors.api_socket, stopping.clone()),
        );
        calls.spawn(connections(owners, 32).serve(self.doors.control, stopping.clone()));
        calls.spawn(connections(guarded, 4).with_tls(self.tls).serve(listeners, stopping.clone()));
        calls.close();
        shutdown.await;
        stopping.cancel();
        self.dispatch.end_waits();
        if tokio::time::timeout(DRAIN, calls.wait()).await.is_err() {
            tracing::warn!("calls were still running after {} s and are given up", DRAIN.as_secs());
        }
        self.services.invoker.close(DRAIN).await;
        self.stop.cancel();
        self.pool.close(ENVIRONMENTS_END).await;
        let recorder = self.services.invoker.recorder().clone();
        if tokio::task::spawn_blocking(move || recorder.close()).await.is_err() {
            tracing::error!("the last invocations were not recorded");
        }
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

/// What operations work with.
fn services_of(
    options: &ServeOptions,
    (ledger, blobs): (&Arc<Ledger>, Arc<BlobStore>),
    invoker: Invoker,
    (upstream, hot_reload): (Arc<Upstream>, Arc<HotReload>),
    limits: Limits,
) -> Result<Services, ServerError> {
    Ok(Services {
        ledger: Arc::clone(ledger),
        blobs,
        messages: Arc::new(Messages::new(Arc::clone(ledger))),
        invoker: Arc::new(invoker),
        limits,
        access: open_access(options, ledger)?,
        upstream,
        source_results: Arc::default(),
        hot_reload,
        layer_library: options.layer_library.clone(),
        synchronous: options.environments.synchronous_create,
    })
}

/// What remembers invocations, and tells of them.
fn open_recorder(options: &ServeOptions, ledger: &Ledger) -> Result<Recorder, ServerError> {
    let telemetry = options.records.otlp.as_ref().map(Telemetry::start).transpose();
    let telemetry = telemetry.map_err(|error| ServerError::Telemetry(error.to_string()))?;
    Ok(Recorder::start(ledger.records(), options.records.policy(), telemetry))
}

/// Who may call, by what the user wants and the store's own secret.
fn open_access(options: &ServeOptions, ledger: &Ledger) -> Result<Arc<Access>, ServerError> {
    let rules = options.access.rules();
    let keys = Keys::open(ledger.secret(), rules.credentials.as_deref())?;
    Ok(Arc::new(Access::new(&rules, keys)))
}

fn ways_of(options: &ServeOptions) -> Ways {
    let delays_queues = options.sqs_delay_recently_deleted;
    Ways { pass_cloudformation: options.pass_cloudformation, delays_queues }
}

/// Opens the store of a data dir, apart from what must not wait.
async fn open_ledger(options: &ServeOptions, data_dir: &Path) -> Result<Ledger, ServerError> {
    let durability = options.durability.0;
    let limits = options.limits.limits();
    let store = LedgerOptions { path: data_dir.join("store"), durability, limits };
    let checkpoints = CheckpointPolicy { events: options.checkpoint_events, bytes: options.checkpoint_bytes };
    let log_budget = options.log_budget;
    let opening = tokio::task::spawn_blocking(move || {
        Ledger::open_with(store, checkpoints)
            .inspect(|ledger| ledger.log_lines().set_budget(log_budget, "--log-budget"))
    });

    Ok(opening.await.map_err(|error| ServerError::Serve(error.into()))??)
}

/// The environments, and what brings their lines to the log.
fn open_pool(
    (executor, trees, ledger): (Arc<dyn Executor>, Arc<CodeTrees>, Arc<Ledger>),
    settings: &Settings,
    hot_reload: &Arc<HotReload>,
    stop: &CancellationToken,
) -> Result<(Arc<Pool>, Delivery), ServerError> {
    let (sink, delivery) = delivery::queue(Arc::clone(&ledger));
    let makers = Makers::open(executor, trees, ledger, settings.clone(), Arc::clone(hot_reload), stop.clone());
    let pool = makers.and_then(|makers| Pool::new(makers, Arc::new(sink)));
    let pool = pool.map_err(|source| ServerError::Io { path: settings.run_dir.clone(), source })?;
    Ok((pool, delivery))
}

/// Larder's own endpoints over what the server is made of.
fn console_of(
    options: &ServeOptions,
    services: &Services,
    pool: &Arc<Pool>,
    (executor_reason, data_dir, started): (String, &Path, Instant),
    (listeners, tls, init_hooks): (&Listeners, &Encryption, Arc<InitHooks>),
) -> Result<Console, ServerError> {
    Ok(Console {
        ledger: Arc::clone(&services.ledger),
        blobs: Arc::clone(&services.blobs),
        staging: make_folder(&data_dir.join("staging"))?,
        pods_dir: options.pods.pods_dir.clone(),
        pod_remotes: pods::remotes(&options.pods)?,
        queue: Queue::at_rest(&services.ledger),
        stopping: CancellationToken::new(),
        denials: Arc::clone(&services.access.denials),
        invoker: Arc::clone(&services.invoker),
        pool: Arc::clone(pool),
        upstream: Arc::clone(&services.upstream),
        source_results: Arc::clone(&services.source_results),
        shadows: Arc::default(),
        executor_reason,
        control: data_dir.join(control::SOCKET),
        authority: tls.authority.clone(),
        addresses: listeners.addresses().to_vec(),
        data_dir: data_dir.to_owned(),
        started,
        init_hooks,
    })
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

/// The settings of environments of a data dir that is locked.
fn settings(options: &ServeOptions, data_dir: &Path) -> Result<Settings, ServerError> {
    let environments = &options.environments;
    let run_dir = data_dir.join("run");
    let place = place::take(data_dir, &run_dir);
    Ok(Settings {
        place: place.map_err(|source| ServerError::Io { path: run_dir.clone(), source })?,
        run_dir,
        keep_alive: Duration::from_millis(environments.keepalive_ms),
        grace: Duration::from_secs(environments.grace_s),
        start_timeout: Duration::from_secs(environments.start_timeout_s),
        state_delay: Duration::from_millis(environments.state_delay_ms),
        max_response_bytes: options.limits.payload_size,
        concurrency: options.limits.concurrent_executions,
        freeze: environments.freeze,
        xray_daemon: environments.xray_daemon,
        rehydrate: environments.rehydrate,
        standby: environments.standby,
        max_environments: environments.max_environments.and_then(|most| usize::try_from(most).ok()),
        max_memory_mib: environments.max_memory,
    })
}

/// Puts the init where environments find it, unless it is there already.
fn install_init(settings: &Settings, other: Option<&Path>) -> Result<PathBuf, ServerError> {
    let folder = settings.link_dir();
    let path = folder.join(INIT);
    let install = || {
        fs::create_dir_all(&folder)?;
        open_to_inits(&folder)?;
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

/// Lets inits through the folder of their link, whose user is another one than the server's: by name, which is all they
/// need, and whatever the umask is.
fn open_to_inits(folder: &Path) -> std::io::Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(LINK_FOLDER_MODE))?;
    let mode = fs::metadata(folder)?.permissions().mode() & 0o777;
    if mode & LINK_FOLDER_MODE == LINK_FOLDER_MODE {
        return Ok(());
    }
    Err(std::io::Error::other(format!(
        "its mode stays {mode:o} where functions' environments need {LINK_FOLDER_MODE:o}: its file system has none"
    )))
}

/// The endpoints of other services. One that is this server would pass each request to itself for ever.
fn upstream(options: &ServeOptions, listeners: &Listeners) -> Result<Upstream, ServerError> {
    let endpoints = Endpoints::new(options.upstream.iter().cloned()).map_err(ServerError::Upstream)?;
    let own: Vec<_> = listeners
        .addresses()
        .iter()
        .flat_map(|address| {
            let named =
                listeners.hosts().iter().chain(&options.hostname).map(|host| format!("{host}:{}", address.port()));
            named.chain([address.to_string(), format!("localhost:{}", address.port())])
        })
        .collect();
    if let Some(endpoint) = endpoints.all().find(|endpoint| own.contains(&endpoint.authority().to_string())) {
        return Err(ServerError::Upstream(format!("--upstream names {endpoint}, which is this server")));
    }
    let access = AccessOptions {
        ca: options.upstream_ca.clone(),
        credentials: options.upstream_credentials.clone(),
        profile: options.upstream_profile.clone(),
    };
    let upstream = Upstream::new(endpoints, &access).map_err(|error| ServerError::Upstream(error.to_string()))?;
    #[cfg(any(feature = "kafka", feature = "rabbitmq"))]
    let upstream = {
        let secrets = SecretFiles::new(options.secret.iter().cloned()).map_err(ServerError::Upstream)?;
        upstream.with_brokers(Brokers::new(options.broker.iter().cloned()), secrets)
    };
    Ok(upstream)
}

/// The address at which functions call: for those of a remote engine, one that other machines reach.
fn for_functions(options: &ServeOptions, listeners: &Listeners) -> Result<SocketAddr, ServerError> {
    let is_remote = options.containers.link_address.is_some();
    let addresses = listeners.addresses();
    let far = addresses.iter().find(|address| is_remote && !address.ip().is_loopback());
    let nowhere = || ServerError::Serve(std::io::ErrorKind::AddrNotAvailable.into());
    far.or(addresses.first()).copied().ok_or_else(nowhere)
}
