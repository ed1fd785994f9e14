//! What a user can set: flags, then environment variables, then defaults.

mod access;
mod containers;
mod discontinued;
mod init;
mod localstack;
mod names;
mod records;
mod shadows;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

pub use access::{AccessOptions, TlsOptions};
use clap::{Args, ValueEnum};
pub use containers::ContainerSettings;
pub use discontinued::warn_of_discontinued;
pub use init::InitOptions;
pub use localstack::LocalStackOptions;
pub use names::{Dns, NameOptions};
pub use records::RecordOptions;
pub use shadows::{ShadowOptions, Shadows};

use crate::environments::executor::{InitUser, Ulimits};
use crate::environments::executors::sandbox::SandboxNetwork;
use crate::environments::images::ImageMapping;
use crate::environments::{Rehydrate, StandbyCount};
use crate::front::guard::cors::CorsOrigin;
use crate::front::{ListenAddress, LocalUser};
use crate::ledger::{CheckpointPolicy, Durability};
use crate::model::limits::Limits;
#[cfg(any(feature = "kafka", feature = "rabbitmq"))]
use crate::upstream::{BrokerOption, SecretOption};
use crate::upstream::{LayerLibrary, UpstreamOption};

/// Options of `larder serve`.
#[derive(Debug, Clone, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own, no state of a machine")]
pub struct ServeOptions {
    /// Names or addresses to listen on, with their ports; a port alone is localhost's, a name with addresses of both
    /// families listens on both, and port 0 takes any free one; repeated, or a list with commas [default: localhost:4566]
    #[arg(
        long,
        help_heading = "Where it listens",
        env = "LARDER_LISTEN",
        value_delimiter = ',',
        value_name = "[HOST:]PORT"
    )]
    pub listen: Vec<ListenAddress>,
    /// Name under which this server is called, beside those of the loopback and the addresses it listens on, with all
    /// below it; repeated, or a list with commas
    #[arg(
        long,
        help_heading = "Where it listens",
        env = "LARDER_HOSTNAME",
        value_delimiter = ',',
        value_name = "NAME"
    )]
    pub hostname: Vec<String>,
    /// User of this machine that may call, beside the one who runs this server and root: a name or number, or `all`;
    /// repeated, or a list with commas
    #[arg(
        long,
        help_heading = "Where it listens",
        env = "LARDER_LOCAL_USERS",
        value_delimiter = ',',
        value_name = "USER"
    )]
    pub local_users: Vec<LocalUser>,
    /// Origin whose web pages may call, such as `http://localhost:3000`, or `*` for those of every site; repeated, or a
    /// list with commas
    #[arg(
        long,
        help_heading = "Where it listens",
        env = "LARDER_CORS_ORIGINS",
        value_delimiter = ',',
        value_name = "ORIGIN"
    )]
    pub cors_origins: Vec<CorsOrigin>,
    /// Folder that keeps everything
    #[arg(long, help_heading = "Store", env = "LARDER_DATA_DIR", default_value = "./.larder", value_name = "DIR")]
    pub data_dir: PathBuf,
    /// Keep everything in a temporary folder, without waiting for the disk, and remove it at the end
    #[arg(long, help_heading = "Store", env = "LARDER_EPHEMERAL", conflicts_with = "data_dir", value_parser = clap::builder::BoolishValueParser::new())]
    pub ephemeral: bool,
    /// End when standard input does, as it does when whoever started this server is gone: for test suites and commands
    /// that have a server of their own
    #[arg(long)]
    pub end_with_input: bool,
    /// Leave the terminal, so that nothing typed there ends this server: for `larder start -d`
    #[arg(long, hide = true)]
    pub in_background: bool,
    /// What runs functions; auto takes Docker where an engine answers, else the sandbox
    #[arg(long, env = "LARDER_EXECUTOR", default_value = "auto", value_enum)]
    pub executor: ExecutorChoice,
    /// Form of the log on standard error
    #[arg(long, env = "LARDER_LOG_FORMAT", default_value = "text", value_enum)]
    pub log_format: LogFormat,
    /// When a change counts as done: on disk (always), or written and flushed every MS milliseconds
    #[arg(
        long,
        help_heading = "Store",
        env = "LARDER_DURABILITY",
        default_value = "always",
        value_name = "always|interval:MS"
    )]
    pub durability: DurabilityChoice,
    /// Events after which the state is written to a checkpoint, so that a start has less to replay
    #[arg(long, help_heading = "Store", env = "LARDER_CHECKPOINT_EVENTS", default_value_t = CheckpointPolicy::default().events, value_parser = clap::value_parser!(u64).range(1..), value_name = "N")]
    pub checkpoint_events: u64,
    /// Bytes of events after which it is
    #[arg(long, help_heading = "Store", env = "LARDER_CHECKPOINT_BYTES", default_value_t = CheckpointPolicy::default().bytes, value_parser = clap::value_parser!(u64).range(1..), value_name = "N")]
    pub checkpoint_bytes: u64,
    /// Bytes of disk that functions' log lines may take; beyond it, those of the streams that wrote least recently go
    #[arg(long, help_heading = "Store", env = "LARDER_LOG_BUDGET", default_value_t = 1 << 30, value_parser = clap::value_parser!(u64).range(1 << 20..), value_name = "BYTES")]
    pub log_budget: u64,
    /// What is remembered of invocations
    #[command(flatten)]
    pub records: RecordOptions,
    /// Scripts of the user's.
    #[command(flatten)]
    pub init: InitOptions,
    /// What `LocalStack`'s variables say.
    #[command(flatten)]
    pub localstack: LocalStackOptions,
    /// Pods at start and end
    #[command(flatten)]
    pub pods: PodOptions,
    /// Endpoint for what Larder does not serve: for one service, or for all that have none of their own;
    /// repeated, or a list with commas. `aws-emulator` in place of a URL is AWS's own, whose keys are found by themselves
    #[arg(
        long,
        help_heading = "Other services",
        env = "LARDER_UPSTREAM",
        value_delimiter = ',',
        value_name = "[SERVICE=]URL"
    )]
    pub upstream: Vec<UpstreamOption>,
    /// Certificates (PEM) that endpoints of --upstream may have, instead of those that the system trusts
    #[arg(long, help_heading = "Other services", env = "LARDER_UPSTREAM_CA", value_name = "FILE")]
    pub upstream_ca: Option<PathBuf>,
    /// Sign what goes to --upstream anew, with the keys in this file, which has the form of ~/.aws/credentials. Whoever
    /// reaches this server then acts with those keys
    #[arg(long, help_heading = "Other services", env = "LARDER_UPSTREAM_CREDENTIALS", value_name = "FILE")]
    pub upstream_credentials: Option<PathBuf>,
    /// The same with the keys of this profile in that file, or else in ~/.aws/credentials
    #[arg(long, help_heading = "Other services", env = "LARDER_UPSTREAM_PROFILE", value_name = "NAME")]
    pub upstream_profile: Option<String>,
    /// Where the brokers of event sources are: of the ARN of an MSK cluster or an Amazon MQ broker, of a bootstrap server of
    /// a self-managed cluster, or of all ARNs that have none of their own. kafka:// and amqp://, or with TLS kafkas:// and
    /// amqps://; repeated, or a list with commas
    #[arg(
        long,
        help_heading = "Other services",
        env = "LARDER_BROKERS",
        value_delimiter = ',',
        value_name = "[SOURCE=]URL"
    )]
    #[cfg(any(feature = "kafka", feature = "rabbitmq"))]
    pub broker: Vec<BrokerOption>,
    /// File with the text of a secret of Secrets Manager that an event source is read with; repeated, or a list with commas
    #[arg(
        long,
        help_heading = "Other services",
        env = "LARDER_SECRETS",
        value_delimiter = ',',
        value_name = "ARN=FILE"
    )]
    #[cfg(any(feature = "kafka", feature = "rabbitmq"))]
    pub secret: Vec<SecretOption>,
    /// Pass every template of `CloudFormation` on to the upstream, also those that make functions and roles, which are
    /// then made there and not here
    #[arg(long, help_heading = "Other services", env = "LARDER_PASS_CLOUDFORMATION", value_parser = clap::builder::BoolishValueParser::new())]
    pub pass_cloudformation: bool,
    /// Shadows of functions there
    #[command(flatten)]
    pub shadows: ShadowOptions,
    /// Who may call
    #[command(flatten)]
    pub access: AccessOptions,
    /// TLS
    #[command(flatten)]
    pub tls: TlsOptions,
    /// Names
    #[command(flatten)]
    pub names: NameOptions,
    /// Whether the name of a deleted queue cannot be used again for 60 seconds, as on AWS
    #[arg(long, help_heading = "Other services", env = "SQS_DELAY_RECENTLY_DELETED", default_value = "0", value_name = "0|1", action = clap::ArgAction::Set, value_parser = clap::builder::BoolishValueParser::new())]
    pub sqs_delay_recently_deleted: bool,
    /// Where layers of other accounts are found, as `ACCOUNT/NAME/VERSION.zip`: a folder, or an http(s) address
    #[arg(long, help_heading = "Other services", env = "LARDER_LAYER_LIBRARY", value_name = "DIR|URL")]
    pub layer_library: Option<LayerLibrary>,
    /// Settings of environments
    #[command(flatten)]
    pub environments: EnvironmentOptions,
    /// Settings of containers
    #[command(flatten)]
    pub containers: ContainerSettings,
    /// Quotas
    #[command(flatten)]
    pub limits: LimitOptions,
}

