//! The sandbox executor: environments out of Linux namespaces over the host's own file system,
//! without a daemon, an image or a download.
//!
//! Each environment is one folder, `<run dir>/environments/<id>`, with the spawner's spec, its pid
//! record and its log. Whatever is in there can be found and ended by a later server.
//!
//! What it does not do, unlike AWS: limit processor time (that takes cgroups, which an ordinary user seldom may write).
//! Memory is looked at by the init, within a control group where the spawner may make one.

mod clients;
mod control_groups;
mod languages;
mod network;
mod notices;
mod process;
mod program;
mod standby;

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use std::{fs, io};

use async_trait::async_trait;
use languages::{Installation, Language, Languages, missing};
use larder_init::link::{self, NETWORK_OPENS, NETWORK_SHARED};
use larder_init::names::{self, Names};
use larder_init::spawn::{Bind, Network, SpawnSpec};
pub use network::SandboxNetwork;
use network::why_none;
use program::{RUNTIME_DIR, argv, client_of, variables};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::environments::endpoint::{self, Endpoint};
use crate::environments::executor::{
    Base, EnvironmentId, EnvironmentSpec, Executor, ExecutorError, InitUser, Keep, Launch, StandbySpec, Ulimits,
};
use crate::environments::names::LeadingNames;
use crate::model::runtimes::RUNTIMES;

/// Where the link's folder is inside.
const LINK_FOLDER: &str = "/run/larder/link";

/// Where the init is inside.
const INIT: &str = "/run/larder/init";

/// Where the Runtime API and the X-Ray daemon are in a network of the environment's own, as on AWS, and in the host's.
const RUNTIME_API: &str = "169.254.100.1:9001";
const XRAY_DAEMON: &str = "169.254.100.1:2000";
const ANY_PORT: &str = "127.0.0.1:0";

/// Memory that the kernel lets an environment have beside the function's: the init's, and the kernel's own.
const SPARE_MIB: u32 = 64;

/// Longest wait for the spawner, which needs a few milliseconds.
const SPAWN: Duration = Duration::from_secs(10);

/// What a sandbox executor needs to know.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// The `larder-init` program, executable.
    pub init_binary: PathBuf,
    /// Folder for running environments; it must outlive the server's process.
    pub run_dir: PathBuf,
    /// The link server's Unix socket. Its folder is bound into every environment, so that it
    /// should hold nothing else.
    pub link_socket: PathBuf,
    /// Folders that must never be seen inside, such as the data folder. Only one that lies in a
    /// part of the host that is shown (`/usr`, `/etc`) makes a difference.
    pub hidden: Vec<PathBuf>,
    /// Who functions run as; a sandbox has root and `sbx_user1051` only.
    pub user: InitUser,
    /// Limits of processes.
    pub ulimits: Ulimits,
    /// Which network functions have.
    pub network: SandboxNetwork,
    /// How functions reach the server from the host's network.
    pub endpoint: Endpoint,
    /// How they do from their own.
    pub own_endpoint: Endpoint,
    /// The port of their own loopback that leads to the server.
    pub relay_port: u16,
    /// Which names lead to the server from their own network.
    pub names: Option<LeadingNames>,
}

/// Makes environments out of namespaces.
#[derive(Debug)]
pub struct SandboxExecutor {
    config: SandboxConfig,
    environments: PathBuf,
    clients: PathBuf,
    languages: Languages,
    footing: OnceLock<Result<Footing, String>>,
}

/// What this machine allows, as trials showed.
#[derive(Debug, Clone)]
struct Footing {
    rights: Rights,
    network: Network,
    /// The network for a person.
    summary: String,
}

/// What the spawner may do on this machine, in its own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rights {
    /// Init and runtime have users of their own.
    Root,
    /// Both are the one user that the kernel lets an ordinary user map.
    User,
}

