//! The groups and streams that calls name, and the check of their names.

use serde_json::{Map, Value};

use super::invalid;
use crate::model::arn::Arn;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::logs::{LogGroupKey, LogStreamKey};
use crate::protocol::call::Call;
use crate::protocol::shape::{self, Member};

/// Characters of a group's or stream's name at most.
const NAME: usize = 512;

/// The group of `logGroupName`.
pub fn group(call: &Call) -> LogGroupKey {
    LogGroupKey { scope: call.scope.clone(), name: call.text("logGroupName").unwrap_or_default().into() }
}

/// The stream of `logGroupName` and `logStreamName`.
pub fn stream(call: &Call) -> LogStreamKey {
    stream_of(call, group(call))
}

/// The stream of `logStreamName` in a group.
pub fn stream_of(call: &Call, group: LogGroupKey) -> LogStreamKey {
    LogStreamKey { group, name: call.text("logStreamName").unwrap_or_default().into() }
}

/// The group of either `logGroupName` or `logGroupIdentifier`.
pub fn identified_group(call: &Call) -> Result<LogGroupKey, ApiError> {
    match (call.text("logGroupName"), call.text("logGroupIdentifier")) {
        (Some(_), Some(_)) => {
            // Recorded in `test_describe_log_streams_with_log_group_identifier`.
            let message = "LogGroup name and LogGroup ARN are mutually exclusive parameters.";
            Err(ApiError::new(ErrorCode::Validation, message))
        }
        (Some(_), None) => Ok(group(call)),
        (None, Some(identifier)) => Ok(group_of(call, identifier)),
        // The text is a guess.
        (None, None) => {
            Err(ApiError::new(ErrorCode::Validation, "Either LogGroup name or LogGroup ARN must be specified."))
        }
    }
}

/// The group of a name or an ARN.
pub fn group_of(call: &Call, identifier: &str) -> LogGroupKey {
    group_of_arn(identifier).unwrap_or_else(|| LogGroupKey { scope: call.scope.clone(), name: identifier.into() })
}

/// The group of an ARN, with or without the `:*` of its streams.
pub fn group_of_arn(arn: &str) -> Option<LogGroupKey> {
    let arn = Arn::parse(arn).filter(|arn| arn.service == "logs")?;
    let name = arn.named("log-group")?;
    Some(LogGroupKey { scope: arn.scope(), name: name.strip_suffix(":*").unwrap_or(name).into() })
}

/// Checks a request. What breaks the model has another code here than in Lambda's API (recorded in
/// `test_get_log_events_limit_validation`).
pub fn check(members: &[Member], input: &Map<String, Value>) -> Result<(), ApiError> {
    check_names(members, input)?;
    shape::check(members, input).map_err(|error| match error.code {
        ErrorCode::Validation => invalid(error.message.unwrap_or_default()),
        _ => error,
    })
}

/// Names that are too long have a text of their own (recorded in `test_create_log_group_invalid_name_length`).
fn check_names(members: &[Member], input: &Map<String, Value>) -> Result<(), ApiError> {
    let is_name = |member: &&Member| matches!(member.name, "logGroupName" | "logStreamName");
    let long = members
        .iter()
        .filter(is_name)
        .filter_map(|member| input.get(member.name)?.as_str())
        .any(|name| name.chars().count() > NAME);
    if long {
        return Err(invalid("Invalid LogGroup or LogStream, both must have length less than or equal to 512."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_by_its_arn() {
        let key = group_of_arn("arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/f:*").expect("an ARN");
        assert_eq!((key.name.as_str(), key.scope.region.as_str()), ("/aws/lambda/f", "eu-west-1"));
        assert_eq!(key.arn(), "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/f");
        assert_eq!(group_of_arn("/aws/lambda/f"), None);
        assert_eq!(group_of_arn("arn:aws:logs:eu-west-1:123456789012:destination:d"), None);
    }
}
