//! Events of function URLs, applied.

use std::sync::Arc;

use super::State;
use crate::model::event::urls::UrlEvent;

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
