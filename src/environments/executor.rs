//! What makes environments: the [`Executor`] trait and the plain types it speaks.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::str::FromStr;

use async_trait::async_trait;

use super::ground::Ground;
use crate::model::functions::{FunctionVersion, ImageConfig};
use crate::model::runtimes::Architecture;

/// Id of one execution environment: 16 lower-case hex digits, unique in a store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EnvironmentId(pub String);

impl EnvironmentId {
    /// A fresh one.
    pub fn random() -> Self {
        Self(format!("{:016x}", uuid::Uuid::new_v4().as_u64_pair().1))
    }
}

impl fmt::Display for EnvironmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the environments of functions are made from: a runtime, or an image that brings its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Base {
    /// The runtime's name as in the API, such as `python3.12`; empty for an image.
    pub runtime: String,
    /// The image of a function with `PackageType` `Image`, as the caller named it.
    pub image: Option<String>,
    /// What it is to run on.
    pub architecture: Architecture,
}

impl Base {
    /// What the environments of a version are made from.
    pub fn of(version: &FunctionVersion) -> Self {
        let image = version.code.content.image().map(|image| image.uri.clone());
        let runtime = version.config.runtime.clone();
        Self { runtime, image, architecture: version.config.architecture }
    }

    /// A runtime on `x86_64`.
    pub fn runtime(name: &str) -> Self {
        Self { runtime: name.to_owned(), image: None, architecture: Architecture::X86_64 }
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.image {
            Some(image) => write!(f, "image {image}"),
            None => write!(f, "runtime {}", self.runtime),
        }
    }
}

/// A folder as the kernel knows it, whatever comes to its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFolder {
    /// Where it was when it was checked.
    pub path: PathBuf,
    /// Its device.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
}

impl KnownFolder {
    /// Whether it still is at its path, itself and not through a link.
    pub fn is_there(&self) -> bool {
        let about = self.path.symlink_metadata();
        about.is_ok_and(|about| (about.dev(), about.ino()) == (self.device, self.inode))
    }
}

/// Everything an executor needs to make one environment. The function's variables are not here:
/// they travel over the link, so that no engine's inspection shows them.
#[derive(Clone)]
pub struct EnvironmentSpec {
    /// The environment's id.
    pub id: EnvironmentId,
    /// Proves the id to the server when the init dials; a secret.
    pub token: String,
    /// Id of the store, for names and labels.
    pub store_id: String,
    /// Unqualified ARN of the function, for labels.
    pub function_arn: String,
    /// Name of the function, for container names.
    pub function_name: String,
    /// `$LATEST` or a version number.
    pub version: String,
    /// Changes whenever code or configuration change, for labels.
    pub deployment: String,
    /// What it is made from.
    pub base: Base,
    /// How its image is started, where it is not as the image says.
    pub image_config: ImageConfig,
    /// The handler as in the API.
    pub handler: String,
    /// Host folder with the unpacked code, read-only, absolute; `None` for an image, which has its code in it.
    pub code_tree: Option<PathBuf>,
    /// Host folder with what the layers put at /opt, read-only, absolute.
    pub layer_tree: Option<PathBuf>,
    /// Which folders have to be at paths of these that are a user's: one that came in their place is not mounted.
    pub known_folders: Vec<KnownFolder>,
    /// Memory limit in MiB.
    pub memory_mib: u32,
    /// Size limit of /tmp in MiB.
    pub tmp_mib: u32,
    /// Seconds the init waits for a lost server before it ends the environment.
    pub grace_s: u64,
}

/// An environment made ahead, for a function that is not known yet.
#[derive(Clone)]
pub struct StandbySpec {
    /// The environment's id.
    pub id: EnvironmentId,
    /// Proves the id to the server when the init dials; a secret.
    pub token: String,
    /// Id of the store, for names and labels.
    pub store_id: String,
    /// What it is made from: a runtime.
    pub base: Base,
    /// Seconds the init waits for a lost server before it ends the environment.
    pub grace_s: u64,
}

