//! Events of function URLs, applied.

use std::sync::Arc;

use crate::model::state::State;
use crate::model::urls::event::UrlEvent;

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
