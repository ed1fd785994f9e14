//! A request: who asks, and its members, checked against the shape of its operation.

use serde_json::{Map, Number, Value};

use super::invalid;
use super::operation::Operation;
use crate::api::shape::{self, Kind, Member};
use crate::model::error::{ApiError, ErrorCode};
use crate::model::event::Origin;
use crate::model::logs::{LogGroupKey, LogStreamKey};
use crate::model::names::Scope;

/// Characters of a group's or stream's name at most.
const NAME: usize = 512;

/// A checked request.
#[derive(Debug)]
pub struct Request {
    /// The caller's account and region.
    pub scope: Scope,
    /// Who asks, for history.
    pub origin: Origin,
    /// Its members.
    input: Map<String, Value>,
}

impl Request {
    /// Checks the members of a request.
    pub fn bind(
        operation: &Operation,
        scope: Scope,
        origin: Origin,
        mut input: Map<String, Value>,
    ) -> Result<Self, ApiError> {
        for member in operation.members {
            if let (Kind::Integer(..), Some(value)) = (&member.kind, input.get_mut(member.name)) {
                whole(value);
            }
        }
        check_names(operation.members, &input)?;
        // What breaks the model has another code here than in Lambda's API (recorded in
        // `test_get_log_events_limit_validation`).
        shape::check(operation.members, &input).map_err(|error| match error.code {
            ErrorCode::Validation => invalid(error.message.unwrap_or_default()),
            _ => error,
        })?;
        Ok(Self { scope, origin, input })
    }

    /// A member that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.input.get(name).and_then(Value::as_str)
    }

    /// A member that is a whole number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.input.get(name).and_then(Value::as_u64)
    }

    /// A member as it was sent, for an error.
    pub fn shown(&self, name: &str) -> String {
        self.input.get(name).map(Value::to_string).unwrap_or_default()
    }

    /// A member that is true or false.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.input.get(name).and_then(Value::as_bool)
    }

    /// A member that is a list.
    pub fn list(&self, name: &str) -> Option<&[Value]> {
        self.input.get(name).and_then(Value::as_array).map(Vec::as_slice)
    }

    /// A member that is a list of texts.
    pub fn texts(&self, name: &str) -> Option<Vec<&str>> {
        self.list(name).map(|items| items.iter().filter_map(Value::as_str).collect())
    }

    /// A member that is a map of texts.
    pub fn map(&self, name: &str) -> Option<std::collections::BTreeMap<String, String>> {
        let entries = self.input.get(name)?.as_object()?;
        Some(entries.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect())
    }

    /// Takes a list out.
    pub fn take_list(&mut self, name: &str) -> Vec<Value> {
        match self.input.remove(name) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        }
    }

    /// The group of `logGroupName`.
    pub fn group(&self) -> LogGroupKey {
        LogGroupKey { scope: self.scope.clone(), name: self.text("logGroupName").unwrap_or_default().into() }
    }

    /// The stream of `logGroupName` and `logStreamName`.
    pub fn stream(&self) -> LogStreamKey {
        self.stream_of(self.group())
    }

    /// The stream of `logStreamName` in a group.
    pub fn stream_of(&self, group: LogGroupKey) -> LogStreamKey {
        LogStreamKey { group, name: self.text("logStreamName").unwrap_or_default().into() }
    }

    /// The group of either `logGroupName` or `logGroupIdentifier`.
    pub fn identified_group(&self) -> Result<LogGroupKey, ApiError> {
        match (self.text("logGroupName"), self.text("logGroupIdentifier")) {
            (Some(_), Some(_)) => {
                // Recorded in `test_describe_log_streams_with_log_group_identifier`.
                let message = "LogGroup name and LogGroup ARN are mutually exclusive parameters.";
                Err(ApiError::new(ErrorCode::Validation, message))
            }
            (Some(_), None) => Ok(self.group()),
            (None, Some(identifier)) => Ok(self.group_of(identifier)),
            // The text is a guess.
            (None, None) => {
                Err(ApiError::new(ErrorCode::Validation, "Either LogGroup name or LogGroup ARN must be specified."))
            }
        }
    }

    /// The group of a name or an ARN.
    pub fn group_of(&self, identifier: &str) -> LogGroupKey {
        group_of_arn(identifier).unwrap_or_else(|| LogGroupKey { scope: self.scope.clone(), name: identifier.into() })
    }
}

/// The group of an ARN, with or without the `:*` of its streams.
pub fn group_of_arn(arn: &str) -> Option<LogGroupKey> {
    let mut parts = arn.splitn(6, ':');
    let (_, _partition) = (parts.next().filter(|start| *start == "arn")?, parts.next()?);
    parts.next().filter(|service| *service == "logs")?;
    let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let name = resource.strip_prefix("log-group:")?;
    let name = name.strip_suffix(":*").unwrap_or(name);
    Some(LogGroupKey { scope: Scope { account: account.into(), region: region.into() }, name: name.into() })
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

/// A whole number that was sent as a float, which some encoders of CBOR do.
fn whole(value: &mut Value) {
    #[allow(clippy::cast_possible_truncation)]
    if let Some(number) = value.as_f64().filter(|number| value.is_f64() && number.fract() == 0.0 && number.abs() < 9e15)
    {
        *value = Value::Number(Number::from(number as i64));
    }
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
