//! Events of layers and their policies.

use strum::IntoStaticStr;

use crate::model::arn;
use crate::model::event::Subject;
use crate::model::layers::LayerVersion;
use crate::model::names::LayerKey;
use crate::model::policies::Policy;

/// What happened to layers and their policies.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum LayerEvent {
    /// A layer got a version.
    LayerVersionPublished {
        /// The layer.
        key: LayerKey,
        /// The version, its number in it.
        version: Box<LayerVersion>,
    },
    /// A version is gone.
    LayerVersionDeleted {
        /// The layer.
        key: LayerKey,
        /// Its number.
        number: u64,
    },
    /// A version's policy came to be or changed: the whole of it.
    LayerPolicyPut {
        /// The layer.
        key: LayerKey,
        /// The version.
        number: u64,
        /// The policy.
        policy: Policy,
    },
    /// A version's policy is gone.
    LayerPolicyDeleted {
        /// The layer.
        key: LayerKey,
        /// The version.
        number: u64,
    },
}

impl LayerEvent {
    /// The layer it is about.
    pub fn key(&self) -> &LayerKey {
        match self {
            Self::LayerVersionPublished { key, .. }
            | Self::LayerVersionDeleted { key, .. }
            | Self::LayerPolicyPut { key, .. }
            | Self::LayerPolicyDeleted { key, .. } => key,
        }
    }

    /// What it is about, for people.
    pub fn subject(&self) -> Subject {
        let key = self.key();
        Subject { arn: arn::layer(key), scope: key.scope.clone(), name: key.name.to_string() }
    }
}
