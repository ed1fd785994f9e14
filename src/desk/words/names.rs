//! Fields of resources under AWS's names. The stored shapes have names of their own, and members that follow from the
//! others: revisions, times, states.

use crate::ledger::difference::Field;

/// A field as AWS calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// What of the resource it is of, such as `version 1`; empty: the resource itself.
    pub of: String,
    /// Its name, such as `VpcConfig.SubnetIds[0]`.
    pub name: String,
}

/// Members that follow from others, or tell the place once more.
const DERIVED: [&str; 19] = [
    "revision",
    "deployment",
    "modified",
    "updated",
    "created",
    "last_version",
    "last_update",
    "state",
    "key",
    "id",
    "name",
    "number",
    "resolved_uri",
    "allocated",
    "allocation",
    "status",
    "last_result",
    "size",
    "latest_published",
];

/// Members that AWS does not know: what is in them lies one higher there.
const SPREAD: [&str; 3] = ["config", "settings", "content"];

/// Members whose own members are named by users.
const USERS: [&str; 3] = ["environment", "tags", "inline"];

/// AWS's names, where they are not just written in another way.
const NAMES: [(&str, &str); 73] = [
    ("access", "SourceAccessConfigurations"),
    ("allowed_types", "AllowedInstanceTypes"),
    ("application_level", "ApplicationLogLevel"),
    ("architecture", "Architectures"),
    ("architectures", "CompatibleArchitectures"),
    ("attached", "AttachedPolicies"),
    ("batching_window_s", "MaximumBatchingWindowInSeconds"),
    ("bisect_batch", "BisectBatchOnFunctionError"),
    ("blob", "CodeSha256"),
    ("boundary", "PermissionsBoundary"),
    ("capacity_provider", "CapacityProviderConfig"),
    ("class", "logGroupClass"),
    ("code_signing_config", "CodeSigningConfigArn"),
    ("dead_letter_queue", "deadLetterTargetArn"),
    ("dead_letter_target", "DeadLetterConfig.TargetArn"),
    ("delay_s", "DelaySeconds"),
    ("destinations", "DestinationConfig"),
    ("document_db", "DocumentDBEventSourceConfig"),
    ("durable", "DurableConfig"),
    ("enforce", "UntrustedArtifactOnDeployment"),
    ("environment", "Environment.Variables"),
    ("ephemeral_storage_mib", "EphemeralStorage.Size"),
    ("event_age_s", "MaximumEventAgeInSeconds"),
    ("excluded_types", "ExcludedInstanceTypes"),
    ("execution_timeout_s", "ExecutionTimeout"),
    ("file_systems", "FileSystemConfigs"),
    ("filters", "FilterCriteria.Filters"),
    ("format", "LogFormat"),
    ("group", "LogGroup"),
    ("inline", "InlinePolicies"),
    ("instances", "InstanceRequirements"),
    ("ipv6", "Ipv6AllowedForDualStack"),
    ("kms_key", "KmsKeyId"),
    ("kms_key_arn", "KMSKeyArn"),
    ("least", "MinExecutionEnvironments"),
    ("license", "LicenseInfo"),
    ("logging", "LoggingConfig"),
    ("managed", "SqsManagedSseEnabled"),
    ("max_concurrency", "ScalingConfig.MaximumConcurrency"),
    ("max_message_bytes", "MaximumMessageSize"),
    ("max_receive_count", "maxReceiveCount"),
    ("max_record_age_s", "MaximumRecordAgeInSeconds"),
    ("max_retry_attempts", "MaximumRetryAttempts"),
    ("max_session_duration_s", "MaxSessionDuration"),
    ("memory_mib", "MemorySize"),
    ("most", "MaxExecutionEnvironments"),
    ("mount_path", "LocalMountPath"),
    ("operator_role", "CapacityProviderOperatorRoleArn"),
    ("pollers", "ProvisionedPollerConfig"),
    ("protected", "deletionProtectionEnabled"),
    ("publishers", "AllowedPublishers.SigningProfileVersionArns"),
    ("redrive", "RedrivePolicy"),
    ("redrive_allow", "RedriveAllowPolicy"),
    ("requested", "RequestedProvisionedConcurrentExecutions"),
    ("reserved_concurrency", "ReservedConcurrentExecutions"),
    ("response_types", "FunctionResponseTypes"),
    ("retention_days", "retentionInDays"),
    ("retention_s", "MessageRetentionPeriod"),
    ("retry_attempts", "MaximumRetryAttempts"),
    ("routing", "RoutingConfig"),
    ("runtimes", "CompatibleRuntimes"),
    ("security_groups", "SecurityGroupIds"),
    ("snap_start", "SnapStart.ApplyOn"),
    ("subnets", "SubnetIds"),
    ("system_level", "SystemLogLevel"),
    ("tenant_isolation", "TenancyConfig.TenantIsolationMode"),
    ("throughput_limit", "FifoThroughputLimit"),
    ("tracing_mode", "TracingConfig.Mode"),
    ("trust_policy", "AssumeRolePolicyDocument"),
    ("tumbling_window_s", "TumblingWindowInSeconds"),
    ("visibility_s", "VisibilityTimeout"),
    ("vpc", "VpcConfig"),
    ("wait_s", "ReceiveMessageWaitTimeSeconds"),
];

