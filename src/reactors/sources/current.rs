//! What the state says of a mapping now. Pollers ask before each step, so that a change of a mapping needs no new poller,
//! and what is received after it goes where the change says.

use std::sync::Arc;

use crate::ledger::Ledger;
use crate::model::event_sources::{EventSourceMapping, MappingKey, MappingState};
use crate::model::functions::{FunctionState, FunctionVersion};
use crate::model::state::State;

/// A mapping, as it is whenever it is looked at.
#[derive(Debug, Clone)]
pub struct Current {
    /// The state.
    pub ledger: Arc<Ledger>,
    /// Which one.
    pub key: MappingKey,
}

impl Current {
    /// The mapping of this key.
    pub fn new(ledger: Arc<Ledger>, key: MappingKey) -> Self {
        Self { ledger, key }
    }

    /// The mapping, while it is to be read.
    pub fn mapping(&self) -> Option<Arc<EventSourceMapping>> {
        let state = self.ledger.state();
        state.event_source_mappings.get(&self.key).filter(|mapping| is_read(mapping)).cloned()
    }

    /// The mapping, whether it is to be read or not.
    pub fn stored(&self) -> Option<Arc<EventSourceMapping>> {
        self.ledger.state().event_source_mappings.get(&self.key).cloned()
    }

    /// The role of the function that it is read for.
    pub fn role(&self, mapping: &EventSourceMapping) -> String {
        let state = self.ledger.state();
        version(&state, mapping).map_or_else(String::new, |version| version.config.role.clone())
    }

    /// The timeout of the function that it is read for, in seconds.
    pub fn timeout_s(&self, mapping: &EventSourceMapping) -> u32 {
        let state = self.ledger.state();
        version(&state, mapping).map_or(0, |version| version.config.timeout_s)
    }

    /// Waits until the mapping is to be read, for a function that can run. Nothing is read before: each message that is
    /// received in vain is one step nearer to its dead-letter queue.
    ///
    /// Ends with `false` where nothing changes any more.
    pub async fn wait_for_function(&self) -> bool {
        let mut changes = self.ledger.changes();
        loop {
            changes.mark_unchanged();
            if self.mapping().is_some_and(|mapping| can_run(&self.ledger.state(), &mapping)) {
                return true;
            }
            if changes.changed().await.is_err() {
                return false;
            }
        }
    }
}

/// Whether a mapping is to be read. What changes is read on: it stays what it was but for the change.
pub fn is_read(mapping: &EventSourceMapping) -> bool {
    mapping.enabled && matches!(mapping.state, MappingState::Enabled | MappingState::Updating)
}

fn version<'a>(state: &'a State, mapping: &EventSourceMapping) -> Option<&'a Arc<FunctionVersion>> {
    state.function(&mapping.target.function)?.resolve(mapping.target.qualifier.as_ref())
}

fn can_run(state: &State, mapping: &EventSourceMapping) -> bool {
    let may_run = state.function(&mapping.target.function).is_some_and(|function| {
        let has_none = function.reserved_concurrency == Some(0) && function.provisioned_concurrency.is_empty();
        !function.is_inert() && !has_none
    });
    let has_failed = |version: &Arc<FunctionVersion>| matches!(version.state, FunctionState::Failed(_));
    may_run && version(state, mapping).is_some_and(|version| !has_failed(version))
}
