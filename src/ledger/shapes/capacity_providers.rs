//! Capacity providers, as stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Id, Scope, Stored};
use crate::model::capacity_provider;
use crate::model::event::capacity_providers::CapacityProviderEvent;

shape! {
    CapacityProviderKey = capacity_provider::CapacityProviderKey { scope: Scope, name: String }
    InstanceRequirements = capacity_provider::InstanceRequirements {
        architecture: String, allowed_types: Vec<String>, excluded_types: Vec<String>,
    }
    ScalingPolicy = capacity_provider::ScalingPolicy { metric: String, target: f64 }
    Scaling = capacity_provider::Scaling { max_vcpus: u32, mode: String, policies: Vec<ScalingPolicy> }
    PropagateTags = capacity_provider::PropagateTags { mode: String, tags: BTreeMap<String, String> }
    ProviderLogging = capacity_provider::ProviderLogging { system_level: Option<String>, group: String }
    CapacityProvider = capacity_provider::CapacityProvider {
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

impl Stored<capacity_provider::ProviderState> for ProviderState {
    fn store(model: &capacity_provider::ProviderState) -> Self {
        match model {
            capacity_provider::ProviderState::Pending => Self::Pending,
            capacity_provider::ProviderState::Active => Self::Active,
            capacity_provider::ProviderState::Deleting => Self::Deleting,
        }
    }
    fn load(self) -> capacity_provider::ProviderState {
        match self {
            Self::Pending => capacity_provider::ProviderState::Pending,
            Self::Active => capacity_provider::ProviderState::Active,
            Self::Deleting => capacity_provider::ProviderState::Deleting,
        }
    }
}

events! { CapacityProviderEvent {
    90 / 1 CapacityProviderPut { provider: CapacityProvider }
    91 / 1 CapacityProviderDeleted { key: CapacityProviderKey }
} }
