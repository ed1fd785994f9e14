//! Shapes of schema 4: code signing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::keys::{FunctionKey, Scope};

shape! {
    CodeSigningKey { scope: Scope, id: String }
    CodeSigningConfig {
        description: Option<String>, publishers: Vec<String>, enforce: bool, modified: u64,
        tags: BTreeMap<String, String>,
    }
}

events! {
    70 / 1 CodeSigningConfigPut { key: CodeSigningKey, config: CodeSigningConfig }
    71 / 1 CodeSigningConfigDeleted { key: CodeSigningKey }
    72 / 1 FunctionCodeSigningConfigPut { function: FunctionKey, config: CodeSigningKey }
    73 / 1 FunctionCodeSigningConfigDeleted { function: FunctionKey }
}
