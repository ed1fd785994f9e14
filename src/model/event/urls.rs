//! Events of function URLs.

use strum::IntoStaticStr;

use super::Resource;

/// What happened to function URLs.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum UrlEvent {}

impl UrlEvent {
    /// What it is about, for people.
    pub fn resource(&self) -> Resource {
        match *self {}
    }
}
