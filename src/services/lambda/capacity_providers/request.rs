//! Requests that create or change capacity providers, with the documentation's defaults.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::capacity_providers::command::{CreateCapacityProvider, ScalingPatch, UpdateCapacityProvider};
use crate::model::capacity_providers::{
    CapacityProviderKey, InstanceRequirements, PropagateTags, ProviderLogging, ScalingPolicy,
};
use crate::model::runtimes::Architecture;
use crate::protocol::word::Word;

/// `CreateCapacityProvider` as sent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateRequest {
    vpc_config: VpcRequest,
    permissions_config: PermissionsRequest,
    instance_requirements: Option<InstancesRequest>,
    capacity_provider_scaling_config: Option<ScalingRequest>,
    kms_key_arn: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    propagate_tags: Option<PropagateRequest>,
    telemetry_config: Option<TelemetryRequest>,
}

/// `UpdateCapacityProvider` as sent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateRequest {
    capacity_provider_scaling_config: Option<ScalingRequest>,
    propagate_tags: Option<PropagateRequest>,
    telemetry_config: Option<TelemetryRequest>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VpcRequest {
    subnet_ids: Vec<String>,
    security_group_ids: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PermissionsRequest {
    capacity_provider_operator_role_arn: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InstancesRequest {
    architectures: Option<[Word<Architecture>; 1]>,
    allowed_instance_types: Option<Vec<String>>,
    excluded_instance_types: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ScalingRequest {
    #[serde(rename = "MaxVCpuCount")]
    max_vcpu_count: Option<u32>,
    scaling_mode: Option<String>,
    scaling_policies: Option<Vec<PolicyRequest>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyRequest {
    predefined_metric_type: String,
    target_value: f64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PropagateRequest {
    mode: Option<String>,
    #[serde(default)]
    explicit_tags: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TelemetryRequest {
    logging_config: Option<LoggingRequest>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LoggingRequest {
    system_log_level: Option<String>,
    log_group: Option<String>,
}

impl CreateRequest {
    /// The command, with the documentation's defaults.
    pub fn into_command(self, key: CapacityProviderKey) -> CreateCapacityProvider {
        let logging = self.telemetry_config.unwrap_or_default().logging_config.unwrap_or_default();
        // Source: the documentation of `LogGroup` in the model.
        let group = logging.log_group.unwrap_or_else(|| format!("/aws/lambda/capacity-provider/{}", key.name));
        CreateCapacityProvider {
            key,
            subnets: self.vpc_config.subnet_ids,
            security_groups: self.vpc_config.security_group_ids,
            operator_role: self.permissions_config.capacity_provider_operator_role_arn,
            instances: self.instance_requirements.unwrap_or_default().into_instances(),
            scaling: self.capacity_provider_scaling_config.unwrap_or_default().into_patch(),
            kms_key_arn: self.kms_key_arn,
            propagate_tags: self.propagate_tags.map(PropagateRequest::into_tags),
            logging: ProviderLogging { system_level: logging.system_log_level, group },
            tags: self.tags,
        }
    }
}

impl UpdateRequest {
    /// The command.
    pub fn into_command(self, key: CapacityProviderKey) -> UpdateCapacityProvider {
        let logging = self.telemetry_config.unwrap_or_default().logging_config.unwrap_or_default();
        UpdateCapacityProvider {
            key,
            scaling: self.capacity_provider_scaling_config.unwrap_or_default().into_patch(),
            propagate_tags: self.propagate_tags.map(PropagateRequest::into_tags),
            system_level: logging.system_log_level,
            log_group: logging.log_group,
        }
    }
}

impl InstancesRequest {
    fn into_instances(self) -> InstanceRequirements {
        InstanceRequirements {
            architecture: self.architectures.map_or(Architecture::X86_64, |[Word(architecture)]| architecture),
            allowed_types: self.allowed_instance_types.unwrap_or_default(),
            excluded_types: self.excluded_instance_types.unwrap_or_default(),
        }
    }
}

impl ScalingRequest {
    fn into_patch(self) -> ScalingPatch {
        let policy = |policy: PolicyRequest| ScalingPolicy {
            metric: policy.predefined_metric_type,
            target: policy.target_value,
        };
        ScalingPatch {
            max_vcpus: self.max_vcpu_count,
            mode: self.scaling_mode,
            policies: self.scaling_policies.map(|policies| policies.into_iter().map(policy).collect()),
        }
    }
}

impl PropagateRequest {
    fn into_tags(self) -> PropagateTags {
        // Without a mode, tags mean that they are wanted: a guess.
        let mode =
            self.mode.unwrap_or_else(|| if self.explicit_tags.is_empty() { "None" } else { "Explicit" }.to_owned());
        PropagateTags { mode, tags: self.explicit_tags }
    }
}
