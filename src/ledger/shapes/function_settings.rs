//! Recursion and runtime management of functions, as stored.

use serde::{Deserialize, Serialize};

use super::stored::{FunctionKey, Stored};
use crate::model::function_settings::event::FunctionSettingsEvent;
use crate::model::function_settings::{self, RuntimeUpdate};

impl Stored<RuntimeUpdate> for String {
    fn store(model: &RuntimeUpdate) -> Self {
        model.as_str().to_owned()
    }
    fn load(self) -> RuntimeUpdate {
        RuntimeUpdate::parse(&self)
    }
}

shape! {
    RuntimeManagement = function_settings::RuntimeManagement { mode: String, runtime_version_arn: Option<String> }
}

events! { FunctionSettingsEvent {
    60 RecursionPut { key: FunctionKey, allows: bool }
    61 RuntimeManagementPut { key: FunctionKey, version: u64, management: RuntimeManagement }
} }
