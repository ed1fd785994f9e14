//! Code-signing configurations and what they are attached to, as stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::stored::{FunctionKey, Scope, Stored};
use crate::model::code_signing;
use crate::model::code_signing::event::CodeSigningEvent;

shape! {
    CodeSigningKey = code_signing::CodeSigningKey { scope: Scope, id: String }
    CodeSigningConfig = code_signing::CodeSigningConfig {
        description: Option<String>, publishers: Vec<String>, enforce: bool, modified: u64,
        tags: BTreeMap<String, String>,
    }
}

events! { CodeSigningEvent {
    70 CodeSigningConfigPut { key: CodeSigningKey, config: CodeSigningConfig }
    71 CodeSigningConfigDeleted { key: CodeSigningKey }
    72 FunctionCodeSigningConfigPut { function: FunctionKey, config: CodeSigningKey }
    73 FunctionCodeSigningConfigDeleted { function: FunctionKey }
} }
