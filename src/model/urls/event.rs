//! Events of function URLs, and what they do to the state.

use std::sync::Arc;

use strum::IntoStaticStr;

use crate::model::event::Subject;
use crate::model::names::{AliasName, FunctionKey};
use crate::model::state::State;
use crate::model::urls::FunctionUrl;

/// What happened to function URLs.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum UrlEvent {
    /// A URL came to be or changed: the whole of it.
    UrlPut {
        /// The function.
        key: FunctionKey,
        /// The alias it belongs to; `None`: the function itself.
        alias: Option<AliasName>,
        /// The URL.
        url: Box<FunctionUrl>,
    },
    /// A URL is gone.
    UrlDeleted {
        /// The function.
        key: FunctionKey,
        /// The alias it belonged to.
        alias: Option<AliasName>,
    },
}

impl UrlEvent {
    /// The function it is about.
    pub fn key(&self) -> &FunctionKey {
        match self {
            Self::UrlPut { key, .. } | Self::UrlDeleted { key, .. } => key,
        }
    }

    /// What it is about, for people.
    pub fn subject(&self) -> Subject {
        Subject::function(self.key())
    }
}

/// Folds one event.
pub fn apply(state: &mut State, event: &UrlEvent) {
    state.change_function(event.key(), |function| match event {
        UrlEvent::UrlPut { alias, url, .. } => {
            function.urls.insert(alias.clone(), Arc::new((**url).clone()));
        }
        UrlEvent::UrlDeleted { alias, .. } => {
            function.urls.remove(alias);
        }
    });
}
