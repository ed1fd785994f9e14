//! Events of resource-based policies of functions.

use strum::IntoStaticStr;

use super::Resource;

/// What happened to resource-based policies of functions.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum PolicyEvent {}

impl PolicyEvent {
    /// What it is about, for people.
    pub fn resource(&self) -> Resource {
        match *self {}
    }
}
