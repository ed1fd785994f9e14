//! Events of layers and their policies.

use strum::IntoStaticStr;

use super::Resource;

/// What happened to layers and their policies.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum LayerEvent {}

impl LayerEvent {
    /// What it is about, for people.
    pub fn resource(&self) -> Resource {
        match *self {}
    }
}
