//! Events of capacity providers.

use strum::IntoStaticStr;

use crate::model::capacity_providers::{CapacityProvider, CapacityProviderKey};
use crate::model::event::Subject;

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