/// A field under its name; `None` where it is derived from others, or is as good as nothing before and after.
pub fn named(field: &Field) -> Option<Named> {
    let is_nothing = [&field.old, &field.new].into_iter().flatten().all(|value| match value {
        serde_json::Value::Null => true,
        serde_json::Value::String(text) => text.is_empty(),
        serde_json::Value::Array(items) => items.is_empty(),
        serde_json::Value::Object(members) => members.is_empty(),
        _ => false,
    });
    if is_nothing {
        return None;
    }

    let members: Vec<&str> = field.path.split('.').collect();
    let (of, rest) = part(&members);
    let name = name(rest, of.starts_with("alias "))?;
    Some(Named { of, name })
}

/// What of the resource a place is in, and the place there.
fn part<'a>(members: &'a [&'a str]) -> (String, &'a [&'a str]) {
    let [first, rest @ ..] = members else { return (String::new(), members) };
    let (of, taken) = match (*first, rest.first()) {
        ("latest", _) => return (String::new(), rest),
        ("versions", Some(number)) => (format!("version {number}"), 1),
        ("aliases", Some(name)) => (format!("alias {name}"), 1),
        ("urls", Some(&"")) => ("URL".to_owned(), 1),
        ("urls", Some(alias)) => (format!("URL of {alias}"), 1),
        ("event_invoke", Some(qualifier)) => (format!("asynchronous invocations of {qualifier}"), 1),
        ("provisioned_concurrency", Some(qualifier)) => (format!("provisioned concurrency of {qualifier}"), 1),
        ("scaling", Some(qualifier)) if rest.len() == 2 => (format!("scaling of {qualifier}"), 1),
        ("runtime_management", Some(version)) => (format!("runtime of {version}"), 1),
        ("policies", Some(target)) => (format!("policy of {target}"), 1),
        _ => return (String::new(), members),
    };

    (of, &rest[taken..])
}

fn name(members: &[&str], of_alias: bool) -> Option<String> {
    let mut name = String::new();
    let mut rest = members.iter();
    while let Some(member) = rest.next() {
        if DERIVED.contains(member) || (*member == "version" && members.len() == 1 && !of_alias) {
            return None;
        }
        if SPREAD.contains(member) {
            continue;
        }
        if member.bytes().all(|byte| byte.is_ascii_digit()) {
            name = format!("{name}[{member}]");
            continue;
        }
        let dot = if name.is_empty() { "" } else { "." };
        let own = if *member == "version" && of_alias { "FunctionVersion".to_owned() } else { aws(member) };
        name = format!("{name}{dot}{own}");
        if USERS.contains(member) {
            let users = rest.copied().collect::<Vec<_>>().join(".");
            return Some(if users.is_empty() { name } else { format!("{name}.{users}") });
        }
    }

    (!name.is_empty()).then_some(name)
}

/// A member's name, in words that begin with capitals and without its unit.
fn aws(member: &str) -> String {
    if let Ok(place) = NAMES.binary_search_by_key(&member, |(ours, _)| ours) {
        return NAMES[place].1.to_owned();
    }
    let words = member.trim_end_matches("_s").trim_end_matches("_mib").split('_');
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
    };
    words.map(capital).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(path: &str) -> Option<String> {
        let field = Field { path: path.to_owned(), old: None, new: Some(json!(1)) };
        named(&field).map(|Named { of, name }| if of.is_empty() { name } else { format!("{of}: {name}") })
    }

    #[test]
    fn the_names_can_be_searched() {
        assert!(NAMES.is_sorted_by_key(|(ours, _)| ours));
    }

    #[test]
    fn fields_have_the_names_of_aws() {
        for (path, name) in [
            ("latest.config.timeout_s", "Timeout"),
            ("latest.config.memory_mib", "MemorySize"),
            ("latest.config.environment.DB_URL", "Environment.Variables.DB_URL"),
            ("latest.config.environment.a.state", "Environment.Variables.a.state"),
            ("latest.config.vpc.subnets.0", "VpcConfig.SubnetIds[0]"),
            ("latest.config.layers.1.arn", "Layers[1].Arn"),
            ("latest.code.blob", "Code.CodeSha256"),
            ("versions.3.config.runtime", "version 3: Runtime"),
            ("aliases.live.version", "alias live: FunctionVersion"),
            ("aliases.live.routing.weight", "alias live: RoutingConfig.Weight"),
            ("urls..auth_type", "URL: AuthType"),
            ("urls.live.cors.max_age_s", "URL of live: Cors.MaxAge"),
            ("reserved_concurrency", "ReservedConcurrentExecutions"),
            ("settings.visibility_s", "VisibilityTimeout"),
            ("settings.batch_size", "BatchSize"),
            ("tags.revision", "Tags.revision"),
            ("trust_policy", "AssumeRolePolicyDocument"),
        ] {
            assert_eq!(shown(path).as_deref(), Some(name), "{path}");
        }
    }

    #[test]
    fn what_is_derived_has_none() {
        for path in [
            "latest.revision",
            "latest.deployment",
            "latest.modified",
            "latest.state",
            "versions.1.version",
            "key.scope.account",
            "aliases.live.revision",
            "last_version",
            "latest.last_update",
        ] {
            assert_eq!(shown(path), None, "{path}");
        }
    }

    #[test]
    fn what_is_nothing_before_and_after_has_none() {
        let field = |new| Field { path: "latest.config.vpc".to_owned(), old: None, new: Some(new) };
        assert_eq!(named(&field(json!(null))), None);
        assert_eq!(named(&field(json!([]))), None);
        assert!(named(&field(json!(false))).is_some());
    }
}
