//! Rules of functions that run in another way: on managed instances, as durable functions, with an
//! environment for each tenant.

use crate::model::capacity_providers;
use crate::model::capacity_providers::{CapacityProviderKey, ProviderState};
use crate::model::error::{ApiError, ErrorCode};
use crate::model::functions::{ConfigPatch, DurablePatch, FunctionConfig, LogFormat};
use crate::model::names::Scope;
use crate::model::runtimes::{self, Family};
use crate::model::state::State;

/// Seconds an invocation may take outside of managed instances.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>, `Timeout`.
const MAX_TIMEOUT_S: u32 = 900;

/// MiB a function may have outside of managed instances.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const MAX_MEMORY_MIB: u32 = 10_240;

/// MiB of /tmp of a function without an accelerator.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>, `EphemeralStorage`.
const MAX_STORAGE_MIB: u32 = 10_240;

/// MiB a function on managed instances has at least, and without a wish.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-getting-started.html>.
const MANAGED_MEMORY_MIB: u32 = 2048;

/// The defaults of a new function that follow from its mode.
pub fn mode_defaults(config: &mut FunctionConfig, patch: &ConfigPatch) {
    if patch.capacity_provider.is_some() {
        config.memory_mib = MANAGED_MEMORY_MIB;
        config.logging.format = LogFormat::Json;
    }
    if let Some(timeout_s) = patch.durable.as_ref().and_then(|durable| durable.execution_timeout_s) {
        config.timeout_s = timeout_s.min(MAX_TIMEOUT_S);
        config.logging.format = LogFormat::Json;
    }
}

/// A new function is durable with a limit or not at all.
pub fn check_new_modes(patch: &ConfigPatch) -> Result<(), ApiError> {
    match &patch.durable {
        Some(DurablePatch { execution_timeout_s: None, .. }) => Err(ApiError::invalid_parameter(
            "You cannot create a function with a durable configuration without an executionTimeout",
        )),
        _ => Ok(()),
    }
}

/// A function keeps the mode it was created in.
pub fn check_update(config: &FunctionConfig, patch: &ConfigPatch) -> Result<(), ApiError> {
    if patch.durable.is_some() && config.durable.is_none() {
        return Err(ApiError::invalid_parameter(
            "You cannot add a durable configuration to a function that was originally created with no durable \
             configuration",
        ));
    }

    if patch.capacity_provider.is_some() && config.capacity_provider.is_none() {
        return Err(ApiError::invalid_parameter(
            "CapacityProviderConfig isn't supported for Lambda Default functions.",
        ));
    }

    Ok(())
}

/// Checks what a configuration may have in its modes.
pub fn check(config: &FunctionConfig) -> Result<(), ApiError> {
    check_limits(config)?;
    if config.capacity_provider.is_some() {
        check_managed(config)?;
    }
    // Source: <https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation.html>, "Considerations"; the text
    // is a guess.
    if config.tenant_isolation.is_some() && config.has_snapshots() {
        return Err(ApiError::invalid_parameter("SnapStart is not supported for functions with tenant isolation."));
    }
    let has_s3_settings = |file_system: &crate::model::functions::FileSystem| {
        file_system.direct_s3_read.is_some() && !file_system.arn.contains(":s3files:")
    };

    if config.file_systems.iter().any(has_s3_settings) {
        return Err(ApiError::invalid_parameter(
            "S3FilesConfig is valid only when the file system access point is an Amazon S3 Files access point.",
        ));
    }

    Ok(())
}

/// The model's limits are those of managed instances and accelerators; others keep the old ones, which AWS
/// reports in the same words.
fn check_limits(config: &FunctionConfig) -> Result<(), ApiError> {
    let managed = config.capacity_provider.is_some();
    let limits = [
        ("timeout", config.timeout_s, MAX_TIMEOUT_S, managed),
        ("memorySize", config.memory_mib, MAX_MEMORY_MIB, managed),
        (
            "ephemeralStorage.size",
            config.ephemeral_storage_mib,
            MAX_STORAGE_MIB,
            config.accelerator_memory_gb.is_some(),
        ),
    ];
    match limits.into_iter().find(|(_, value, limit, exempt)| value > limit && !exempt) {
        None => Ok(()),
        Some((member, value, limit, _)) => Err(ApiError::new(
            ErrorCode::Validation,
            format!(
                "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: \
                 Member must have value less than or equal to {limit}"
            ),
        )),
    }
}

/// Texts as AWS gave them to users of the first months, except where said.
fn check_managed(config: &FunctionConfig) -> Result<(), ApiError> {
    if config.memory_mib < MANAGED_MEMORY_MIB {
        return Err(ApiError::new(
            ErrorCode::Validation,
            format!(
                "Lambda Managed Instance functions must have memory size greater than or equal to {MANAGED_MEMORY_MIB}"
            ),
        ));
    }

    if config.vpc.as_ref().is_some_and(|vpc| !vpc.subnets.is_empty()) {
        return Err(ApiError::invalid_parameter(
            "You can't use Lambda Managed Instance functions with VPC configurations.",
        ));
    }

    if config.logging.format == LogFormat::Text {
        return Err(ApiError::invalid_parameter(
            "LogLevel is not supported when LogFormat is set to \"Text\". Remove LogLevel from your request or change \
             the LogFormat to \"JSON\" and try again.",
        ));
    }

    // Both rules: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances.html>; the texts are
    // guesses.
    if config.has_snapshots() {
        return Err(ApiError::invalid_parameter("SnapStart is not supported for Lambda Managed Instance functions."));
    }
    if !config.runtime.is_empty() && !runs_managed(&config.runtime) {
        return Err(ApiError::invalid_parameter(format!(
            "Runtime {} is not supported for Lambda Managed Instance functions.",
            config.runtime
        )));
    }

    Ok(())
}

/// Whether managed instances have a runtime: Node.js from 22, Python from 3.13, Java from 21, .NET from 8, and
/// the OS-only one.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances.html>, "Supported runtimes".
fn runs_managed(runtime: &str) -> bool {
    let Some(runtime) = runtimes::find(runtime) else { return false };
    let first = match runtime.family {
        Family::NodeJs => (22, 0),
        Family::Python => (3, 13),
        Family::Java => (21, 0),
        Family::Dotnet => (8, 0),
        Family::Provided => return runtime.name == "provided.al2023",
        Family::Ruby | Family::Go | Family::Other => return false,
    };

    runtime.language_number().is_some_and(|number| number >= first)
}

/// The provider of a configuration must be there, take functions, and not be full. Its new user adds
/// `versions` to it.
pub fn check_provider(state: &State, scope: &Scope, config: &FunctionConfig, versions: usize) -> Result<(), ApiError> {
    let Some(attachment) = &config.capacity_provider else { return Ok(()) };
    let key = CapacityProviderKey::own(scope, &attachment.arn)?;
    let Some(provider) = state.capacity_provider(&key) else { return Err(capacity_providers::not_found(&key)) };
    if provider.state != ProviderState::Active {
        return Err(capacity_providers::busy(&key, provider.state));
    }
    if state.versions_on_provider(&key, None).take(capacity_providers::MAX_VERSIONS).count() + versions
        > capacity_providers::MAX_VERSIONS
    {
        return Err(ApiError::new(
            ErrorCode::FunctionVersionsPerCapacityProviderLimitExceeded,
            format!(
                "The maximum number of function versions ({}) of the capacity provider has been exceeded.",
                capacity_providers::MAX_VERSIONS
            ),
        ));
    }

    Ok(())
}
