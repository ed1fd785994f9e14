//! Event source mappings.

mod request;
mod response;
mod structures;

use axum::http::StatusCode;
use request::{CreateRequest, UpdateRequest};
use response::{MappingConfiguration, MappingList};

use super::neighbours;
use crate::model::error::ApiError;
use crate::model::event_sources::command::{CreateMapping, EventSourceCommand, UpdateMapping};
use crate::model::event_sources::decide::event_source_mapping_not_found;
use crate::model::event_sources::index::MappingIndex;
use crate::model::event_sources::{EventSourceMapping, MappingId, MappingKey, Target};
use crate::model::reference::FunctionReference;
use crate::model::state::State;
use crate::model::tags;
use crate::protocol::answer::{Answer, json};
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::page::Page;
use crate::services::Services;
use crate::services::lambda::paging::up_to;
use crate::services::lambda::shapes::requests;

/// Mappings of a page at most.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html>, `MaxItems`.
const MAX_ITEMS: usize = 100;

/// The operations of this file.
pub static OPERATIONS: &[Operation<Services>] = &[
    operation!(requests::CREATE_EVENT_SOURCE_MAPPING => create),
    operation!(requests::DELETE_EVENT_SOURCE_MAPPING => delete),
    operation!(requests::GET_EVENT_SOURCE_MAPPING => get),
    operation!(requests::LIST_EVENT_SOURCE_MAPPINGS => list),
    operation!(requests::UPDATE_EVENT_SOURCE_MAPPING => update),
];

/// `CreateEventSourceMapping`.
pub async fn create(services: &Services, mut call: Call) -> Answer {
    let target = target(&call)?;
    let request: CreateRequest = call.parse()?;
    let source = request.source()?;
    tags::check(request.tags.keys(), request.tags.len())?;
    let create = CreateMapping {
        scope: call.scope.clone(),
        source,
        target,
        origin: request.origin()?,
        settings: request.settings.into(),
        enabled: request.enabled.unwrap_or(true),
        tags: request.tags,
    };
    let source = create.source.clone();
    let command = EventSourceCommand::CreateMapping(Box::new(create)).into();

    // On AWS the source is looked for after all that can be told without it.
    services.ledger.preview(&command)?;
    neighbours::find_source(services, &call, &source).await?;
    let committed = services.commit(command, call.origin(), None).await?;
    let key = MappingKey { scope: call.scope.clone(), id: MappingId::of(&committed.stamp) };

    shown(services, StatusCode::ACCEPTED, found(&committed.state, &key)?)
}

/// `UpdateEventSourceMapping`.
pub async fn update(services: &Services, mut call: Call) -> Answer {
    let key = key(&call)?;
    let target = call.text("FunctionName").is_some().then(|| target(&call)).transpose()?;
    let request: UpdateRequest = call.parse()?;
    let update =
        UpdateMapping { key: key.clone(), target, settings: request.settings.into(), enabled: request.enabled };
    change(services, &call, EventSourceCommand::UpdateMapping(Box::new(update)), &key).await
}

/// `DeleteEventSourceMapping`. The mapping is `Deleting` for a moment and can still be read.
pub async fn delete(services: &Services, call: Call) -> Answer {
    let key = key(&call)?;
    change(services, &call, EventSourceCommand::DeleteMapping { key: key.clone() }, &key).await
}

async fn change(services: &Services, call: &Call, command: EventSourceCommand, key: &MappingKey) -> Answer {
    let committed = services.commit(command, call.origin(), None).await?;
    shown(services, StatusCode::ACCEPTED, found(&committed.state, key)?)
}

/// `GetEventSourceMapping`.
pub async fn get(services: &Services, call: Call) -> Answer {
    let key = key(&call)?;
    let state = services.ledger.state();
    shown(services, StatusCode::OK, found(&state, &key)?)
}

/// `ListEventSourceMappings`. A function that is not there has no mappings, and that is no error
/// (`test_event_source_mapping_exceptions`); one named with a version or an alias has those of exactly this
/// version or alias.
pub async fn list(services: &Services, call: Call) -> Answer {
    let page = Page::of(&call, &up_to(MAX_ITEMS))?;
    let function = call.text("FunctionName").is_some().then(|| target(&call)).transpose()?;
    let function = function.map(|target| target.arn());
    let state = services.ledger.state();
    let index = MappingIndex::of(&call.scope, call.text("EventSourceArn"), function.as_deref());
    let after = page.after_key(MappingId::parse)?;
    let key = |mapping: &&EventSourceMapping| mapping.key.id.to_string();
    let (mappings, next_marker) = match index {
        Some(index) => page.take(state.mappings_indexed(&call.scope, &index, after), key),
        None => page.take(state.mappings_after(&call.scope, after), key),
    };
    let listed = |mapping| MappingConfiguration::listed(mapping, problem(services, mapping));
    let event_source_mappings = mappings.into_iter().map(listed).collect();

    json(StatusCode::OK, &MappingList { next_marker, event_source_mappings })
}

fn shown(services: &Services, status: StatusCode, mapping: &EventSourceMapping) -> Answer {
    json(status, &MappingConfiguration::new(mapping, problem(services, mapping)))
}

/// Why a mapping's source is not read, if it is not.
fn problem(services: &Services, mapping: &EventSourceMapping) -> Option<String> {
    services.source_results.shown(mapping, &services.upstream)
}

/// The function of a call, as it was named.
fn target(call: &Call) -> Result<Target, ApiError> {
    let FunctionReference { key: function, qualifier } = call.function()?;
    Ok(Target { function, qualifier })
}

/// The mapping of a call; an id of another form names none.
fn key(call: &Call) -> Result<MappingKey, ApiError> {
    let id = call.text("UUID").and_then(MappingId::parse).ok_or_else(event_source_mapping_not_found)?;
    Ok(MappingKey { scope: call.scope.clone(), id })
}

fn found<'a>(state: &'a State, key: &MappingKey) -> Result<&'a EventSourceMapping, ApiError> {
    state.event_source_mapping(key).ok_or_else(event_source_mapping_not_found)
}
