//! The environment variables of a function's runtime.
//!
//! Values and presence as recorded on AWS; precedence as in AWS's runtime interface emulator: what
//! the user set gives way only to the reserved ones.

use std::collections::BTreeMap;

use super::deployment::{Initialization, Target};
use super::executor::{EnvironmentId, Launch};
use super::hot_reload;
use crate::model::credentials::Credentials;
use crate::model::functions::FunctionVersion;
use crate::model::functions::{LogFormat, LogLevel};
use crate::model::logs::{LogGroupKey, LogStreamKey};
use crate::model::runtimes::{self, Family};
use crate::model::time::{Timestamp, civil_date};

/// Tells runtime clients that files may change under them.
const HOT_RELOAD: &str = "LARDER_HOT_RELOAD";

/// All variables of the runtime process, but the address of the Runtime API.
pub fn of(
    target: &Target,
    launch: &Launch,
    id: &EnvironmentId,
    credentials: &Credentials,
    initialization: Initialization,
) -> Vec<(String, String)> {
    let mut variables: BTreeMap<String, String> = defaults();
    variables.extend(launch.variables.iter().cloned());
    if !hot_reload::folders_of(&target.version).is_empty() {
        variables.insert(HOT_RELOAD.to_owned(), "1".to_owned());
    }
    if let Some(user) = &target.version.config.environment {
        variables.extend(user.0.clone());
    }
    variables.extend(reserved(target, id, credentials));
    let initialization = initialization_type(target, initialization);
    variables.insert("AWS_LAMBDA_INITIALIZATION_TYPE".into(), initialization.into());

    variables.into_iter().collect()
}

/// Those of a runtime that is started before its function is known: what an interpreter reads of them is what it would
/// read of a function's that sets none of it.
pub fn before_function(runtime: &str, launch: &Launch) -> Vec<(String, String)> {
    let mut variables: BTreeMap<String, String> = defaults();
    variables.extend(launch.variables.iter().cloned());
    variables.insert("AWS_EXECUTION_ENV".to_owned(), execution_environment(runtime));
    variables.into_iter().collect()
}

/// Whether the function's runtime is to be started by a program of its own.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html#runtime-wrapper>.
pub fn names_wrapper(variables: &[(String, String)]) -> bool {
    variables.iter().any(|(name, value)| name == "AWS_LAMBDA_EXEC_WRAPPER" && !value.is_empty())
}

/// Those a user may replace.
fn defaults() -> BTreeMap<String, String> {
    owned([("LANG", "en_US.UTF-8"), ("TZ", ":UTC"), ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR")])
}

/// Those a user may not set.
fn reserved(target: &Target, id: &EnvironmentId, credentials: &Credentials) -> BTreeMap<String, String> {
    let FunctionVersion { config, version, modified, .. } = &*target.version;
    let scope = &target.function.scope;
    let region = scope.region.as_str();
    let version = version.to_string();
    let stream = log_stream_name(*modified, &version, id);
    let memory = config.memory_mib.to_string();
    let mut reserved = owned([
        ("AWS_ACCESS_KEY_ID", &credentials.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", &credentials.secret_access_key),
        ("AWS_SESSION_TOKEN", &credentials.session_token),
        ("AWS_REGION", region),
        ("AWS_DEFAULT_REGION", region),
        ("AWS_LAMBDA_FUNCTION_NAME", target.function.name.as_str()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory),
        ("AWS_LAMBDA_FUNCTION_VERSION", &version),
        ("AWS_LAMBDA_LOG_GROUP_NAME", &config.logging.group),
        ("AWS_LAMBDA_LOG_STREAM_NAME", &stream),
        ("LAMBDA_TASK_ROOT", "/var/task"),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
    ]);
    let is_image = target.version.code.content.image().is_some();
    if !is_image {
        reserved.insert("_HANDLER".into(), config.handler.clone());
    }

    // Recorded: the OS-only runtimes have none. That of an image is its own affair.
    if !is_image && runtimes::find(&config.runtime).is_none_or(|runtime| runtime.family != Family::Provided) {
        reserved.insert("AWS_EXECUTION_ENV".into(), execution_environment(&config.runtime));
    }
    if config.logging.format == LogFormat::Json {
        reserved.insert("AWS_LAMBDA_LOG_FORMAT".into(), "JSON".into());
        let level: &str = config.logging.application_level.unwrap_or(LogLevel::Info).into();
        reserved.insert("AWS_LAMBDA_LOG_LEVEL".into(), level.into());
    }

    reserved
}

fn execution_environment(runtime: &str) -> String {
    format!("AWS_Lambda_{runtime}")
}

/// Where a language's runtime looks for modules, as recorded on AWS. Its bootstrap sets the same there; a stand-in for
/// an image need not.
pub fn module_path(runtime: &str) -> Option<(String, String)> {
    let runtime = runtimes::find(runtime)?;
    match runtime.family {
        Family::Python => Some(("PYTHONPATH".into(), "/var/runtime".into())),
        Family::NodeJs => {
            let version = runtime.language_version()?;
            let path = format!(
                "/opt/nodejs/node{version}/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:\
                 /var/runtime:/var/task"
            );
            Some(("NODE_PATH".into(), path))
        }
        _ => None,
    }
}

/// How environments of a version are initialised: published versions with `SnapStart` are restored from a snapshot.
pub fn initialization_type(target: &Target, initialization: Initialization) -> &'static str {
    match initialization {
        Initialization::Provisioned => "provisioned-concurrency",
        Initialization::OnDemand if target.version.has_snapshot() => "snap-start",
        Initialization::OnDemand => "on-demand",
    }
}

/// The log stream of an environment.
pub fn log_stream(target: &Target, id: &EnvironmentId) -> LogStreamKey {
    let FunctionVersion { config, version, modified, .. } = &*target.version;
    let group = LogGroupKey { scope: target.function.scope.clone(), name: config.logging.group.as_str().into() };
    LogStreamKey { group, name: log_stream_name(*modified, &version.to_string(), id).into() }
}

/// `YYYY/MM/DD/[version]<32 hex>`.
fn log_stream_name(time: Timestamp, version: &str, id: &EnvironmentId) -> String {
    let (year, month, day) = civil_date(time.0 / 86_400_000);
    format!("{year:04}/{month:02}/{day:02}/[{version}]{id}{id}")
}

fn owned<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
