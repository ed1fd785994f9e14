//! Events of roles and policies of the IAM neighbour.

use strum::IntoStaticStr;

use super::Resource;

/// What happened to roles and policies of the IAM neighbour.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum IamEvent {}

impl IamEvent {
    /// What it is about, for people.
    pub fn resource(&self) -> Resource {
        match *self {}
    }
}