/// How the runtime is started inside an environment; sent to the init over the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// Program and arguments; empty where the function brings its own `bootstrap`, which the init looks for.
    pub argv: Vec<String>,
    /// Program that `argv` is handed to where the function sets `AWS_LAMBDA_EXEC_WRAPPER`; `None` where `argv` sees to
    /// that itself, as in AWS's images, or nobody does, as in runtimes of the function's own.
    pub wrapped_by: Option<String>,
    /// Working folder.
    pub working_dir: String,
    /// Variables that this executor sets or replaces (`PATH`, `LD_LIBRARY_PATH`, …), over the ones
    /// of [`crate::environments::variables`] but under the user's.
    pub variables: Vec<(String, String)>,
    /// User and group of the runtime; `None`: as the init.
    pub user: Option<(u32, u32)>,
    /// Address the init binds the Runtime API to.
    pub runtime_api: String,
    /// Whether the init has to see to the memory limit, as nothing else does.
    pub watch_memory: bool,
    /// Address the init binds the X-Ray daemon's ports to.
    pub xray_daemon: String,
    /// A line for the function's log, such as that another language version runs it.
    pub warning: Option<String>,
    /// What runs it, for those who want to run it in the same way elsewhere.
    pub ground: Ground,
}

/// Limits of a function's processes (`--ulimits`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Ulimits {
    /// As recorded on AWS
    #[default]
    Aws,
    /// Those of the engine, or of the server's own process
    None,
}

/// Who functions run as (`LAMBDA_INIT_USER`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InitUser {
    /// `sbx_user1051`, as on AWS.
    #[default]
    Lambda,
    /// As the init: root inside.
    Init,
    /// User and group by number.
    Numbers(u32, u32),
}

impl InitUser {
    /// User and group of `sbx_user1051`.
    pub const LAMBDA: (u32, u32) = (993, 990);

    /// User and group to change to; `None`: none.
    pub fn numbers(self) -> Option<(u32, u32)> {
        match self {
            Self::Lambda => Some(Self::LAMBDA),
            Self::Init => None,
            Self::Numbers(user, group) => Some((user, group)),
        }
    }
}

impl FromStr for InitUser {
    type Err = String;

    /// Names are those that every environment has: which others an image has cannot be known before.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" | "root" | "0" | "0:0" => return Ok(Self::Init),
            "sbx_user1051" => return Ok(Self::Lambda),
            _ => {}
        }

        let (user, group) = text.trim().split_once(':').unwrap_or((text.trim(), text.trim()));
        match (user.parse(), group.parse()) {
            (Ok(user), Ok(group)) => Ok(Self::Numbers(user, group)),
            _ => Err("write UID or UID:GID in numbers, root, or sbx_user1051".to_owned()),
        }
    }
}

/// Why an executor could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorError {
    /// This machine cannot run the runtime; the text names what to install or do.
    #[error("{0}")]
    RuntimeMissing(String),
    /// It cannot run this image, or no image at all.
    #[error("{0}")]
    ImageRefused(String),
    /// The registry does not give the image of a function to the engine.
    #[error("{0}")]
    ImageDenied(String),
    /// The image is not here, and its registry is out of reach: the call fails, the function stays as it is.
    #[error("{0}")]
    RegistryAway(String),
    /// Nothing on this machine runs functions: the call fails, the function stays as it is.
    #[error("{0}")]
    Nowhere(String),
    /// It cannot run programs of this architecture.
    #[error("{0}")]
    ArchitectureMissing(String),
    /// The engine or the kernel refused; the text names the step.
    #[error("{0}")]
    Failed(String),
    /// The engine began, and lost what it had begun, as engines do under much load: the next try may do.
    #[error("{0}")]
    BrokenOff(String),
}

