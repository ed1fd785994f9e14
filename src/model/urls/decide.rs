//! Decisions about function URLs. Texts and their order as recorded in `test_url_config_exceptions` and
//! `test_url_config_lifecycle`.

use super::command::{CreateUrl, UpdateUrl, UrlCommand};
use super::event::UrlEvent;
use super::{Cors, FunctionUrl};
use crate::model::arn;
use crate::model::command::Stamp;
use crate::model::decide::Decision;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::functions::Function;
use crate::model::limits::Limits;
use crate::model::names::{AliasName, FunctionKey, UrlId};
use crate::model::state::State;

/// Decides a command on the current state.
pub fn decide(state: &State, command: &UrlCommand, stamp: &Stamp, _limits: &Limits) -> Result<Decision, ApiError> {
    match command {
        UrlCommand::CreateUrl(url) => create(state, url, stamp),
        UrlCommand::UpdateUrl(update) => self::update(state, update, stamp),
        UrlCommand::DeleteUrl { key, alias } => delete(state, key, alias.as_ref()),
    }
}

/// `CreateFunctionUrlConfig`.
fn create(state: &State, create: &CreateUrl, stamp: &Stamp) -> Result<Decision, ApiError> {
    let function = target(state, &create.key, create.alias.as_ref())?;
    if function.urls.contains_key(&create.alias) {
        let arn = arn(&create.key, create.alias.as_ref());
        // The two spaces are AWS's.
        return Err(ApiError::conflict(format!(
            "Failed to create function url config for [functionArn = {arn}]. Error message:  FunctionUrlConfig exists \
             for this Lambda function"
        )));
    }

    let url = FunctionUrl {
        id: id_of(state, function, create.alias.as_ref(), stamp),
        auth_type: create.auth_type.clone(),
        cors: create.cors.clone().filter(says_something),
        invoke_mode: create.invoke_mode.clone(),
        created: stamp.time,
        modified: stamp.time,
    };
    Ok(put(&create.key, create.alias.as_ref(), url))
}

/// `UpdateFunctionUrlConfig`.
fn update(state: &State, update: &UpdateUrl, stamp: &Stamp) -> Result<Decision, ApiError> {
    let function = target(state, &update.key, update.alias.as_ref())?;
    let before = function.urls.get(&update.alias).ok_or_else(ApiError::no_such_resource)?;
    let url = FunctionUrl {
        id: before.id.clone(),
        auth_type: update.auth_type.clone().unwrap_or_else(|| before.auth_type.clone()),
        cors: update.cors.clone().or_else(|| before.cors.clone()).filter(says_something),
        invoke_mode: update.invoke_mode.clone().or_else(|| before.invoke_mode.clone()),
        created: before.created,
        modified: stamp.time,
    };
    Ok(put(&update.key, update.alias.as_ref(), url))
}

/// `DeleteFunctionUrlConfig`.
fn delete(state: &State, key: &FunctionKey, alias: Option<&AliasName>) -> Result<Decision, ApiError> {
    let alias = alias.cloned();
    let there = state.function(key).is_some_and(|function| function.urls.contains_key(&alias));
    if !there {
        return Err(ApiError::no_such_resource());
    }
    Ok(UrlEvent::UrlDeleted { key: key.clone(), alias }.into())
}

fn put(key: &FunctionKey, alias: Option<&AliasName>, url: FunctionUrl) -> Decision {
    UrlEvent::UrlPut { key: key.clone(), alias: alias.cloned(), url: Box::new(url) }.into()
}

/// The function, if it has the alias. AWS says the same of a missing alias as of a missing function.
fn target<'a>(state: &'a State, key: &FunctionKey, alias: Option<&AliasName>) -> Result<&'a Function, ApiError> {
    let function = state.function(key).filter(|function| alias.is_none_or(|name| function.aliases.contains_key(name)));
    function.map(|function| &**function).ok_or_else(function_not_found)
}

/// The ARN of what a URL belongs to.
pub fn arn(key: &FunctionKey, alias: Option<&AliasName>) -> String {
    alias.map_or_else(|| arn::function(key), |name| arn::qualified(key, name))
}

/// The error for a function that is not there.
pub fn function_not_found() -> ApiError {
    ApiError::new(ErrorCode::ResourceNotFound, "Function does not exist")
}

/// Whether a caller gave any member. Terraform's provider takes CORS away by sending it empty and expects to
/// see none then; what AWS shows is not recorded.
fn says_something(cors: &Cors) -> bool {
    *cors != Cors::default()
}

/// The tag by which a user chooses the id, as the field's tools have it.
const CUSTOM_ID: &str = "_custom_id_";

/// The id that the function's tag asks for, with an alias's name behind it, where it can be a label of a host and nobody
/// has it; else a new one.
fn id_of(state: &State, function: &Function, alias: Option<&AliasName>, stamp: &Stamp) -> UrlId {
    let asked = function.tags.get(CUSTOM_ID).map(|id| match alias {
        Some(alias) => format!("{id}-{alias}"),
        None => id.clone(),
    });
    let asked = asked.filter(|id| is_label(id)).map(|id| UrlId::from(id.to_ascii_lowercase()));
    asked.filter(|id| !state.urls.contains_key(id)).unwrap_or_else(|| url_id(stamp))
}

/// Whether a text can be a label of a host.
fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let (first, last) = (text.bytes().next(), text.bytes().last());
    first.is_some_and(|byte| byte.is_ascii_alphabetic())
        && last.is_some_and(|byte| byte.is_ascii_alphanumeric())
        && text.len() <= 63
        && text.bytes().all(inner)
}

/// An id as AWS makes them: 32 small letters and digits.
fn url_id(stamp: &Stamp) -> UrlId {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    const HALF: usize = 16;
    let mut id = String::with_capacity(2 * HALF);
    // Half of the digits need 83 bits: each half comes from an id of its own.
    for half in 0..2 {
        let mut random = stamp.revision(half).0.as_u128();
        for _ in 0..HALF {
            id.push(char::from(DIGITS[(random % 36) as usize]));
            random /= 36;
        }
    }

    id.into()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::time::Timestamp;

    #[test]
    fn ids_are_small_letters_and_digits_and_follow_from_the_stamp() {
        let id = |seed| url_id(&Stamp { time: Timestamp(0), seed: Uuid::from_u128(seed) });
        let first = id(1);
        assert_eq!(first.as_str().len(), 32);
        assert!(first.as_str().bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{first}");
        assert_eq!(first, id(1));
        assert_ne!(first, id(2));
    }
}
