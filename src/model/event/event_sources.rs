//! Events of event source mappings.

use strum::IntoStaticStr;

use super::Resource;

/// What happened to event source mappings.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum EventSourceEvent {}

impl EventSourceEvent {
    /// What it is about, for people.
    pub fn resource(&self) -> Resource {
        match *self {}
    }
}
