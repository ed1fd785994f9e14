//! Events of roles and policies of the IAM neighbour.

use serde_json::Value;

use crate::model::event::iam::IamEvent;

/// What an event says.
pub fn details(event: &IamEvent) -> Value {
    match *event {}
}