impl SandboxExecutor {
    /// Prepares the folders. Starts nothing and searches nothing: that waits for the first use.
    pub fn new(config: SandboxConfig) -> Result<Self, ExecutorError> {
        if let InitUser::Numbers(user, _) = config.user {
            return Err(ExecutorError::Failed(format!(
                "LAMBDA_INIT_USER: a sandbox has no user {user}; it has root and sbx_user1051"
            )));
        }

        if !config.init_binary.is_file() {
            let path = config.init_binary.display();
            return Err(ExecutorError::Failed(format!("there is no init at {path}")));
        }

        let folder = |name: &str| {
            let path = config.run_dir.join(name);
            create_private(&path).map_err(|error| failed("create", &path, &error))?;
            // The spawner works from another root, so that paths are absolute from here on.
            fs::canonicalize(&path).map_err(|error| failed("find", &path, &error))
        };
        Ok(SandboxExecutor {
            environments: folder("environments")?,
            clients: folder("runtime_clients")?,
            languages: Languages::default(),
            footing: OnceLock::new(),
            config,
        })
    }

    /// Tells whether this kernel lets this user make sandboxes, by making one; and
    /// if not, why, for a person. Remembered.
    pub fn probe(&self) -> Result<(), String> {
        self.footing().map(|_| ())
    }

    /// Which network functions have, for a person.
    pub fn network(&self) -> String {
        self.footing().map_or_else(|_| String::new(), |footing| footing.summary.clone())
    }

    fn footing(&self) -> Result<&Footing, String> {
        self.footing.get_or_init(|| self.try_networks()).as_ref().map_err(String::clone)
    }

    /// Makes a sandbox with each network in turn, until one is had.
    fn try_networks(&self) -> Result<Footing, String> {
        let setting = self.config.network;
        let mut refusals = Vec::new();
        for network in setting.candidates() {
            match self.try_sandbox(&network) {
                Ok(rights) => {
                    let summary = setting.summary(&network, &refusals);
                    return Ok(Footing { rights, network, summary });
                }
                // Without any way out, the kernel may refuse sandboxes as such.
                Err(why) if matches!(network, Network::Host | Network::Closed) => return Err(why),
                Err(why) => refusals.push(why),
            }
        }

        Err(format!("functions get no network of their own (--sandbox-network private): {}", why_none(&refusals)))
    }

    fn try_sandbox(&self, network: &Network) -> Result<Rights, String> {
        let folder = self.environments.with_file_name(format!("probe-{}", std::process::id()));
        create_private(&folder).map_err(|error| error.to_string())?;
        let spec = SpawnSpec { folder: folder.clone(), network: network.clone(), tmp_mib: 1, ..SpawnSpec::default() };
        let path = folder.join("spec.json");
        let text = serde_json::to_vec(&spec).map_err(|error| error.to_string())?;
        fs::write(&path, text).map_err(|error| error.to_string())?;
        let output = std::process::Command::new(&self.config.init_binary)
            .args([Path::new("sandbox"), Path::new("--probe"), &path])
            .env_clear()
            .stdin(Stdio::null())
            .output();
        // A left probe folder is empty but for a record; it does no harm.
        let _ = fs::remove_dir_all(&folder);
        let output = output.map_err(|error| format!("the init does not start: {error}"))?;
        let line = String::from_utf8_lossy(&output.stdout);
        match line.trim_end().split_once(' ') {
            Some(("ok", "root")) => Ok(Rights::Root),
            Some(("ok", "user")) => Ok(Rights::User),
            Some(("failed", why)) => Err(format!("no sandbox can be made: {why}")),
            _ => Err(format!("the trial sandbox ended with {}", output.status)),
        }
    }

    fn folder(&self, id: &EnvironmentId) -> PathBuf {
        self.environments.join(&id.0)
    }

