//! Events of event-invoke configurations.

use strum::IntoStaticStr;

use super::Resource;

/// What happened to event-invoke configurations.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum EventInvokeEvent {}

impl EventInvokeEvent {
    /// What it is about, for people.
    pub fn resource(&self) -> Resource {
        match *self {}
    }
}
