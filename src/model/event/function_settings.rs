//! Events of recursion and runtime management of functions.

use strum::IntoStaticStr;

use super::Resource;

/// What happened to recursion and runtime management of functions.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum FunctionSettingsEvent {}

impl FunctionSettingsEvent {
    /// What it is about, for people.
    pub fn resource(&self) -> Resource {
        match *self {}
    }
}
