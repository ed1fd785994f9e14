//! Shapes of schema 4: capacity providers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::keys::Scope;
use crate::ledger::shapes::text::Id;

shape! {
    CapacityProviderKey { scope: Scope, name: String }
    InstanceRequirements {
        architecture: String, allowed_types: Vec<String>, excluded_types: Vec<String>,
    }
    ScalingPolicy { metric: String, target: f64 }
    Scaling { max_vcpus: u32, mode: String, policies: Vec<ScalingPolicy> }
    PropagateTags { mode: String, tags: BTreeMap<String, String> }
    ProviderLogging { system_level: Option<String>, group: String }
    CapacityProvider {
        key: CapacityProviderKey, state: ProviderState, subnets: Vec<String>, security_groups: Vec<String>,
        operator_role: String, instances: InstanceRequirements, scaling: Scaling, kms_key_arn: Option<String>,
        propagate_tags: Option<PropagateTags>, logging: ProviderLogging, tags: BTreeMap<String, String>,
        modified: u64, revision: Id,
    }
}

#[derive(Serialize, Deserialize)]
pub enum ProviderState {
    Pending,
    Active,
    Deleting,
}

events! {
    90 / 1 CapacityProviderPut { provider: CapacityProvider }
    91 / 1 CapacityProviderDeleted { key: CapacityProviderKey }
}