/// Pods that come and go with the server: files, names in the pod library, or remotes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Pods")]
pub struct PodOptions {
    /// Pod to load at the start: a file, a name in the pod library, or a remote; repeated, or a list with commas
    #[arg(long, env = "AUTO_LOAD_POD", value_delimiter = ',', value_name = "SOURCE")]
    pub load_pod: Vec<String>,
    /// Vouch for these pods: what they ask for happens at once, such as environments started ahead
    #[arg(long, env = "LARDER_TRUST_PODS", value_parser = clap::builder::BoolishValueParser::new())]
    pub trust_pods: bool,
    /// Where to save the state as a pod when the server is stopped: a file, a name in the pod library, or a remote
    #[arg(long, env = "LARDER_SAVE_POD_ON_EXIT", value_name = "TARGET")]
    pub save_pod_on_exit: Option<String>,
    /// Where callers of the HTTP API may have pods pushed to and pulled from, and all below it; repeated, or a list
    /// with commas
    #[arg(long, env = "LARDER_POD_REMOTES", value_delimiter = ',', value_name = "REMOTE")]
    pub pod_remote: Vec<String>,
    /// Pod library [default: the folder larder/pods of the user's data folder]
    #[arg(long, env = "LARDER_PODS_DIR", value_name = "DIR")]
    pub pods_dir: Option<PathBuf>,
}

