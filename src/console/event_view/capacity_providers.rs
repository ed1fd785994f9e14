//! Events of capacity providers.

use serde_json::{Value, json};

use crate::model::capacity_providers::CapacityProvider;
use crate::model::capacity_providers::event::CapacityProviderEvent;

/// What an event says.
pub fn details(event: &CapacityProviderEvent) -> Value {
    match event {
        CapacityProviderEvent::CapacityProviderPut { provider } => provider_details(provider),
        CapacityProviderEvent::CapacityProviderDeleted { .. } => json!({}),
    }
}

fn provider_details(provider: &CapacityProvider) -> Value {
    let policies = provider.scaling.policies.iter();
    json!({
        "state": provider.state.as_str(),
        "subnets": provider.subnets,
        "security_groups": provider.security_groups,
        "operator_role": provider.operator_role,
        "architecture": provider.instances.architecture,
        "allowed_types": provider.instances.allowed_types,
        "excluded_types": provider.instances.excluded_types,
        "max_vcpus": provider.scaling.max_vcpus,
        "scaling_mode": provider.scaling.mode,
        "scaling_policies": policies
            .map(|policy| json!({ "metric": policy.metric, "target": policy.target }))
            .collect::<Vec<_>>(),
        "kms_key_arn": provider.kms_key_arn,
        "propagate_tags": provider
            .propagate_tags
            .as_ref()
            .map(|propagate| json!({ "mode": propagate.mode, "tags": propagate.tags })),
        "system_level": provider.logging.system_level,
        "log_group": provider.logging.group,
        "tags": provider.tags,
        "revision": provider.revision.to_string(),
    })
}
