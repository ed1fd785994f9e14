//! Capacity providers: where functions of managed instances run.

pub mod command;
pub mod decide;
pub mod event;

use std::collections::BTreeMap;

use super::arn::{self, Arn};
use super::error::{ApiError, ErrorCode};
use super::names::{CapacityProviderName, RevisionId, Scope};
use super::time::Timestamp;
use crate::model::runtimes::Architecture;

/// Capacity providers of an account and region.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
pub const MAX_PROVIDERS: usize = 1000;

/// Function versions of a capacity provider.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
pub const MAX_VERSIONS: usize = 100;

/// Most vCPUs of a capacity provider without a wish.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-capacity-providers.html>.
pub const DEFAULT_MAX_VCPUS: u32 = 400;

/// A capacity provider's place in the state. Sorted by scope, then name: a listing is one range.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CapacityProviderKey {
    /// Account and region.
    pub scope: Scope,
    /// Its name.
    pub name: CapacityProviderName,
}

impl CapacityProviderKey {
    /// Resolves a name or an ARN for a caller in `scope`. The text must have passed the pattern of the model.
    pub fn resolve(scope: &Scope, text: &str) -> Self {
        let arn = Arn::parse(text).filter(|arn| arn.service == "lambda");
        match arn.and_then(|arn| Some((arn.scope(), arn.named("capacity-provider")?))) {
            Some((scope, name)) => Self { scope, name: name.into() },
            None => Self { scope: scope.clone(), name: text.into() },
        }
    }

    /// The same, if it is the caller's own: nothing can allow others to use it.
    ///
    /// # Errors
    /// It is of another account or region. (What AWS says of one is not recorded: here it is not there.)
    pub fn own(scope: &Scope, text: &str) -> Result<Self, ApiError> {
        let key = Self::resolve(scope, text);
        if key.scope == *scope { Ok(key) } else { Err(not_found(&key)) }
    }

    /// Its ARN.
    pub fn arn(&self) -> String {
        let region = &self.scope.region;
        let account = &self.scope.account;
        format!("arn:{}:lambda:{region}:{account}:capacity-provider:{}", arn::partition(region), self.name)
    }
}

/// A capacity provider.
#[derive(Debug, Clone, PartialEq)]
pub struct CapacityProvider {
    /// Where it is.
    pub key: CapacityProviderKey,
    /// What it is doing.
    pub state: ProviderState,
    /// Subnets of its instances.
    pub subnets: Vec<String>,
    /// Security groups of its instances.
    pub security_groups: Vec<String>,
    /// ARN of the role that manages the instances.
    pub operator_role: String,
    /// Which instances.
    pub instances: InstanceRequirements,
    /// How many.
    pub scaling: Scaling,
    /// ARN of the key that encrypts its data.
    pub kms_key_arn: Option<String>,
    /// Tags of the instances.
    pub propagate_tags: Option<PropagateTags>,
    /// Where it logs.
    pub logging: ProviderLogging,
    /// Its own tags.
    pub tags: BTreeMap<String, String>,
    /// When it was last changed.
    pub modified: Timestamp,
    /// Changes with each change of it: what waits to be settled is told by it.
    pub revision: RevisionId,
}

/// `State` of a capacity provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderState {
    /// Being created.
    Pending,
    /// Takes functions.
    Active,
    /// Being deleted.
    Deleting,
}

impl ProviderState {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Active => "Active",
            Self::Deleting => "Deleting",
        }
    }
}

/// `InstanceRequirements`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceRequirements {
    /// The processor of its instances.
    pub architecture: Architecture,
    /// The only types that may be used; empty: any.
    pub allowed_types: Vec<String>,
    /// Types that may not be used.
    pub excluded_types: Vec<String>,
}

/// `CapacityProviderScalingConfig`.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaling {
    /// vCPUs of all instances at most.
    pub max_vcpus: u32,
    /// `Auto` or `Manual`.
    pub mode: String,
    /// What is tracked, in mode `Manual`.
    pub policies: Vec<ScalingPolicy>,
}

/// `TargetTrackingScalingPolicy`.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalingPolicy {
    /// The metric.
    pub metric: String,
    /// Its target in percent.
    pub target: f64,
}

/// `PropagateTags`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropagateTags {
    /// `None` or `Explicit`.
    pub mode: String,
    /// The tags, in mode `Explicit`.
    pub tags: BTreeMap<String, String>,
}

/// `LoggingConfig` of `TelemetryConfig`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderLogging {
    /// Which lines.
    pub system_level: Option<String>,
    /// Where to.
    pub group: String,
}

impl CapacityProvider {
    /// Whether it waits to be settled.
    pub fn is_unsettled(&self) -> bool {
        self.state != ProviderState::Active
    }
}

/// The error for a capacity provider that is not there. Code and status are the model's; the text is a guess.
pub fn not_found(key: &CapacityProviderKey) -> ApiError {
    ApiError::new(ErrorCode::ResourceNotFound, format!("Capacity provider not found: {}", key.arn()))
}

/// The error for one that is being created or deleted. In the words of functions: a guess.
pub fn busy(key: &CapacityProviderKey, state: ProviderState) -> ApiError {
    ApiError::conflict(format!(
        "The operation cannot be performed at this time. The capacity provider is currently in the following state: \
         {} for resource: {}",
        state.as_str(),
        key.arn()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_an_arn_name_the_same() {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        let key = CapacityProviderKey::resolve(&scope, "p");
        assert_eq!(key.arn(), "arn:aws:lambda:us-east-1:000000000000:capacity-provider:p");
        assert_eq!(CapacityProviderKey::resolve(&scope, &key.arn()), key);
    }
}
