//! Events of capacity providers.

use strum::IntoStaticStr;

use super::Resource;

/// What happened to capacity providers.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum CapacityProviderEvent {}

impl CapacityProviderEvent {
    /// What it is about, for people.
    pub fn resource(&self) -> Resource {
        match *self {}
    }
}
