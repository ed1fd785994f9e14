//! A function's configuration.

use indexmap::IndexMap;
use strum::{EnumString, IntoStaticStr};

use crate::model::blob::BlobId;
use crate::model::hot_folder::HotFolder;
use crate::model::runtimes::Architecture;

/// What a caller configures. Units are the API's.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionConfig {
    /// The runtime, such as `python3.12`; empty for an image.
    pub runtime: String,
    /// ARN of the execution role.
    pub role: String,
    /// The handler, such as `index.handler`; empty for an image.
    pub handler: String,
    /// Free text.
    pub description: String,
    /// Longest duration of an invocation, in seconds.
    pub timeout_s: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Size of /tmp in MiB.
    pub ephemeral_storage_mib: u32,
    /// The function's variables; `None`: none were ever given. Secrets.
    pub environment: Option<Variables>,
    /// The processor it runs on.
    pub architecture: Architecture,
    /// Whether invocations are traced.
    pub tracing_mode: TracingMode,
    /// Where and how it logs.
    pub logging: Logging,
    /// What starts from a snapshot.
    pub snap_start: SnapStart,
    /// Layer versions, in order.
    pub layers: Vec<LayerReference>,
    /// ARN of the key that encrypts the variables.
    pub kms_key_arn: Option<String>,
    /// ARN of the dead-letter queue or topic.
    pub dead_letter_target: Option<String>,
    /// Networks the function is attached to.
    pub vpc: Option<Vpc>,
    /// Mounted file systems.
    pub file_systems: Vec<FileSystem>,
    /// How an image is started, where it is not as the image says.
    pub image_config: Option<ImageConfig>,
    /// `TenantIsolationMode` of `TenancyConfig`; cannot change.
    pub tenant_isolation: Option<String>,
    /// Runs on instances of a capacity provider.
    pub capacity_provider: Option<CapacityProviderAttachment>,
    /// Is a durable function.
    pub durable: Option<DurableConfig>,
    /// A runtime of the customer's own.
    pub runtime_config: Option<RuntimeConfig>,
    /// `AcceleratorMemorySize` of `AcceleratorConfig`, in GB.
    pub accelerator_memory_gb: Option<i64>,
}

impl FunctionConfig {
    /// A configuration with AWS's defaults.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>.
    pub fn new(runtime: &str, role: &str, handler: &str, log_group: &str) -> Self {
        Self {
            runtime: runtime.to_owned(),
            role: role.to_owned(),
            handler: handler.to_owned(),
            description: String::new(),
            timeout_s: 3,
            memory_mib: 128,
            ephemeral_storage_mib: 512,
            environment: None,
            architecture: Architecture::X86_64,
            tracing_mode: TracingMode::PassThrough,
            logging: Logging {
                format: LogFormat::Text,
                application_level: None,
                system_level: None,
                group: log_group.to_owned(),
            },
            snap_start: SnapStart::None,
            layers: Vec::new(),
            kms_key_arn: None,
            dead_letter_target: None,
            vpc: None,
            file_systems: Vec::new(),
            image_config: None,
            tenant_isolation: None,
            capacity_provider: None,
            durable: None,
            runtime_config: None,
            accelerator_memory_gb: None,
        }
    }
}

impl FunctionConfig {
    /// Whether published versions start from a snapshot.
    pub fn has_snapshots(&self) -> bool {
        self.snap_start == SnapStart::PublishedVersions
    }
}

/// A function's environment variables in the order in which they were given (AWS measures and
/// reports them so). Their values are secrets: `Debug` shows names only.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Variables(pub IndexMap<String, String>);

impl std::fmt::Debug for Variables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// `Mode` of `TracingConfig`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
pub enum TracingMode {
    /// A trace is what its caller says.
    PassThrough,
    /// One in some invocations is traced, whatever its caller says.
    Active,
}

