//! A function's configuration, and what changes it.

mod members;

pub use members::{
    CapacityProviderAttachment, DurableConfig, DurablePatch, FileSystem, ImageConfig, LayerReference, LogFormat,
    LogLevel, Logging, LoggingPatch, RuntimeConfig, SnapStart, TracingMode, Variables, Vpc,
};

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

    /// Whether published versions start from a snapshot.
    pub fn has_snapshots(&self) -> bool {
        self.snap_start == SnapStart::PublishedVersions
    }

    /// The configuration after a patch.
    pub fn patched(&self, patch: &ConfigPatch) -> Self {
        let mut new = self.clone();
        replace(&mut new.runtime, patch.runtime.as_ref());
        replace(&mut new.role, patch.role.as_ref());
        replace(&mut new.handler, patch.handler.as_ref());
        replace(&mut new.description, patch.description.as_ref());
        replace(&mut new.timeout_s, patch.timeout_s.as_ref());
        replace(&mut new.memory_mib, patch.memory_mib.as_ref());
        replace(&mut new.ephemeral_storage_mib, patch.ephemeral_storage_mib.as_ref());
        replace(&mut new.tracing_mode, patch.tracing_mode.as_ref());
        replace(&mut new.snap_start, patch.snap_start.as_ref());
        replace(&mut new.file_systems, patch.file_systems.as_ref());
        replace_clearable(&mut new.kms_key_arn, patch.kms_key_arn.as_ref());
        replace_clearable(&mut new.dead_letter_target, patch.dead_letter_target.as_ref());
        new.environment = patch.environment.clone().or(new.environment);
        new.vpc = patch.vpc.clone().or(new.vpc);
        new.runtime_config = patch.runtime_config.clone().or(new.runtime_config);
        new.accelerator_memory_gb = patch.accelerator_memory_gb.or(new.accelerator_memory_gb);
        new.logging = self.logging.patched(&patch.logging);

        if let Some(layers) = &patch.layers {
            new.layers = layers.iter().map(|arn| LayerReference::unresolved(arn)).collect();
        }
        if let Some(image_config) = &patch.image_config {
            // An empty one takes it away (`test_lambda_image_and_image_config_crud`).
            new.image_config = (*image_config != ImageConfig::default()).then(|| image_config.clone());
        }
        if let Some(attachment) = &patch.capacity_provider {
            new.capacity_provider = Some(attachment.filled(&new.runtime));
        }
        if let Some(durable) = &patch.durable {
            new.durable = Some(durable.over(self.durable.as_ref()));
        }

        new
    }
}

/// The members of a configuration that a caller gave; the rest stay as they are. An empty text or
/// list clears what can be absent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConfigPatch {
    /// Runtime.
    pub runtime: Option<String>,
    /// Role ARN.
    pub role: Option<String>,
    /// Handler.
    pub handler: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Timeout in seconds.
    pub timeout_s: Option<u32>,
    /// Memory in MiB.
    pub memory_mib: Option<u32>,
    /// Size of /tmp in MiB.
    pub ephemeral_storage_mib: Option<u32>,
    /// All variables.
    pub environment: Option<Variables>,
    /// Tracing mode.
    pub tracing_mode: Option<TracingMode>,
    /// Where and how it logs.
    pub logging: LoggingPatch,
    /// `ApplyOn` of `SnapStart`.
    pub snap_start: Option<SnapStart>,
    /// ARNs of all layer versions.
    pub layers: Option<Vec<String>>,
    /// Key ARN.
    pub kms_key_arn: Option<String>,
    /// Dead-letter target.
    pub dead_letter_target: Option<String>,
    /// VPC attachment.
    pub vpc: Option<Vpc>,
    /// File systems.
    pub file_systems: Option<Vec<FileSystem>>,
    /// How an image is started.
    pub image_config: Option<ImageConfig>,
    /// Runs on instances of a capacity provider.
    pub capacity_provider: Option<CapacityProviderAttachment>,
    /// Is a durable function.
    pub durable: Option<DurablePatch>,
    /// A runtime of the customer's own.
    pub runtime_config: Option<RuntimeConfig>,
    /// Memory of an accelerator, in GB.
    pub accelerator_memory_gb: Option<i64>,
}

fn replace<T: Clone>(value: &mut T, new: Option<&T>) {
    if let Some(new) = new {
        value.clone_from(new);
    }
}

/// An empty text takes the value away.
fn replace_clearable(value: &mut Option<String>, new: Option<&String>) {
    if let Some(new) = new {
        *value = (!new.is_empty()).then(|| new.clone());
    }
}

/// A configuration for tests.
#[cfg(test)]
pub fn sample_config() -> FunctionConfig {
    FunctionConfig::new("python3.12", "arn:aws:iam::000000000000:role/r", "handler.handler", "/g")
}
