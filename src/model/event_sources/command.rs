//! Commands about event source mappings.

use std::collections::BTreeMap;

use crate::model::event_sources::{MappingKey, Origin, SettingsPatch, Source, Target};
use crate::model::names::{RevisionId, Scope};

/// A wish to change event source mappings.
#[derive(Debug, Clone, PartialEq)]
pub enum EventSourceCommand {
    /// The source allows the settings, the function exists, and no mapping joins the two yet.
    CreateMapping(Box<CreateMapping>),
    /// The mapping exists and is in no transition; else as for a new one.
    UpdateMapping(Box<UpdateMapping>),
    /// The mapping exists and is in no transition.
    DeleteMapping {
        /// The mapping.
        key: MappingKey,
    },
    /// Ends a transition; nothing happens if it is another one by now.
    SettleMapping {
        /// The mapping.
        key: MappingKey,
        /// The revision whose transition was seen.
        revision: RevisionId,
    },
}

/// Parameters of `CreateEventSourceMapping`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateMapping {
    /// Where.
    pub scope: Scope,
    /// What is read.
    pub source: Source,
    /// Who gets it.
    pub target: Target,
    /// What is given at creation only.
    pub origin: Origin,
    /// What is given of the settings.
    pub settings: SettingsPatch,
    /// Whether it is polled.
    pub enabled: bool,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// Parameters of `UpdateEventSourceMapping`.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdateMapping {
    /// The mapping.
    pub key: MappingKey,
    /// Another function.
    pub target: Option<Target>,
    /// What is given of the settings.
    pub settings: SettingsPatch,
    /// Whether it is polled from now on.
    pub enabled: Option<bool>,
}
