//! Capacity providers, as stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::stored::Architecture;
use super::stored::{Scope, Stored};
use super::text::Id;
use crate::model::capacity_providers;
use crate::model::capacity_providers::event::CapacityProviderEvent;

shape! {
    CapacityProviderKey = capacity_providers::CapacityProviderKey { scope: Scope, name: String }
    InstanceRequirements = capacity_providers::InstanceRequirements {
        architecture: Architecture, allowed_types: Vec<String>, excluded_types: Vec<String>,
    }
    ScalingPolicy = capacity_providers::ScalingPolicy { metric: String, target: f64 }
    Scaling = capacity_providers::Scaling { max_vcpus: u32, mode: String, policies: Vec<ScalingPolicy> }
    PropagateTags = capacity_providers::PropagateTags { mode: String, tags: BTreeMap<String, String> }
    ProviderLogging = capacity_providers::ProviderLogging { system_level: Option<String>, group: String }
    CapacityProvider = capacity_providers::CapacityProvider {
        key: CapacityProviderKey, state: ProviderState, subnets: Vec<String>, security_groups: Vec<String>,
        operator_role: String, instances: InstanceRequirements, scaling: Scaling, kms_key_arn: Option<String>,
        propagate_tags: Option<PropagateTags>, logging: ProviderLogging, tags: BTreeMap<String, String>,
        modified: u64, revision: Id,
    }
}

/// What a capacity provider is doing, as stored.
#[derive(Serialize, Deserialize)]
pub(super) enum ProviderState {
    Pending,
    Active,
    Deleting,
}

impl Stored<capacity_providers::ProviderState> for ProviderState {
    fn store(model: &capacity_providers::ProviderState) -> Self {
        match model {
            capacity_providers::ProviderState::Pending => Self::Pending,
            capacity_providers::ProviderState::Active => Self::Active,
            capacity_providers::ProviderState::Deleting => Self::Deleting,
        }
    }
    fn load(self) -> capacity_providers::ProviderState {
        match self {
            Self::Pending => capacity_providers::ProviderState::Pending,
            Self::Active => capacity_providers::ProviderState::Active,
            Self::Deleting => capacity_providers::ProviderState::Deleting,
        }
    }
}

events! { CapacityProviderEvent {
    90 CapacityProviderPut { provider: CapacityProvider }
    91 CapacityProviderDeleted { key: CapacityProviderKey }
} }
