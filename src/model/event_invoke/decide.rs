//! Decisions about event-invoke configurations. Texts and their order as recorded in
//! `test_lambda_eventinvokeconfig_exceptions`.

use super::command::{EventInvokeCommand, SetEventInvoke};
use super::event::EventInvokeEvent;
use super::{Destinations, EventInvoke};
use crate::model::arn::{self, Arn};
use crate::model::command::Stamp;
use crate::model::decide::Decision;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::functions::Function;
use crate::model::limits::Limits;
use crate::model::names::{FunctionKey, Scope};
use crate::model::qualifier::Qualifier;
use crate::model::state::State;
use crate::model::time::Timestamp;

/// Decides a command on the current state.
pub fn decide(
    state: &State,
    command: &EventInvokeCommand,
    stamp: &Stamp,
    _limits: &Limits,
) -> Result<Decision, ApiError> {
    match command {
        EventInvokeCommand::PutEventInvoke(set) => put(state, set, stamp),
        EventInvokeCommand::UpdateEventInvoke(set) => update(state, set, stamp),
        EventInvokeCommand::DeleteEventInvoke { key, qualifier } => delete(state, key, qualifier),
    }
}

/// `PutFunctionEventInvokeConfig`: nothing stays of what was there.
fn put(state: &State, set: &SetEventInvoke, stamp: &Stamp) -> Result<Decision, ApiError> {
    target(state, set)?;
    check_destinations(state, set)?;
    let nothing = EventInvoke {
        retry_attempts: None,
        event_age_s: None,
        destinations: Destinations::default(),
        modified: stamp.time,
    };
    Ok(changed(set, nothing, stamp.time))
}

/// `UpdateFunctionEventInvokeConfig`: members that are not given stay. The destinations are one member:
/// giving one of them resets the other, as in other local Lambdas; not recorded on AWS.
fn update(state: &State, set: &SetEventInvoke, stamp: &Stamp) -> Result<Decision, ApiError> {
    let function = target(state, set)?;
    let before = function.event_invoke.get(&set.qualifier).ok_or_else(|| not_found(&set.key, &set.qualifier))?;
    check_destinations(state, set)?;
    Ok(changed(set, (**before).clone(), stamp.time))
}

fn changed(set: &SetEventInvoke, before: EventInvoke, modified: Timestamp) -> Decision {
    let config = EventInvoke {
        retry_attempts: set.retry_attempts.or(before.retry_attempts),
        event_age_s: set.event_age_s.or(before.event_age_s),
        destinations: set.destinations.clone().unwrap_or(before.destinations),
        modified,
    };
    let key = set.key.clone();
    let qualifier = set.qualifier.clone();
    EventInvokeEvent::EventInvokePut { key, qualifier, config: Box::new(config) }.into()
}

/// `DeleteFunctionEventInvokeConfig`.
fn delete(state: &State, key: &FunctionKey, qualifier: &Qualifier) -> Result<Decision, ApiError> {
    let there = state.function(key).is_some_and(|function| function.event_invoke.contains_key(qualifier));
    if !there {
        return Err(not_found(key, qualifier));
    }
    Ok(EventInvokeEvent::EventInvokeDeleted { key: key.clone(), qualifier: qualifier.clone() }.into())
}

/// The function, if it has the version or alias and if anything is asked for; the latter is looked at
/// first.
fn target<'a>(state: &'a State, set: &SetEventInvoke) -> Result<&'a Function, ApiError> {
    if set.retry_attempts.is_none() && set.event_age_s.is_none() && set.destinations.is_none() {
        return Err(ApiError::invalid_parameter(
            "You must specify at least one of error handling or destination setting.",
        ));
    }
    let function = state.function(&set.key).filter(|function| function.resolve(Some(&set.qualifier)).is_some());
    function.map(|function| &**function).ok_or_else(function_not_found)
}

/// The error for a configuration that is not there, or whose function is not.
pub fn not_found(key: &FunctionKey, qualifier: &Qualifier) -> ApiError {
    let arn = arn::qualified(key, qualifier);
    ApiError::new(ErrorCode::ResourceNotFound, format!("The function {arn} doesn't have an EventInvokeConfig"))
}

/// The error for a function that is not there.
pub fn function_not_found() -> ApiError {
    ApiError::new(ErrorCode::ResourceNotFound, "The function doesn't exist.")
}