    /// The language of a runtime and, unless the function brings its own, its installation.
    fn installation(&self, base: &Base) -> Result<(Language, Option<Arc<Installation>>), ExecutorError> {
        if let Some(image) = &base.image {
            return Err(ExecutorError::ImageRefused(format!(
                "the sandbox executor runs no container images (image {image}): they need the docker executor"
            )));
        }
        let runtime = base.runtime.as_str();
        let language = Language::of(runtime).ok_or_else(|| missing(runtime))?;
        if language == Language::Provided {
            return Ok((language, None));
        }
        let found = self.languages.find(language).ok_or_else(|| missing(runtime))?;
        Ok((language, Some(found)))
    }

    /// What the spawner is asked for.
    fn spawn_spec(&self, spec: &EnvironmentSpec) -> Result<SpawnSpec, ExecutorError> {
        let (language, installation) = self.installation(&spec.base)?;
        let link = self.link_folder();
        let names = self.names().map_err(ExecutorError::Failed)?;
        let mut binds = vec![Bind::new(&self.config.init_binary, INIT), Bind::new(link, LINK_FOLDER)];
        binds.extend(spec.code_tree.as_ref().map(|tree| Bind::new(tree, "/var/task")));
        binds.extend(spec.layer_tree.as_ref().map(|tree| Bind::new(tree, "/opt")));
        if let Some(client) = client_of(language) {
            binds.push(Bind::new(client.folder(&self.clients), RUNTIME_DIR));
        }
        binds.extend(names.iter().flat_map(|(_, binds)| binds.iter().map(|bind| Bind::new(&bind.from, &bind.to))));
        let prefixes = installation.iter().flat_map(|found| &found.prefixes);
        binds.extend(prefixes.map(|prefix| Bind::new(prefix, prefix)));

        for bind in &mut binds {
            let known = spec.known_folders.iter().find(|known| known.path == bind.from);
            bind.identity = known.map(|known| (known.device, known.inode));
            bind.from = fs::canonicalize(&bind.from).map_err(|error| failed("find", &bind.from, &error))?;
        }

        let hidden = self.config.hidden.iter().chain([&self.config.run_dir]);
        Ok(SpawnSpec {
            folder: self.folder(&spec.id),
            binds,
            hidden: hidden.filter_map(|path| fs::canonicalize(path).ok()).collect(),
            tmp_mib: spec.tmp_mib,
            network: self.footing().map_err(ExecutorError::Failed)?.network.clone(),
            resolver: names.map(|_| names::ADDRESS),
            has_ulimits: self.config.ulimits == Ulimits::Aws,
            memory_limit_bytes: Some(memory_limit_bytes(spec)),
            watches_memory: self.config.user.numbers().is_some(),
            argv: vec![INIT.to_owned()],
        })
    }

    /// Starts the spawner on a written spec.
    fn command(&self, spec: &EnvironmentSpec, folder: &Path) -> Result<Command, ExecutorError> {
        let socket = self.config.link_socket.file_name().unwrap_or_default();
        let socket = Path::new(LINK_FOLDER).join(socket);
        let log = folder.join("init.log");
        let log = fs::File::create(&log).map_err(|error| failed("create", &log, &error))?;
        let mut command = Command::new(&self.config.init_binary);
        command
            .arg("sandbox")
            .arg(folder.join("spec.json"))
            .env_clear()
            .env(link::LINK_VARIABLE, format!("unix:{}", socket.display()))
            .env(link::ENVIRONMENT_VARIABLE, &spec.id.0)
            .env(link::TOKEN_VARIABLE, &spec.token)
            .env(link::GRACE_VARIABLE, spec.grace_s.to_string())
            .envs(self.network_variables()?)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);

