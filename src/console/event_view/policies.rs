//! Events of resource-based policies of functions.

use serde_json::{Value, json};

use super::MASK;
use crate::model::policies::Policy;
use crate::model::policies::event::PolicyEvent;

/// What an event says.
pub fn details(event: &PolicyEvent) -> Value {
    match event {
        PolicyEvent::PolicyPut { key, target, policy } => {
            json!({ "of": target.arn(key), "policy": document(policy), "revision": policy.revision.to_string() })
        }
        PolicyEvent::PolicyDeleted { key, target, revision } => {
            json!({ "of": target.arn(key), "revision": revision.to_string() })
        }
    }
}

/// A policy as JSON; the token by which Alexa proves itself is a secret.
pub fn document(policy: &Policy) -> Value {
    let mut document: Value = serde_json::from_str(&policy.document()).unwrap_or_default();
    let statements = document["Statement"].as_array_mut().into_iter().flatten();
    for token in statements.filter_map(|one| one.pointer_mut("/Condition/StringEquals/lambda:EventSourceToken")) {
        *token = MASK.into();
    }
    document
}
