//! Events of reserved and provisioned concurrency, and scaling.

use strum::IntoStaticStr;

use super::Resource;

/// What happened to reserved and provisioned concurrency, and scaling.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum ConcurrencyEvent {}

impl ConcurrencyEvent {
    /// What it is about, for people.
    pub fn resource(&self) -> Resource {
        match *self {}
    }
}
