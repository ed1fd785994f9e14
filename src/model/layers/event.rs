//! Events of layers and their policies, and what they do to the state.

use std::sync::Arc;

use imbl::OrdMap;
use strum::IntoStaticStr;

use crate::model::arn;
use crate::model::event::Subject;
use crate::model::layers::{Layer, LayerVersion};
use crate::model::names::{LayerKey, Scope};
use crate::model::policies::Policy;
use crate::model::state::State;

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

/// Folds one event.
pub fn apply(state: &mut State, event: &LayerEvent) {
    let key = event.key();
    let mut layer = match state.layers.get(key) {
        Some(layer) => (**layer).clone(),
        None => Layer { versions: OrdMap::new(), last_version: 0 },
    };
    match event {
        LayerEvent::LayerVersionPublished { version, .. } => {
            layer.last_version = layer.last_version.max(version.number);
            layer.versions.insert(version.number, Arc::new((**version).clone()));
        }
        LayerEvent::LayerVersionDeleted { number, .. } => {
            layer.versions.remove(number);
        }
        LayerEvent::LayerPolicyPut { number, policy, .. } => set_policy(&mut layer, *number, Some(policy)),
        LayerEvent::LayerPolicyDeleted { number, .. } => set_policy(&mut layer, *number, None),
    }

    state.replace_layer(key, layer.into());
}

fn set_policy(layer: &mut Layer, number: u64, policy: Option<&Policy>) {
    if let Some(version) = layer.versions.get_mut(&number) {
        Arc::make_mut(version).policy = policy.map(|policy| Arc::new(policy.clone()));
    }
}

impl State {
    /// A version of a layer.
    pub fn layer_version(&self, key: &LayerKey, number: u64) -> Option<&Arc<LayerVersion>> {
        self.layers.get(key)?.versions.get(&number)
    }

    /// The layers of `scope` whose names come after `marker`, in order.
    pub fn layers_after<'a>(
        &'a self,
        scope: &'a Scope,
        marker: Option<&str>,
    ) -> impl Iterator<Item = (&'a LayerKey, &'a Arc<Layer>)> + 'a {
        use std::ops::Bound;
        let first = LayerKey { scope: scope.clone(), name: marker.unwrap_or_default().into() };
        self.layers.range((Bound::Excluded(first), Bound::Unbounded)).take_while(move |(key, _)| key.scope == *scope)
    }

    /// Puts `layer` in its place and keeps what is derived in step.
    pub(in crate::model) fn replace_layer(&mut self, key: &LayerKey, layer: Arc<Layer>) {
        let mut usage = self.usage(&key.scope);
        usage.code_size -= self.layers.get(key).map_or(0, |before| before.code_size());
        usage.code_size += layer.code_size();
        self.layers.insert(key.clone(), layer);
        self.set_usage(&key.scope, usage);
    }

    /// Forgets a layer, its last number too.
    pub(in crate::model) fn remove_layer(&mut self, key: &LayerKey) {
        let Some(layer) = self.layers.remove(key) else { return };
        let mut usage = self.usage(&key.scope);
        usage.code_size -= layer.code_size();
        self.set_usage(&key.scope, usage);
    }
}
