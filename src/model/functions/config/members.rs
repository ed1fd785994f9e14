//! The members of a function's configuration that have parts of their own.

use indexmap::IndexMap;
use strum::{EnumString, IntoStaticStr};

use crate::model::blob::BlobId;
use crate::model::hot_folder::HotFolder;
use crate::model::runtimes::{self, Family};

/// Days for which an ended execution is kept without a wish.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/durable-configuration.html>.
const RETENTION_DAYS: u32 = 14;

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

/// The members of a `LoggingConfig` that a caller gave; the rest stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoggingPatch {
    /// The form of lines.
    pub format: Option<LogFormat>,
    /// The least that the function logs.
    pub application_level: Option<LogLevel>,
    /// The least that Lambda logs.
    pub system_level: Option<LogLevel>,
    /// The log group.
    pub group: Option<String>,
}

impl Logging {
    /// The log configuration after a patch: levels exist only with JSON, where they default to INFO.
    pub(super) fn patched(&self, patch: &LoggingPatch) -> Self {
        let format = patch.format.unwrap_or(self.format);
        let level = |new: Option<LogLevel>, old: Option<LogLevel>| {
            (format == LogFormat::Json).then(|| new.or(old).unwrap_or(LogLevel::Info))
        };

        Self {
            application_level: level(patch.application_level, self.application_level),
            system_level: level(patch.system_level, self.system_level),
            group: patch.group.clone().unwrap_or_else(|| self.group.clone()),
            format,
        }
    }
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

impl CapacityProviderAttachment {
    /// With AWS's defaults. An update does not keep what it leaves out.
    ///
    /// The concurrency without a wish depends on the runtime: source
    /// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-scaling.html>, per vCPU. That it
    /// does not grow with the vCPUs of a function is a guess.
    pub(super) fn filled(&self, runtime: &str) -> Self {
        let concurrency = match runtimes::find(runtime).map(|runtime| runtime.family) {
            Some(Family::NodeJs) => 64,
            Some(Family::Java | Family::Dotnet) => 32,
            _ => 16,
        };
        Self {
            arn: self.arn.clone(),
            per_environment_max_concurrency: self.per_environment_max_concurrency.or(Some(concurrency)),
            memory_gib_per_vcpu: self.memory_gib_per_vcpu.or(Some(2.0)),
        }
    }
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

/// The members of a `DurableConfig` that a caller gave; the rest stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DurablePatch {
    /// Days for which the history of an ended execution is kept.
    pub retention_days: Option<u32>,
    /// Longest duration of an execution in seconds.
    pub execution_timeout_s: Option<u32>,
    /// ARN of a key; an empty text takes it away.
    pub kms_key_arn: Option<String>,
}

impl DurablePatch {
    /// What was configured before, with this over it.
    pub(super) fn over(&self, old: Option<&DurableConfig>) -> DurableConfig {
        let old_key = old.and_then(|old| old.kms_key_arn.clone());
        DurableConfig {
            retention_days: self.retention_days.or(old.map(|old| old.retention_days)).unwrap_or(RETENTION_DAYS),
            // One of both is there: an update finds one, and a creation without one is refused.
            execution_timeout_s: self.execution_timeout_s.or(old.map(|old| old.execution_timeout_s)).unwrap_or(1),
            kms_key_arn: self.kms_key_arn.clone().or(old_key).filter(|key| !key.is_empty()),
        }
    }
}
