//! Decisions about event source mappings. Settings are looked at before the function, and the function
//! before other mappings (recorded in `test_event_source_mapping_exceptions`).

use super::command::{CreateMapping, EventSourceCommand, UpdateMapping};
use super::event::EventSourceEvent;
use super::{
    EventSourceMapping, MappingId, MappingKey, MappingState, Settings, SourceKind, Target, check_origin, check_patch,
    check_settings, check_unchangeable,
};
use crate::model::command::Stamp;
use crate::model::decide::Decision;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::limits::Limits;
use crate::model::names::RevisionId;
use crate::model::qualifier::Qualifier;
use crate::model::state::State;

/// `LastProcessingResult` of what was never read; queues of SQS have no such member (recorded).
const NOTHING_READ: &str = "No records processed";

/// The id that a mapping's revision is; the mapping's own is the first, its consumer group the second.
const REVISION: u8 = 2;

/// Decides a command on the current state.
pub fn decide(
    state: &State,
    command: &EventSourceCommand,
    stamp: &Stamp,
    _limits: &Limits,
) -> Result<Decision, ApiError> {
    match command {
        EventSourceCommand::CreateMapping(create) => create_mapping(state, create, stamp),
        EventSourceCommand::UpdateMapping(update) => update_mapping(state, update, stamp),
        EventSourceCommand::DeleteMapping { key } => delete(state, key, stamp),
        EventSourceCommand::SettleMapping { key, revision } => Ok(settle(state, key, *revision, stamp)),
    }
}

fn create_mapping(state: &State, create: &CreateMapping, stamp: &Stamp) -> Result<Decision, ApiError> {
    let kind = create.source.kind();
    check_patch(kind, &create.settings)?;
    check_origin(&create.source, &create.origin, &create.settings, stamp.time)?;
    let mut settings = Settings::defaults(kind, create.origin.clone(), stamp);
    settings.apply(&create.settings, kind);
    check_settings(kind, &settings)?;
    check_target(state, &create.target)?;
    let key = MappingKey { scope: create.scope.clone(), id: MappingId::of(stamp) };
    let mapping = EventSourceMapping {
        key,
        source: create.source.clone(),
        target: create.target.clone(),
        settings,
        enabled: create.enabled,
        state: MappingState::Creating,
        last_result: (!kind.is_sqs()).then(|| NOTHING_READ.to_owned()),
        modified: stamp.time,
        revision: stamp.revision(REVISION),
        tags: create.tags.clone(),
    };
    check_unique(state, &mapping)?;

    Ok(put(mapping))
}

fn update_mapping(state: &State, update: &UpdateMapping, stamp: &Stamp) -> Result<Decision, ApiError> {
    let before = at_rest(state, &update.key, "update")?;
    let kind = before.source.kind();
    check_patch(kind, &update.settings)?;
    check_unchangeable(&before.settings, &update.settings)?;
    let mut mapping = before.clone();
    mapping.settings.apply(&update.settings, kind);
    check_settings(kind, &mapping.settings)?;

    if let Some(target) = &update.target {
        check_target(state, target)?;
        mapping.target = target.clone();
    }

    check_unique(state, &mapping)?;
    mapping.enabled = update.enabled.unwrap_or(before.enabled);
    mapping.state = match (before.enabled, mapping.enabled) {
        (false, true) => MappingState::Enabling,
        (true, false) => MappingState::Disabling,
        _ => MappingState::Updating,
    };

    mapping.modified = stamp.time;
    mapping.revision = stamp.revision(REVISION);
    Ok(put(mapping))
}

fn delete(state: &State, key: &MappingKey, stamp: &Stamp) -> Result<Decision, ApiError> {
    let mut mapping = at_rest(state, key, "delete")?.clone();
    mapping.state = MappingState::Deleting;
    mapping.modified = stamp.time;
    mapping.revision = stamp.revision(REVISION);
    Ok(put(mapping))
}

