//! Events of reserved and provisioned concurrency, and scaling.

use serde_json::{Value, json};

use crate::model::concurrency::event::ConcurrencyEvent;

/// What an event says.
pub fn details(event: &ConcurrencyEvent) -> Value {
    match event {
        ConcurrencyEvent::FunctionConcurrencyPut { reserved, .. } => json!({ "reserved": reserved }),
        ConcurrencyEvent::FunctionConcurrencyDeleted { .. } => json!({}),
        ConcurrencyEvent::ProvisionedConcurrencyPut { qualifier, provisioned, .. } => {
            json!({ "qualifier": qualifier.to_string(), "requested": provisioned.requested })
        }
        ConcurrencyEvent::ProvisionedConcurrencyDeleted { qualifier, .. } => {
            json!({ "qualifier": qualifier.to_string() })
        }
        ConcurrencyEvent::ProvisionedConcurrencySettled { qualifier, failure, .. } => {
            json!({ "qualifier": qualifier.to_string(), "failure": failure })
        }
        ConcurrencyEvent::FunctionScalingPut { qualifier, scaling, .. } => json!({
            "qualifier": qualifier.to_string(),
            "least": scaling.and_then(|scaling| scaling.least),
            "most": scaling.and_then(|scaling| scaling.most),
        }),
    }
}
