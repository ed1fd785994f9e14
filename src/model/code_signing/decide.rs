//! Decisions about code-signing configurations and what they are attached to. Texts as recorded in
//! `test_code_signing_not_found_excs`, where no other source is named.

use super::command::{CodeSigningCommand, Settings};
use super::event::CodeSigningEvent;
use super::{CodeSigningConfig, CodeSigningKey, code_signing_config_not_found};
use crate::model::command::Stamp;
use crate::model::decide::Decision;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::functions::Code;
use crate::model::functions::decide::existing_function;
use crate::model::limits::Limits;
use crate::model::names::{FunctionName, Scope};
use crate::model::state::State;
use crate::model::tags;
use crate::model::tags::Tags;

/// Decides a command on the current state.
pub fn decide(
    state: &State,
    command: &CodeSigningCommand,
    stamp: &Stamp,
    _limits: &Limits,
) -> Result<Decision, ApiError> {
    match command {
        CodeSigningCommand::Create { key, settings, tags } => create(key, settings, tags, stamp),
        CodeSigningCommand::Update { key, settings } => update(state, key, settings, stamp),
        CodeSigningCommand::Delete { key } => delete(state, key),
        CodeSigningCommand::Attach { function, config } => {
            let config = attachable(state, config, &function.scope)?;
            check_signable(&existing_function(state, function)?.latest.code)?;
            Ok(CodeSigningEvent::FunctionCodeSigningConfigPut { function: function.clone(), config }.into())
        }
        CodeSigningCommand::Detach { function } => {
            let found = existing_function(state, function)?;
            check_signable(&found.latest.code)?;
            if found.code_signing_config.is_none() {
                return Ok(Decision::default());
            }
            Ok(CodeSigningEvent::FunctionCodeSigningConfigDeleted { function: function.clone() }.into())
        }
    }
}

fn create(key: &CodeSigningKey, settings: &Settings, tags: &Tags, stamp: &Stamp) -> Result<Decision, ApiError> {
    tags::check(tags.keys(), tags.len())?;
    let config = CodeSigningConfig {
        description: settings.description.clone(),
        publishers: settings.publishers.clone().unwrap_or_default(),
        enforce: settings.enforce.unwrap_or(false),
        modified: stamp.time,
        tags: tags.clone(),
    };
    Ok(CodeSigningEvent::CodeSigningConfigPut { key: key.clone(), config }.into())
}

fn update(state: &State, key: &CodeSigningKey, settings: &Settings, stamp: &Stamp) -> Result<Decision, ApiError> {
    let before = state.code_signing_configs.get(key).ok_or_else(|| code_signing_config_not_found(&key.arn()))?;
    let config = CodeSigningConfig {
        description: settings.description.clone().or_else(|| before.description.clone()),
        publishers: settings.publishers.clone().unwrap_or_else(|| before.publishers.clone()),
        enforce: settings.enforce.unwrap_or(before.enforce),
        modified: stamp.time,
        tags: before.tags.clone(),
    };
    Ok(CodeSigningEvent::CodeSigningConfigPut { key: key.clone(), config }.into())
}

fn delete(state: &State, key: &CodeSigningKey) -> Result<Decision, ApiError> {
    if !state.code_signing_configs.contains_key(key) {
        return Err(code_signing_config_not_found(&key.arn()));
    }
    if state.functions_signed_by(key, None).next().is_some() {
        // The rule is documented, AWS's sentence is not:
        // <https://docs.aws.amazon.com/lambda/latest/api/API_DeleteCodeSigningConfig.html>.
        return Err(ApiError::conflict(format!(
            "Cannot delete the code signing configuration {} because it is used by one or more functions.",
            key.arn()
        )));
    }

    Ok(CodeSigningEvent::CodeSigningConfigDeleted { key: key.clone() }.into())
}

/// The configuration that a function in `scope` is to have.
///
/// # Errors
/// It is not there.
pub fn attachable(state: &State, arn: &str, scope: &Scope) -> Result<CodeSigningKey, ApiError> {
    let found = CodeSigningKey::parse(arn).filter(|key| key.scope == *scope);
    found.filter(|key| state.code_signing_configs.contains_key(key)).ok_or_else(|| {
        ApiError::new(
            ErrorCode::CodeSigningConfigNotFound,
            format!(
                "The code signing configuration cannot be found. Check that the provided configuration is not \
                 deleted: {arn}."
            ),
        )
    })
}

/// Refuses code signing for an image.
///
/// Source: <https://github.com/aws-controllers-k8s/community/issues/1225>.
pub fn check_signable(code: &Code) -> Result<(), ApiError> {
    if code.content.image().is_some() {
        return Err(ApiError::invalid_parameter(
            "Code signing is not supported for functions created with container images.",
        ));
    }
    Ok(())
}

/// Refuses code without a signature where the configuration says so. Who signed is not looked at: it
/// takes AWS Signer to know.
///
/// Source of the text: <https://github.com/aws/aws-cdk/issues/29474>.
pub fn check_deployment(
    state: &State,
    config: Option<&CodeSigningKey>,
    signed: bool,
    function: &FunctionName,
) -> Result<(), ApiError> {
    let enforced = config.and_then(|key| state.code_signing_configs.get(key)).is_some_and(|config| config.enforce);
    if enforced && !signed {
        return Err(ApiError::new(
            ErrorCode::CodeVerificationFailed,
            format!(
                "Lambda cannot deploy the function. The function or layer might be signed using a signature that the \
                 client is not configured to accept. Check the provided signature for {function}."
            ),
        ));
    }

    Ok(())
}
