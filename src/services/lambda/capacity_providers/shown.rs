//! Capacity providers as answers show them. What was not asked for and has no default is left out.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::arn;
use crate::model::capacity_providers::{CapacityProvider, ScalingPolicy};
use crate::model::functions::FunctionState;
use crate::model::names::FunctionKey;
use crate::model::qualifier::Version;
use crate::model::state::State;

/// `CapacityProvider`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ShownProvider<'a> {
    capacity_provider_arn: String,
    state: &'static str,
    vpc_config: ShownVpc<'a>,
    permissions_config: ShownPermissions<'a>,
    instance_requirements: ShownInstances<'a>,
    capacity_provider_scaling_config: ShownScaling<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_arn: Option<&'a str>,
    last_modified: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    propagate_tags: Option<ShownPropagate<'a>>,
    telemetry_config: ShownTelemetry<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ShownVpc<'a> {
    subnet_ids: &'a [String],
    security_group_ids: &'a [String],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ShownPermissions<'a> {
    capacity_provider_operator_role_arn: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ShownInstances<'a> {
    architectures: [&'static str; 1],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    allowed_instance_types: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    excluded_instance_types: &'a [String],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ShownScaling<'a> {
    #[serde(rename = "MaxVCpuCount")]
    max_vcpu_count: u32,
    scaling_mode: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scaling_policies: Vec<ShownPolicy<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ShownPolicy<'a> {
    predefined_metric_type: &'a str,
    target_value: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ShownPropagate<'a> {
    mode: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    explicit_tags: &'a BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ShownTelemetry<'a> {
    logging_config: ShownLogging<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ShownLogging<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    system_log_level: Option<&'a str>,
    log_group: &'a str,
}

impl<'a> ShownProvider<'a> {
    /// Shows a capacity provider.
    pub fn new(provider: &'a CapacityProvider) -> Self {
        Self {
            capacity_provider_arn: provider.key.arn(),
            state: provider.state.as_str(),
            vpc_config: ShownVpc { subnet_ids: &provider.subnets, security_group_ids: &provider.security_groups },
            permissions_config: ShownPermissions { capacity_provider_operator_role_arn: &provider.operator_role },
            instance_requirements: ShownInstances {
                architectures: [provider.instances.architecture.into()],
                allowed_instance_types: &provider.instances.allowed_types,
                excluded_instance_types: &provider.instances.excluded_types,
            },
            capacity_provider_scaling_config: ShownScaling {
                max_vcpu_count: provider.scaling.max_vcpus,
                scaling_mode: &provider.scaling.mode,
                scaling_policies: provider.scaling.policies.iter().map(ShownPolicy::new).collect(),
            },
            kms_key_arn: provider.kms_key_arn.as_deref(),
            last_modified: provider.modified.to_string(),
            propagate_tags: provider
                .propagate_tags
                .as_ref()
                .map(|propagate| ShownPropagate { mode: &propagate.mode, explicit_tags: &propagate.tags }),
            telemetry_config: ShownTelemetry {
                logging_config: ShownLogging {
                    system_log_level: provider.logging.system_level.as_deref(),
                    log_group: &provider.logging.group,
                },
            },
        }
    }
}

impl<'a> ShownPolicy<'a> {
    fn new(policy: &'a ScalingPolicy) -> Self {
        Self { predefined_metric_type: &policy.metric, target_value: policy.target }
    }
}

/// `FunctionVersionsByCapacityProviderListItem`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProviderVersion {
    function_arn: String,
    state: &'static str,
}

impl ProviderVersion {
    /// Shows an entry of the index.
    pub fn new(state: &State, (function, number): &(FunctionKey, Version)) -> Option<Self> {
        let version = state.function(function)?.version(*number)?;
        let shown = match version.state {
            FunctionState::Pending => "Pending",
            FunctionState::Active if !version.is_invocable() => "ActiveNonInvocable",
            FunctionState::Active => "Active",
            FunctionState::Failed(_) => "Failed",
        };
        Some(Self { function_arn: arn::qualified(function, number), state: shown })
    }
}