fn settle(state: &State, key: &MappingKey, revision: RevisionId, stamp: &Stamp) -> Decision {
    match state.event_source_mapping(key) {
        Some(mapping) if mapping.revision == revision && mapping.state == MappingState::Deleting => {
            EventSourceEvent::EventSourceMappingDeleted { key: key.clone() }.into()
        }
        Some(mapping) if mapping.revision == revision && mapping.state.is_transition() => {
            let key = key.clone();
            let revision = stamp.revision(REVISION);
            let modified = stamp.time;
            EventSourceEvent::EventSourceMappingSettled { key, revision, modified }.into()
        }
        _ => Decision::default(),
    }
}

fn put(mapping: EventSourceMapping) -> Decision {
    EventSourceEvent::EventSourceMappingPut { mapping: Box::new(mapping) }.into()
}

/// The error for a mapping that is not there (recorded in `test_event_source_mapping_exceptions`).
pub fn event_source_mapping_not_found() -> ApiError {
    ApiError::new(ErrorCode::ResourceNotFound, "The resource you requested does not exist.")
}

/// The mapping, if nothing is under way with it. AWS's text is the same for both verbs.
fn at_rest<'a>(state: &'a State, key: &MappingKey, verb: &str) -> Result<&'a EventSourceMapping, ApiError> {
    let mapping = state.event_source_mapping(key).ok_or_else(event_source_mapping_not_found)?;
    if mapping.state.is_transition() {
        let message = format!("Cannot {verb} the event source mapping because it is in use.");
        return Err(ApiError::new(ErrorCode::ResourceInUse, message));
    }
    Ok(mapping)
}

/// A version or alias that is not there is told like a function that is not: a guess, only the latter is
/// recorded (`test_event_source_mapping_exceptions`).
fn check_target(state: &State, target: &Target) -> Result<(), ApiError> {
    let exists = state.function(&target.function).is_some_and(|function| match &target.qualifier {
        None => true,
        Some(Qualifier::Version(version)) => function.version(*version).is_some(),
        Some(Qualifier::Alias(name)) => function.aliases.contains_key(name),
    });
    if exists { Ok(()) } else { Err(ApiError::invalid_parameter("Function does not exist")) }
}

/// A mapping that is being deleted still counts, as on AWS.
fn check_unique(state: &State, mapping: &EventSourceMapping) -> Result<(), ApiError> {
    let others =
        mapping.sources().iter().flat_map(|source| state.mappings_joining(&mapping.key.scope, source, &mapping.target));
    match others.into_iter().find(|other| other.key != mapping.key && other.overlaps(mapping)) {
        Some(other) => Err(ApiError::conflict(already_exists(mapping, other))),
        None => Ok(()),
    }
}

/// Three texts: for SQS and streams AWS's own, which its users report (DataBiosphere/azul#3399,
/// aws/serverless-application-model#1320); for Kafka as `LocalStack`'s provider has it. (AWS's of 2020 was
/// another: aws/aws-sam-cli#2308.)
fn already_exists(mapping: &EventSourceMapping, other: &EventSourceMapping) -> String {
    let source = mapping.sources().join(",");
    let function = &mapping.target.function.name;
    let id = other.key.id;
    let advice = format!("already exists. Please update or delete the existing mapping with UUID {id}");

    match mapping.source.kind() {
        SourceKind::Sqs | SourceKind::SqsFifo => {
            format!("An event source mapping with SQS arn (\" {source} \") and function (\" {function} \") {advice}")
        }
        SourceKind::Msk | SourceKind::SelfManagedKafka => format!(
            "An event source mapping with event source (\"{source}\"), function (\"{}\"), topics (\"{}\") {advice}",
            mapping.target.arn(),
            mapping.settings.origin.topics.join(","),
        ),
        _ => format!("The event source arn (\" {source} \") and function (\" {function} \") provided mapping {advice}"),
    }
}
