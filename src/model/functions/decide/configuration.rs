//! Rules of a function's configuration beyond the model's constraints.

use indexmap::IndexMap;

use crate::model::error::ApiError;
use crate::model::functions::{Code, FunctionConfig};
use crate::model::limits::Limits;
use crate::model::runtimes;

/// Variables a function may not set itself.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>, "Reserved".
const RESERVED_VARIABLES: [&str; 21] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_METADATA_API",
    "AWS_LAMBDA_METADATA_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// Layers one function may have.
const MAX_LAYERS: usize = 5;

/// Checks a whole configuration.
///
/// # Errors
/// `InvalidParameterValueException` with AWS's text.
pub fn check(config: &FunctionConfig, code: &Code, limits: &Limits) -> Result<(), ApiError> {
    if code.content.image().is_none() {
        check_runtime(&config.runtime)?;
        check_snap_start(config)?;
    }

    check_variables(config, limits)?;
    super::modes::check(config)?;
    if config.layers.len() > MAX_LAYERS {
        return Err(ApiError::invalid_parameter(format!("Cannot reference more than {MAX_LAYERS} layers.")));
    }
    Ok(())
}

/// Recorded in `test_update_lambda_exceptions`.
fn check_runtime(runtime: &str) -> Result<(), ApiError> {
    match runtimes::find(runtime) {
        Some(known) if known.lifecycle != runtimes::Lifecycle::Internal => Ok(()),
        _ => Err(ApiError::invalid_parameter(runtimes::texts::unknown_runtime(runtime))),
    }
}

/// Refuses a runtime that AWS lets nobody create or update functions with any more, unless the user
/// wants it all the same (`LAMBDA_RUNTIME_VALIDATION=0`).
///
/// Recorded in `test_create_deprecated_function_runtime_with_validation_enabled`.
pub fn check_lifecycle(runtime: &str, today: &str, limits: &Limits) -> Result<(), ApiError> {
    match runtimes::find(runtime) {
        Some(known) if limits.runtime_validation && known.status(today) == runtimes::Status::Blocked => {
            Err(ApiError::invalid_parameter(runtimes::texts::no_longer_supported(runtime)))
        }
        _ => Ok(()),
    }
}

/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html>, "Supported features".
fn check_snap_start(config: &FunctionConfig) -> Result<(), ApiError> {
    let can = runtimes::find(&config.runtime).is_some_and(|runtime| runtime.snap_start);
    if config.has_snapshots() && !can {
        let runtime = &config.runtime;
        return Err(ApiError::invalid_parameter(format!(
            "{runtime} is not supported for SnapStart enabled functions."
        )));
    }
    Ok(())
}

fn check_variables(config: &FunctionConfig, limits: &Limits) -> Result<(), ApiError> {
    let Some(variables) = &config.environment else { return Ok(()) };
    let reserved: Vec<&str> =
        variables.0.keys().map(String::as_str).filter(|name| RESERVED_VARIABLES.contains(name)).collect();
    if !reserved.is_empty() {
        return Err(ApiError::invalid_parameter(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided contains reserved keys that are currently not supported for modification. \
             Reserved keys used in this request: {}",
            reserved.join(", ")
        )));
    }

    let measured = compact_json(&variables.0);
    if measured.len() as u64 > limits.environment_size {
        let limit_kb = limits.environment_size / 1024;
        return Err(ApiError::invalid_parameter(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided exceeded the {limit_kb}KB limit. String measured: {measured}"
        )));
    }

    Ok(())
}

/// The variables as AWS measures them.
fn compact_json(variables: &IndexMap<String, String>) -> String {
    // A map of texts always serialises; the fallback only keeps the model free of panics.
    serde_json::to_string(variables).unwrap_or_default()
}