/// `ApplyOn` of `SnapStart`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
pub enum SnapStart {
    /// Nothing.
    None,
    /// Published versions.
    PublishedVersions,
}

/// `LogFormat` of `LoggingConfig`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
pub enum LogFormat {
    /// Lines as they come.
    Text,
    /// An object a line.
    #[strum(serialize = "JSON")]
    Json,
}

/// `ApplicationLogLevel` and `SystemLogLevel` of `LoggingConfig`, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, EnumString, IntoStaticStr)]
#[strum(serialize_all = "UPPERCASE", ascii_case_insensitive)]
pub enum LogLevel {
    /// Of applications only.
    Trace,
    /// Of both.
    Debug,
    /// The default of both.
    Info,
    /// Of both.
    Warn,
    /// Of applications only.
    Error,
    /// Of applications only.
    Fatal,
}

/// `LoggingConfig`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logging {
    /// The form of its lines.
    pub format: LogFormat,
    /// The least that the function logs; only with JSON.
    pub application_level: Option<LogLevel>,
    /// The least that Lambda logs; only with JSON.
    pub system_level: Option<LogLevel>,
    /// The log group.
    pub group: String,
}

/// `VpcConfig`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vpc {
    /// Subnet ids.
    pub subnets: Vec<String>,
    /// Security group ids.
    pub security_groups: Vec<String>,
    /// Whether IPv6 leaves a dual-stack subnet.
    pub ipv6: bool,
    /// The VPC that the subnets are in; empty where there are none, or where nobody could be asked.
    pub id: String,
}

/// One of `FileSystemConfigs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    /// ARN of the access point.
    pub arn: String,
    /// Where it is mounted, under /mnt.
    pub mount_path: String,
    /// `DirectS3Read` of `S3FilesConfig`; only of S3 Files.
    pub direct_s3_read: Option<String>,
}

/// A layer version that a function uses. It goes on working when the layer version is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerReference {
    /// ARN of the layer version.
    pub arn: String,
    /// Its zip, where the layer is one of this store.
    pub blob: Option<BlobId>,
    /// Bytes of the zip (`CodeSize`).
    pub size: u64,
    /// The folder that the layer's files are in, instead of a zip (hot reload).
    pub folder: Option<HotFolder>,
}

impl LayerReference {
    /// A reference as a caller gives it; its zip is not looked up yet.
    pub fn unresolved(arn: &str) -> Self {
        Self { arn: arn.to_owned(), blob: None, size: 0, folder: None }
    }
}

/// `ImageConfig`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageConfig {
    /// `EntryPoint` instead of the image's.
    pub entry_point: Option<Vec<String>>,
    /// `Command` instead of the image's.
    pub command: Option<Vec<String>>,
    /// `WorkingDirectory` instead of the image's.
    pub working_directory: Option<String>,
}

/// `LambdaManagedInstancesCapacityProviderConfig`.
#[derive(Debug, Clone, PartialEq)]
pub struct CapacityProviderAttachment {
    /// ARN of the capacity provider.
    pub arn: String,
    /// Invocations one environment runs at a time.
    pub per_environment_max_concurrency: Option<u32>,
    /// GiB of memory for each vCPU.
    pub memory_gib_per_vcpu: Option<f64>,
}

/// `DurableConfig`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DurableConfig {
    /// Days for which the history of an ended execution is kept.
    pub retention_days: u32,
    /// Longest duration of an execution in seconds.
    pub execution_timeout_s: u32,
    /// ARN of the key that encrypts what executions keep.
    pub kms_key_arn: Option<String>,
}

/// `RuntimeConfig`: a runtime of the customer's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeConfig {
    /// ARN of the runtime.
    pub arn: String,
    /// Its alias.
    pub alias: String,
}

/// A configuration for tests.
#[cfg(test)]
pub fn sample_config() -> FunctionConfig {
    FunctionConfig::new("python3.12", "arn:aws:iam::000000000000:role/r", "handler.handler", "/g")
}