/// What runs functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExecutorChoice {
    /// Docker where an engine answers at start, else the sandbox
    Auto,
    /// Containers of a Docker engine
    Docker,
    /// Linux namespaces, without a daemon
    Sandbox,
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// `always` or `interval:MS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurabilityChoice(pub Durability);

impl FromStr for DurabilityChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "always" {
            return Ok(Self(Durability::Always));
        }
        let milliseconds = text.strip_prefix("interval:").and_then(|number| number.parse().ok()).filter(|ms| *ms > 0);
        let interval = milliseconds.map(Duration::from_millis);
        interval
            .map(|interval| Self(Durability::Interval(interval)))
            .ok_or_else(|| "write `always`, or `interval:MS` with a number of milliseconds".to_owned())
    }
}

/// How environments live; each has an environment variable only, under the name the field uses.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Environments")]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own, no state of a machine")]
pub struct EnvironmentOptions {
    /// Milliseconds an idle environment is kept; 0: every invocation starts a new one
    #[arg(long, env = "LAMBDA_KEEPALIVE_MS", default_value_t = 600_000, value_name = "MS")]
    pub keepalive_ms: u64,
    /// Seconds before an asynchronous event whose function failed is tried again; twice as many before the third attempt
    #[arg(
        long,
        env = "LAMBDA_RETRY_BASE_DELAY_SECONDS",
        default_value_t = 60,
        value_parser = clap::value_parser!(u64).range(0..=300),
        value_name = "S"
    )]
    pub retry_base_delay_s: u64,
    /// What becomes of environments over a restart
    #[arg(long, env = "LARDER_REHYDRATE", default_value = "lazy", value_enum)]
    pub rehydrate: Rehydrate,
    /// Environments of each runtime in use that are started ahead: a number, or auto (one, while memory allows)
    #[arg(long, env = "LARDER_STANDBY", default_value = "auto", value_name = "N")]
    pub standby: StandbyCount,
    /// Environments at most: those idle longest end to make room
    #[arg(long, env = "LARDER_MAX_ENVIRONMENTS", value_parser = clap::value_parser!(u32).range(1..), value_name = "N")]
    pub max_environments: Option<u32>,
    /// Memory of all environments at most, by what their functions are given
    #[arg(long, env = "LARDER_MAX_MEMORY", value_parser = clap::value_parser!(u64).range(128..), value_name = "MIB")]
    pub max_memory: Option<u64>,
    /// Seconds a new environment may take to start
    #[arg(long, env = "LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT", default_value_t = 20, value_name = "S")]
    pub start_timeout_s: u64,
    /// Image for each runtime: a JSON file, JSON text, or a pattern such as `repo/image:<runtime>`
    #[arg(long, env = "LAMBDA_RUNTIME_IMAGE_MAPPING", default_value = "", value_name = "MAPPING", value_parser = ImageMapping::parse, hide_default_value = true)]
    pub image_mapping: ImageMapping,
    /// Name of the bucket whose keys are folders of this machine, which functions run from (hot reload)
    #[arg(long, env = "BUCKET_MARKER_LOCAL", default_value = "hot-reload", value_name = "NAME")]
    pub hot_reload_bucket: String,
    /// Folder that functions may run from, and all below it; repeated, or a list with commas [default: the working folder]
    #[arg(long, env = "LARDER_HOT_RELOAD_ROOTS", value_delimiter = ',', value_name = "DIR")]
    pub hot_reload_root: Vec<OsString>,
    /// Seconds environments wait for a lost server before they end by themselves
    #[arg(long, env = "LARDER_ENVIRONMENT_GRACE_S", default_value_t = 60, value_name = "S")]
    pub grace_s: u64,
    /// Milliseconds a function stays Pending (or its update `InProgress`) at least, as clients expect of AWS
    #[arg(long, env = "LARDER_STATE_DELAY_MS", default_value_t = 100, value_name = "MS")]
    pub state_delay_ms: u64,
    /// Whether a function's processes are stopped between invocations, as on AWS: 1 or 0
    #[arg(long, env = "LARDER_FREEZE", default_value = "1", value_name = "0|1", action = clap::ArgAction::Set, value_parser = clap::builder::BoolishValueParser::new())]
    pub freeze: bool,
    /// X-Ray daemon that traces are sent to, over UDP
    #[arg(long, env = "LARDER_XRAY_DAEMON", value_name = "ADDRESS")]
    pub xray_daemon: Option<SocketAddr>,
    /// Executable to use as the init instead of the one inside larder
    #[arg(long, env = "LARDER_INIT_BIN", value_name = "FILE")]
    pub init_bin: Option<PathBuf>,
    /// Who functions run as: UID or UID:GID in numbers, root, or `sbx_user1051`; empty: as the init, which is root inside
    #[arg(long, env = "LAMBDA_INIT_USER", value_name = "USER")]
    pub init_user: Option<InitUser>,
    /// Network of functions in the sandbox: their own with a way out where the machine has a program for it (auto), or
    /// the server does not start (private); their own without one (none); the machine's (host)
    #[arg(long, env = "LARDER_SANDBOX_NETWORK", default_value = "auto", value_enum)]
    pub sandbox_network: SandboxNetwork,
    /// Whether functions may call Larder's own endpoints, `/_larder/…`, and so change and read everything: 1 or 0
    #[arg(long, env = "LARDER_FUNCTIONS_MAY_USE_CONSOLE", default_value = "0", value_name = "0|1", action = clap::ArgAction::Set, value_parser = clap::builder::BoolishValueParser::new())]
    pub functions_may_use_console: bool,
    /// Limits on open files, processes and the like
    #[arg(long, env = "LARDER_ULIMITS", default_value = "aws", value_enum)]
    pub ulimits: Ulimits,
    /// Whether creations and updates of functions are answered when they are done, unlike on AWS: 1 or 0
    #[arg(long, env = "LAMBDA_SYNCHRONOUS_CREATE", default_value = "0", value_name = "0|1", action = clap::ArgAction::Set, value_parser = clap::builder::BoolishValueParser::new())]
    pub synchronous_create: bool,
    /// Whether functions are left without `AWS_ENDPOINT_URL`, by which AWS's SDKs find this server: 1 or 0
    #[arg(long, env = "LAMBDA_DISABLE_AWS_ENDPOINT_URL", default_value = "0", value_name = "0|1", action = clap::ArgAction::Set, value_parser = clap::builder::BoolishValueParser::new())]
    pub disable_aws_endpoint_url: bool,
    /// Host in that URL, where functions reach this server by another name
    #[arg(long, env = "HOSTNAME_FROM_LAMBDA", default_value = "", hide_default_value = true, value_name = "HOST")]
    pub hostname_from_lambda: String,
}

