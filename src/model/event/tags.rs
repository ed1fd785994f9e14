//! Events of tags of functions.

use strum::IntoStaticStr;

use super::Resource;

/// What happened to tags of functions.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum TagEvent {}

impl TagEvent {
    /// What it is about, for people.
    pub fn resource(&self) -> Resource {
        match *self {}
    }
}
