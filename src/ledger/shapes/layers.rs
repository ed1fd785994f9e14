//! Layers and their policies, as stored.

use serde::{Deserialize, Serialize};

use super::policies::Policy;
use super::stored::Architecture;
use super::stored::{Scope, Stored};
use super::text::{Digest, Map};
use crate::model::layers::event::LayerEvent;
use crate::model::{layers, names};

shape! {
    LayerKey = names::LayerKey { scope: Scope, name: String }
    LayerVersion = layers::LayerVersion {
        number: u64, description: String, license: Option<String>, runtimes: Option<Vec<String>>,
        architectures: Option<Vec<Architecture>>, blob: Digest, size: u64, created: u64, policy: Option<Policy>,
        folder: Option<String>,
    }
    Layer = layers::Layer { versions: Map<u64, LayerVersion>, last_version: u64 }
}

events! { LayerEvent {
    30 LayerVersionPublished { key: LayerKey, version: LayerVersion }
    31 LayerVersionDeleted { key: LayerKey, number: u64 }
    32 LayerPolicyPut { key: LayerKey, number: u64, policy: Policy }
    33 LayerPolicyDeleted { key: LayerKey, number: u64 }
} }
