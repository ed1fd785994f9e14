//! Standby environments: started ahead, for a runtime but for no function yet. A cold start takes one, and costs
//! about the runtime's own start; another one is started in its place. An environment gets one function, once.

use std::collections::{HashMap, HashSet};

use tokio::sync::oneshot;

use crate::environments::executor::{Base, EnvironmentId};

/// Standby environments by what they were made from.
#[derive(Debug, Default)]
pub struct Standby {
    /// Started, not yet dialled.
    pub(super) starting: HashMap<EnvironmentId, Base>,
    /// Dialled: their inits wait, and the link's server waits for the sender.
    pub(super) waiting: HashMap<Base, Vec<(EnvironmentId, oneshot::Sender<()>)>>,
    /// Taken, and not announced yet as their functions' environments.
    pub(super) assigning: HashSet<EnvironmentId>,
}

impl Standby {
    /// How many wait for a function.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.values().map(Vec::len).sum()
    }

    /// How many of a runtime there are or will be.
    pub(super) fn of(&self, base: &Base) -> usize {
        let starting = self.starting.values().filter(|starting| *starting == base).count();
        starting + self.waiting.get(base).map_or(0, Vec::len)
    }

    pub(super) fn take(&mut self, base: &Base) -> Option<(EnvironmentId, oneshot::Sender<()>)> {
        let (id, wake) = self.waiting.get_mut(base)?.pop()?;
        self.assigning.insert(id.clone());
        Some((id, wake))
    }

    /// Forgets one that waits; what it was made from.
    pub(super) fn forget(&mut self, id: &EnvironmentId) -> Option<Base> {
        let found = self.waiting.iter_mut().find(|(_, waiting)| waiting.iter().any(|(other, _)| other == id));
        found.map(|(base, waiting)| {
            waiting.retain(|(other, _)| other != id);
            base.clone()
        })
    }

    /// The ids of all: they end.
    pub(super) fn take_all(&mut self) -> Vec<EnvironmentId> {
        let waiting = std::mem::take(&mut self.waiting).into_values().flatten().map(|(id, _)| id);
        std::mem::take(&mut self.starting).into_keys().chain(waiting).collect()
    }

    /// Whether this is one of them, or is just being assigned.
    pub(super) fn contains(&self, id: &EnvironmentId) -> bool {
        self.starting.contains_key(id)
            || self.assigning.contains(id)
            || self.waiting.values().flatten().any(|(waiting, _)| waiting == id)
    }
}