        Ok(command)
    }

    fn link_folder(&self) -> &Path {
        self.config.link_socket.parent().unwrap_or(Path::new("/"))
    }

    /// Whether functions have this machine's network, and with it its names.
    pub fn shares_network(&self) -> bool {
        self.footing().is_ok_and(|footing| footing.network == Network::Host)
    }

    /// What the init is told of names that lead to the server, and what the function is shown.
    fn names(&self) -> Result<Option<(Names, Vec<Bind>)>, String> {
        let is_own = self.footing()?.network != Network::Host;
        let names = self.config.names.as_ref().filter(|_| is_own);
        Ok(names.map(|names| names.in_sandbox(self.link_folder(), LINK_FOLDER)))
    }

    /// What the init is told of its network: how it is, and what to pass on to the server.
    fn network_variables(&self) -> Result<Vec<(&'static str, String)>, ExecutorError> {
        let port = self.config.relay_port;
        let relay = (link::RELAY_VARIABLE, format!("127.0.0.1:{port} {LINK_FOLDER}/{}", endpoint::SOCKET));
        let mut variables = match self.footing().map_err(ExecutorError::Failed)?.network {
            Network::Host => vec![(link::NETWORK_VARIABLE, NETWORK_SHARED.to_owned())],
            Network::Closed => vec![relay],
            Network::Open(_) => vec![(link::NETWORK_VARIABLE, NETWORK_OPENS.to_owned()), relay],
        };
        if let Some((names, _)) = self.names().map_err(ExecutorError::Failed)? {
            let told = serde_json::to_string(&names);
            let told = told.map_err(|error| ExecutorError::Failed(format!("cannot tell names: {error}")))?;
            variables.push((names::VARIABLE, told));
        }
        Ok(variables)
    }

    /// Makes the folder and starts the spawner; returns when the init runs.
    async fn spawn(&self, spec: &EnvironmentSpec) -> Result<(), ExecutorError> {
        // Without a group for the server there is none for its environments, and nothing to wait for.
        tokio::task::spawn_blocking(|| control_groups::enter_own().unwrap_or_default());
        let folder = self.folder(&spec.id);
        create_private(&folder).map_err(|error| failed("create", &folder, &error))?;
        let text = serde_json::to_vec(&self.spawn_spec(spec)?)
            .map_err(|error| ExecutorError::Failed(format!("cannot write a spec: {error}")))?;
        let path = folder.join("spec.json");
        fs::write(&path, text).map_err(|error| failed("write", &path, &error))?;
        let mut child =
            self.command(spec, &folder)?.spawn().map_err(|error| failed("start", &self.config.init_binary, &error))?;
        let mut line = String::new();
        let mut out = child.stdout.take().expect("it was asked for");
        let read = tokio::time::timeout(SPAWN, out.read_to_string(&mut line)).await;
        if !matches!(read, Ok(Ok(_))) {
            // It may hang before it has noted its process, by which else it would be found and ended.
            let _ = child.start_kill();
        }
        // From here on tokio waits for the spawner, which ends when its environment does.
        drop(child);
        match (read, line.trim_end().split_once(' ')) {
            (Ok(Ok(_)), Some(("started", _))) => Ok(()),
            (Ok(Ok(_)), Some(("failed", why))) => Err(ExecutorError::Failed(why.to_owned())),
            (Ok(Ok(_)), _) => Err(ExecutorError::Failed("the spawner ended without a word".to_owned())),
            (Ok(Err(error)), _) => Err(ExecutorError::Failed(format!("cannot hear from the spawner: {error}"))),
            (Err(_), _) => Err(ExecutorError::Failed("the spawner does not answer".to_owned())),
        }
    }

    /// How the runtime of `base` is started.
    fn launch_of(&self, base: &Base) -> Result<Launch, ExecutorError> {
        let (language, installation) = self.installation(base)?;
        let Footing { rights, network, .. } = self.footing().map_err(ExecutorError::Failed)?;
        let is_shared = *network == Network::Host;
        let endpoint = if is_shared { &self.config.endpoint } else { &self.config.own_endpoint };
        let mut variables = variables(&base.runtime, installation.as_deref());
        variables.extend(endpoint.url().map(|url| (endpoint::VARIABLE.to_owned(), url)));

        Ok(Launch {
            argv: argv(language, installation.as_deref()),
            wrapped_by: client_of(language).map(|_| format!("{RUNTIME_DIR}/bootstrap")),
            working_dir: "/var/task".to_owned(),
            variables,
            user: self.config.user.numbers().filter(|_| *rights == Rights::Root),
            runtime_api: if is_shared { ANY_PORT } else { RUNTIME_API }.to_owned(),
            watch_memory: true,
            xray_daemon: if is_shared { ANY_PORT } else { XRAY_DAEMON }.to_owned(),
            warning: notices::notice(base, language, installation.as_deref()),
            ground: program::ground(installation.as_deref()),
        })
    }
}

