//! Commands about capacity providers.

use std::collections::BTreeMap;

use crate::model::capacity_providers::{
    CapacityProviderKey, InstanceRequirements, PropagateTags, ProviderLogging, ScalingPolicy,
};
use crate::model::names::RevisionId;

/// A wish to change capacity providers.
#[derive(Debug, Clone, PartialEq)]
pub enum CapacityProviderCommand {
    /// The name is free, the account has room.
    Create(Box<CreateCapacityProvider>),
    /// It is there and `Active`.
    Update(Box<UpdateCapacityProvider>),
    /// It is there and no function version uses it.
    Delete(CapacityProviderKey),
    /// Ends `Pending` or `Deleting`; nothing happens if it has changed meanwhile.
    Settle {
        /// Which.
        key: CapacityProviderKey,
        /// The revision that was looked at.
        revision: RevisionId,
    },
}

/// Parameters of `CreateCapacityProvider`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateCapacityProvider {
    /// Where.
    pub key: CapacityProviderKey,
    /// Subnets.
    pub subnets: Vec<String>,
    /// Security groups.
    pub security_groups: Vec<String>,
    /// ARN of the operator's role.
    pub operator_role: String,
    /// Which instances, defaults filled in.
    pub instances: InstanceRequirements,
    /// How many.
    pub scaling: ScalingPatch,
    /// ARN of a key.
    pub kms_key_arn: Option<String>,
    /// Tags of the instances.
    pub propagate_tags: Option<PropagateTags>,
    /// Where it logs, defaults filled in.
    pub logging: ProviderLogging,
    /// Its own tags.
    pub tags: BTreeMap<String, String>,
}

/// Parameters of `UpdateCapacityProvider`; what is absent stays as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdateCapacityProvider {
    /// Which.
    pub key: CapacityProviderKey,
    /// How many instances.
    pub scaling: ScalingPatch,
    /// Tags of the instances.
    pub propagate_tags: Option<PropagateTags>,
    /// Which lines are logged.
    pub system_level: Option<String>,
    /// Where to.
    pub log_group: Option<String>,
}

/// The members of a scaling configuration that a caller gave.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScalingPatch {
    /// vCPUs at most.
    pub max_vcpus: Option<u32>,
    /// `Auto` or `Manual`.
    pub mode: Option<String>,
    /// What is tracked.
    pub policies: Option<Vec<ScalingPolicy>>,
}