/// Quotas, under the names the field uses.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitOptions {
    /// Invocations at once
    #[arg(long, env = "LAMBDA_LIMITS_CONCURRENT_EXECUTIONS", default_value_t = Limits::default().concurrent_executions, value_name = "N")]
    pub concurrent_executions: u32,
    /// Concurrent executions that reserved and provisioned concurrency must leave
    #[arg(long, env = "LAMBDA_LIMITS_MINIMUM_UNRESERVED_CONCURRENCY", default_value_t = Limits::default().minimum_unreserved_concurrency, value_name = "N")]
    pub minimum_unreserved_concurrency: u32,
    /// Bytes of all code of an account and region
    #[arg(long, env = "LAMBDA_LIMITS_TOTAL_CODE_SIZE", default_value_t = Limits::default().total_code_size, value_name = "BYTES")]
    pub total_code_size: u64,
    /// Bytes of a zip in a request
    #[arg(long, env = "LAMBDA_LIMITS_CODE_SIZE_ZIPPED", default_value_t = Limits::default().code_size_zipped, value_name = "BYTES")]
    pub code_size_zipped: u64,
    /// Bytes of a zip unpacked
    #[arg(long, env = "LAMBDA_LIMITS_CODE_SIZE_UNZIPPED", default_value_t = Limits::default().code_size_unzipped, value_name = "BYTES")]
    pub code_size_unzipped: u64,
    /// Bytes of a request
    #[arg(long, env = "LAMBDA_LIMITS_CREATE_FUNCTION_REQUEST_SIZE", default_value_t = Limits::default().create_function_request_size, value_name = "BYTES")]
    pub create_function_request_size: u64,
    /// Bytes of a function's variables
    #[arg(long, env = "LAMBDA_LIMITS_MAX_FUNCTION_ENVVAR_SIZE_BYTES", default_value_t = Limits::default().environment_size, value_name = "BYTES")]
    pub environment_size: u64,
    /// Bytes of an event or a response
    #[arg(long, env = "LAMBDA_LIMITS_MAX_FUNCTION_PAYLOAD_SIZE_BYTES", default_value_t = Limits::default().payload_size, value_name = "BYTES")]
    pub payload_size: u64,
    /// Whether runtimes that AWS has blocked are refused as on AWS: 1 or 0
    #[arg(long, env = "LAMBDA_RUNTIME_VALIDATION", default_value = "1", value_name = "0|1", action = clap::ArgAction::Set, value_parser = clap::builder::BoolishValueParser::new())]
    pub runtime_validation: bool,
}

impl LimitOptions {
    /// The quotas.
    pub fn limits(&self) -> Limits {
        Limits {
            concurrent_executions: self.concurrent_executions,
            minimum_unreserved_concurrency: self.minimum_unreserved_concurrency,
            total_code_size: self.total_code_size,
            code_size_zipped: self.code_size_zipped,
            code_size_unzipped: self.code_size_unzipped,
            create_function_request_size: self.create_function_request_size,
            environment_size: self.environment_size,
            payload_size: self.payload_size,
            runtime_validation: self.runtime_validation,
        }
    }
}
