//! Shapes of schema 4: layers.

use serde::{Deserialize, Serialize};

use super::keys::Scope;
use super::policies::Policy;
use crate::ledger::shapes::text::{Digest, Map};

shape! {
    LayerKey { scope: Scope, name: String }
    LayerVersion {
        number: u64, description: String, license: Option<String>, runtimes: Option<Vec<String>>,
        architectures: Option<Vec<String>>, blob: Digest, size: u64, created: u64, policy: Option<Policy>,
        folder: Option<String>,
    }
    Layer { versions: Map<u64, LayerVersion>, last_version: u64 }
}

events! {
    30 / 2 LayerVersionPublished { key: LayerKey, version: LayerVersion }
    31 / 1 LayerVersionDeleted { key: LayerKey, number: u64 }
    32 / 1 LayerPolicyPut { key: LayerKey, number: u64, policy: Policy }
    33 / 1 LayerPolicyDeleted { key: LayerKey, number: u64 }
}
