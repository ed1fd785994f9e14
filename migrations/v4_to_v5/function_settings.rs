//! Shapes of schema 4: function settings.

use serde::{Deserialize, Serialize};

use super::keys::FunctionKey;

shape! {
    RuntimeManagement { mode: String, runtime_version_arn: Option<String> }
}

events! {
    60 / 1 RecursionPut { key: FunctionKey, allows: bool }
    61 / 1 RuntimeManagementPut { key: FunctionKey, version: u64, management: RuntimeManagement }
}
