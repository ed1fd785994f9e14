//! What is shown in the place of secrets.

use serde_json::Value;

/// Shown for a value that is a secret.
pub const MASK: &str = "***";

/// Hides the values of all functions' variables.
pub fn mask(json: &mut Value) {
    match json {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::Object(variables) if name == "environment" => {
                        variables.values_mut().for_each(|value| *value = MASK.into());
                    }
                    value => mask(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        _ => {}
    }
}
