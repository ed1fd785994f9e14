//! Shapes of schema 4: tags.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::code_signing::CodeSigningKey;
use super::keys::{FunctionKey, Scope};
use crate::ledger::shapes::text::Id;

#[derive(Serialize, Deserialize)]
pub enum TaggedResource {
    Function(FunctionKey),
    CodeSigningConfig(CodeSigningKey),
    EventSourceMapping(Scope, String),
    CapacityProvider(Scope, String),
}

events! {
    65 / 1 TagsPut { resource: TaggedResource, tags: BTreeMap<String, String>, revision: Id }
}
