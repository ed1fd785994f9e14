//! Events of event source mappings, and what they do to the state.

use strum::IntoStaticStr;

use crate::model::event::Subject;
use crate::model::event_sources::{EventSourceMapping, MappingKey};
use crate::model::names::RevisionId;
use crate::model::state::State;
use crate::model::time::Timestamp;

/// What happened to event source mappings.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum EventSourceEvent {
    /// A mapping came to be or changed: the whole of it.
    EventSourceMappingPut {
        /// The mapping.
        mapping: Box<EventSourceMapping>,
    },
    /// A mapping became `Enabled` or `Disabled`.
    EventSourceMappingSettled {
        /// The mapping.
        key: MappingKey,
        /// Its new revision.
        revision: RevisionId,
        /// When.
        modified: Timestamp,
    },
    /// A mapping is gone.
    EventSourceMappingDeleted {
        /// The mapping.
        key: MappingKey,
    },
}

impl EventSourceEvent {
    /// The mapping it is about.
    pub fn key(&self) -> &MappingKey {
        match self {
            Self::EventSourceMappingPut { mapping } => &mapping.key,
            Self::EventSourceMappingSettled { key, .. } | Self::EventSourceMappingDeleted { key } => key,
        }
    }

    /// What it is about, for people.
    pub fn subject(&self) -> Subject {
        let key = self.key();
        Subject { arn: key.arn(), scope: key.scope.clone(), name: key.id.to_string() }
    }
}

/// Folds one event.
pub fn apply(state: &mut State, event: &EventSourceEvent) {
    match event {
        EventSourceEvent::EventSourceMappingPut { mapping } => {
            state.replace_mapping(&mapping.key, Some((**mapping).clone()));
        }
        EventSourceEvent::EventSourceMappingSettled { key, revision, modified } => {
            state.change_mapping(key, |mapping| mapping.settle(*revision, *modified));
        }
        EventSourceEvent::EventSourceMappingDeleted { key } => state.replace_mapping(key, None),
    }
}
