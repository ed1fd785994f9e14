//! Events of log groups and streams of the Logs neighbour.

use strum::IntoStaticStr;

use super::Resource;

/// What happened to log groups and streams of the Logs neighbour.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum LogsEvent {}

impl LogsEvent {
    /// What it is about, for people.
    pub fn resource(&self) -> Resource {
        match *self {}
    }
}