impl ExecutorError {
    /// Whether the engine or the kernel is at fault and may be well at the next try; else only the user can mend it.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::BrokenOff(_))
    }

    /// Whether it says that a version can never run as it is.
    pub fn is_the_versions(&self) -> bool {
        !self.may_pass() && !matches!(self, Self::RegistryAway(_) | Self::Nowhere(_))
    }

    /// `StateReasonCode` of a function that cannot run for it.
    pub fn state_reason_code(&self) -> &'static str {
        match self {
            Self::RuntimeMissing(_) | Self::Nowhere(_) | Self::Failed(_) | Self::BrokenOff(_) => "InvalidRuntime",
            Self::ImageRefused(_) | Self::RegistryAway(_) => "InvalidImage",
            Self::ImageDenied(_) => "ImageAccessDenied",
            Self::ArchitectureMissing(_) => "InvalidConfiguration",
        }
    }
}

/// Whether an environment is kept.
pub type Keep<'a> = dyn Fn(&EnvironmentId) -> bool + Sync + 'a;

/// Makes and ends environments. It knows nothing of functions' lives or of invocations: the pool
/// decides when, the link tells how it goes.
#[async_trait]
pub trait Executor: Send + Sync + fmt::Debug {
    /// `docker`, `sandbox`, or `none`.
    fn name(&self) -> &'static str;

    /// Whether this machine can ever run `base`, and how to mend it if not. Answers at once
    /// (no download): a function that fails this goes to State Failed.
    fn supports(&self, base: &Base) -> Result<(), ExecutorError>;

    /// The runtimes whose environments can be made at once, without a download, in the table's order.
    async fn ready_runtimes(&self) -> Result<Vec<&'static str>, ExecutorError>;

    /// How the runtime of `spec` is started.
    async fn launch(&self, spec: &EnvironmentSpec) -> Result<Launch, ExecutorError>;

    /// Makes what environments of `base` share (pulls the image); called before `start` and
    /// ahead of time when a function is created. Cheap when it is there already.
    async fn prepare(&self, base: &Base) -> Result<(), ExecutorError>;

    /// Starts an environment with the init as its first process. Returns when it was started; the
    /// init dials by itself.
    async fn start(&self, spec: &EnvironmentSpec) -> Result<(), ExecutorError>;

    /// Whether it makes environments ahead of their functions: [`Executor::stand_by`], [`Executor::assign`].
    fn has_standby(&self) -> bool {
        false
    }

    /// Whether those are made where nobody asks for a number: they take little of this machine.
    fn stands_by_unasked(&self) -> bool {
        false
    }

    /// How the runtime of a standby environment is started before its function is known, where that can be.
    async fn preload(&self, _base: &Base) -> Option<Launch> {
        None
    }

    /// Whether a standby environment can become that of `spec`, and sooner than a new one.
    async fn fits_standby(&self, _spec: &EnvironmentSpec) -> bool {
        true
    }

    /// Starts an environment for no function yet. Its init dials, and waits.
    async fn stand_by(&self, _spec: &StandbySpec) -> Result<(), ExecutorError> {
        Err(ExecutorError::Failed(format!("the {} executor has no standby environments", self.name())))
    }

    /// Gives a standby environment (that with the id of `spec`) its function: code, layers, limits. It is never
    /// given another one.
    ///
    /// # Errors
    /// It cannot be this function's; it is of no use any more.
    async fn assign(&self, _spec: &EnvironmentSpec) -> Result<(), ExecutorError> {
        Err(ExecutorError::Failed(format!("the {} executor has no standby environments", self.name())))
    }

    /// Whether what `start` made still runs. What cannot be told counts as running.
    async fn is_running(&self, id: &EnvironmentId) -> bool;

    /// Ends an environment and removes what `start` made of it. Ending one that is gone is no error.
    async fn stop(&self, id: &EnvironmentId) -> Result<(), ExecutorError>;

    /// Ends every environment of this store that is not kept: what a killed server left. What is kept is asked after
    /// what is there, so that none is lost that is started meanwhile.
    async fn sweep(&self, keep: &Keep<'_>) -> Result<Vec<EnvironmentId>, ExecutorError>;
}