#[async_trait]
impl Executor for SandboxExecutor {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn supports(&self, base: &Base) -> Result<(), ExecutorError> {
        self.installation(base).map(|_| ())
    }

    /// Those whose language version is on this machine, not merely a near one.
    async fn ready_runtimes(&self) -> Result<Vec<&'static str>, ExecutorError> {
        let exact = |name: &str| {
            self.installation(&Base::runtime(name))
                .is_ok_and(|(language, found)| found.is_none_or(|found| found.is_exact(language)))
        };
        Ok(RUNTIMES.iter().map(|runtime| runtime.name).filter(|name| exact(name)).collect())
    }

    async fn launch(&self, spec: &EnvironmentSpec) -> Result<Launch, ExecutorError> {
        self.launch_of(&spec.base)
    }

    async fn prepare(&self, base: &Base) -> Result<(), ExecutorError> {
        self.furnish(base).await
    }

    async fn start(&self, spec: &EnvironmentSpec) -> Result<(), ExecutorError> {
        let started = self.spawn(spec).await;
        if started.is_err() {
            self.stop(&spec.id).await?;
        }
        started
    }

    fn has_standby(&self) -> bool {
        true
    }

    fn stands_by_unasked(&self) -> bool {
        true
    }

    async fn preload(&self, base: &Base) -> Option<Launch> {
        let (language, _) = self.installation(base).ok()?;
        client_of(language)?;
        self.launch_of(base).ok()
    }

    async fn stand_by(&self, spec: &StandbySpec) -> Result<(), ExecutorError> {
        self.prepare(&spec.base).await?;
        self.start(&self.standby(spec)?).await
    }

    async fn fits_standby(&self, spec: &EnvironmentSpec) -> bool {
        let spec = spec.clone();
        tokio::task::spawn_blocking(move || standby::fits(&spec)).await.unwrap_or(false)
    }

    async fn assign(&self, spec: &EnvironmentSpec) -> Result<(), ExecutorError> {
        self.assign_standby(spec).await
    }

    async fn is_running(&self, id: &EnvironmentId) -> bool {
        process::is_running(&self.folder(id))
    }

    async fn stop(&self, id: &EnvironmentId) -> Result<(), ExecutorError> {
        let folder = self.folder(id);
        process::kill(&folder).await.map_err(ExecutorError::Failed)?;
        process::remove_group(&folder).await;
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", &folder, &error)),
            _ => Ok(()),
        }
    }

    async fn sweep(&self, keep: &Keep<'_>) -> Result<Vec<EnvironmentId>, ExecutorError> {
        let entries = fs::read_dir(&self.environments).map_err(|error| failed("read", &self.environments, &error))?;
        let mut ended = Vec::new();
        for entry in entries.flatten() {
            let id = EnvironmentId(entry.file_name().to_string_lossy().into_owned());
            if !keep(&id) {
                self.stop(&id).await?;
                ended.push(id);
            }
        }

        Ok(ended)
    }
}

fn failed(step: &str, path: &Path, error: &io::Error) -> ExecutorError {
    ExecutorError::Failed(format!("cannot {step} {}: {error}", path.display()))
}

/// Bytes that the kernel lets an environment have.
fn memory_limit_bytes(spec: &EnvironmentSpec) -> u64 {
    u64::from(spec.memory_mib + spec.tmp_mib + SPARE_MIB) << 20
}

/// Makes a folder, and its parents, that nobody else can enter.
fn create_private(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}
