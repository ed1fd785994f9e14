//! Events of capacity providers, and what they do to the state.

use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;
use strum::IntoStaticStr;

use crate::model::capacity_providers::{CapacityProvider, CapacityProviderKey};
use crate::model::event::Subject;
use crate::model::names::{FunctionKey, Scope};
use crate::model::qualifier::Version;
use crate::model::state::State;

/// What happened to capacity providers.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum CapacityProviderEvent {
    /// A capacity provider came to be or changed: the whole of it.
    CapacityProviderPut {
        /// The capacity provider.
        provider: Box<CapacityProvider>,
    },
    /// A capacity provider is gone.
    CapacityProviderDeleted {
        /// Which.
        key: CapacityProviderKey,
    },
}

impl CapacityProviderEvent {
    /// The capacity provider it is about.
    pub fn key(&self) -> &CapacityProviderKey {
        match self {
            Self::CapacityProviderPut { provider } => &provider.key,
            Self::CapacityProviderDeleted { key } => key,
        }
    }

    /// What it is about, for people.
    pub fn subject(&self) -> Subject {
        let key = self.key();
        Subject { arn: key.arn(), scope: key.scope.clone(), name: key.name.to_string() }
    }
}

/// Folds one event.
pub fn apply(state: &mut State, event: &CapacityProviderEvent) {
    match event {
        CapacityProviderEvent::CapacityProviderPut { provider } => state.put_capacity_provider((**provider).clone()),
        CapacityProviderEvent::CapacityProviderDeleted { key } => {
            state.capacity_providers.remove(key);
            state.unsettled_providers.remove(key);
        }
    }
}

impl State {
    /// The capacity provider at `key`.
    pub fn capacity_provider(&self, key: &CapacityProviderKey) -> Option<&Arc<CapacityProvider>> {
        self.capacity_providers.get(key)
    }

    /// The capacity providers of `scope` whose names come after `marker`, in order.
    pub fn capacity_providers_after<'a>(
        &'a self,
        scope: &'a Scope,
        marker: Option<&str>,
    ) -> impl Iterator<Item = &'a Arc<CapacityProvider>> + 'a {
        let first = CapacityProviderKey { scope: scope.clone(), name: marker.unwrap_or_default().into() };
        self.capacity_providers
            .range((Bound::Excluded(first), Bound::Unbounded))
            .take_while(move |(key, _)| key.scope == *scope)
            .map(|(_, provider)| provider)
    }

    /// The function versions that use a capacity provider and come after one of them, in order.
    pub fn versions_on_provider<'a>(
        &'a self,
        key: &'a CapacityProviderKey,
        after: Option<(FunctionKey, Version)>,
    ) -> impl Iterator<Item = &'a (FunctionKey, Version)> + 'a {
        let start = if let Some(after) = after {
            Bound::Excluded((key.clone(), after))
        } else {
            let nowhere = Scope { account: "".into(), region: "".into() };
            let first = FunctionKey { scope: nowhere, name: "".into() };
            Bound::Included((key.clone(), (first, Version::Latest)))
        };
        self.provider_versions
            .range((start, Bound::Unbounded))
            .take_while(move |(provider, _)| provider == key)
            .map(|(_, version)| version)
    }

    fn put_capacity_provider(&mut self, provider: CapacityProvider) {
        if provider.is_unsettled() {
            self.unsettled_providers.insert(provider.key.clone(), provider.revision);
        } else {
            self.unsettled_providers.remove(&provider.key);
        }
        self.capacity_providers.insert(provider.key.clone(), Arc::new(provider));
    }

    /// Makes anew what is derived from capacity providers alone.
    pub(in crate::model) fn rederive_providers(&mut self) {
        self.unsettled_providers = OrdMap::new();
        for (_, provider) in std::mem::take(&mut self.capacity_providers) {
            self.put_capacity_provider(Arc::unwrap_or_clone(provider));
        }
    }
}
