//! Recursion and runtime management of functions, as stored.

use crate::model::event::function_settings::FunctionSettingsEvent;

events! { FunctionSettingsEvent {} }