/// What a destination's ARN names.
enum Destination<'a> {
    Function(FunctionArn<'a>),
    /// A queue or topic that is there or not: other services are not asked.
    Plain,
    Bucket,
    /// Of a service that takes records, but nothing that could be there.
    Impossible,
    /// Of another service.
    Foreign,
}

/// The pieces of a function's ARN.
struct FunctionArn<'a> {
    region: &'a str,
    account: &'a str,
    name: &'a str,
    qualifier: Option<&'a str>,
}

impl<'a> Destination<'a> {
    /// Reads an ARN that has passed the pattern of the model.
    ///
    /// Source of what is possible: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>:
    /// standard queues and topics, event buses, functions, and buckets. AWS refuses buses of partners
    /// (serverless/serverless#7507).
    fn parse(arn: &'a str) -> Self {
        let Some(Arn { service, region, account, resource, .. }) = Arn::parse(arn) else { return Self::Foreign };
        let somewhere = !region.is_empty() && !account.is_empty();
        match service {
            "lambda" => match resource.strip_prefix("function:").filter(|_| somewhere) {
                Some(resource) => Self::Function(FunctionArn::new(region, account, resource)),
                None => Self::Impossible,
            },
            "sqs" | "sns" if somewhere && is_standard(resource) => Self::Plain,
            "events" if somewhere && is_own_bus(resource) => Self::Plain,
            "s3" if !resource.is_empty() => Self::Bucket,
            "sqs" | "sns" | "events" | "s3" => Self::Impossible,
            _ => Self::Foreign,
        }
    }
}

/// Whether a queue or topic is none that keeps the order.
fn is_standard(name: &str) -> bool {
    !name.is_empty() && name.rsplit_once('.').is_none_or(|(_, kind)| kind != "fifo")
}

fn is_own_bus(resource: &str) -> bool {
    resource.strip_prefix("event-bus/").is_some_and(|name| !name.is_empty() && !name.starts_with("aws.partner/"))
}

impl<'a> FunctionArn<'a> {
    fn new(region: &'a str, account: &'a str, resource: &'a str) -> Self {
        let (name, qualifier) = match resource.split_once(':') {
            Some((name, qualifier)) => (name, Some(qualifier)),
            None => (resource, None),
        };
        Self { region, account, name, qualifier }
    }

    fn key(&self) -> FunctionKey {
        FunctionKey {
            scope: Scope { account: self.account.into(), region: self.region.into() },
            name: self.name.into(),
        }
    }
}

fn check_destinations(state: &State, set: &SetEventInvoke) -> Result<(), ApiError> {
    let Some(destinations) = &set.destinations else { return Ok(()) };
    let success = destinations.on_success.as_deref();
    let failure = destinations.on_failure.as_deref();
    // Buckets only for failures. What AWS says of one for successes is not recorded; its text for a
    // destination that cannot be is the likely one.
    let cannot_be = |arn: &str, bucket_too: bool| match Destination::parse(arn) {
        Destination::Foreign => true,
        Destination::Bucket => bucket_too,
        _ => false,
    };

    if success.is_some_and(|arn| cannot_be(arn, true)) || failure.is_some_and(|arn| cannot_be(arn, false)) {
        return Err(ApiError::invalid_parameter(format!(
            "The provided destination config DestinationConfig(onSuccess={}, onFailure={}) is invalid.",
            java("OnSuccess", success),
            java("OnFailure", failure)
        )));
    }

    [failure, success].into_iter().flatten().try_for_each(|arn| check_arn(state, &set.key, arn))
}

fn check_arn(state: &State, own: &FunctionKey, arn: &str) -> Result<(), ApiError> {
    let invalid = || ApiError::invalid_parameter(format!("The destination ARN {arn} is invalid."));
    let function = match Destination::parse(arn) {
        Destination::Function(function) => function,
        Destination::Impossible => return Err(invalid()),
        Destination::Plain | Destination::Bucket | Destination::Foreign => return Ok(()),
    };
    let key = function.key();
    let qualifier = function.qualifier.map(Qualifier::parse);
    let found = state.function(&key).filter(|_| key.scope.region == own.scope.region).ok_or_else(invalid)?;
    if key == *own {
        return Err(ApiError::invalid_parameter("You can't specify the function as a destination for itself."));
    }

    found.resolve(qualifier.as_ref()).map(|_| ()).ok_or_else(invalid)
}

/// A structure with one member as AWS's (Java) service prints it.
fn java(name: &str, destination: Option<&str>) -> String {
    destination.map_or_else(|| "null".to_owned(), |arn| format!("{name}(destination={arn})"))
}
