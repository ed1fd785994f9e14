//! Events of code-signing configurations and what they are attached to.

use strum::IntoStaticStr;

use super::Resource;

/// What happened to code-signing configurations and what they are attached to.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum CodeSigningEvent {}

impl CodeSigningEvent {
    /// What it is about, for people.
    pub fn resource(&self) -> Resource {
        match *self {}
    }
}
