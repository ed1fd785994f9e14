//! Standby environments: started ahead, for a runtime but for no function yet. A cold start takes one, and costs
//! about the runtime's own start, or less; another one is started in its place. An environment gets one function, once.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::environments::executor::{Base, EnvironmentId};

/// How long after its last use a runtime has standby environments.
const USED_FOR: Duration = Duration::from_secs(3600);

/// Standby environments by what they were made from.
#[derive(Debug, Default)]
pub struct Standby {
    /// Started, not yet dialled.
    pub(super) starting: HashMap<EnvironmentId, Base>,
    /// Dialled: their inits wait, and the link's server waits for the sender.
    pub(super) waiting: HashMap<Base, Vec<(EnvironmentId, oneshot::Sender<()>)>>,
    /// Taken, and not announced yet as their functions' environments.
    pub(super) assigning: HashSet<EnvironmentId>,
    /// When what has some, or is to have some, was used last.
    used: HashMap<Base, Instant>,
}

impl Standby {
    /// How many wait for a function.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.values().map(Vec::len).sum()
    }

    /// Whether one of a runtime waits.
    pub(super) fn waits(&self, base: &Base) -> bool {
        self.waiting.get(base).is_some_and(|waiting| !waiting.is_empty())
    }

    /// How many of a runtime there are or will be.
    pub(super) fn of(&self, base: &Base) -> usize {
        let starting = self.starting.values().filter(|starting| *starting == base).count();
        starting + self.waiting.get(base).map_or(0, Vec::len)
    }

    /// Notes that a runtime is in use.
    pub(super) fn is_used(&mut self, base: &Base, now: Instant) {
        self.used.insert(base.clone(), now);
    }

    /// Whether a runtime was used lately.
    pub(super) fn was_used(&self, base: &Base, now: Instant) -> bool {
        self.used.get(base).is_some_and(|used| now.duration_since(*used) < USED_FOR)
    }

    /// When the next of those in use has not been used for long.
    pub(super) fn next_unused(&self) -> Option<Instant> {
        self.used.values().min().map(|used| *used + USED_FOR)
    }

    /// Takes out those of runtimes that were not used lately: they end.
    pub(super) fn take_unused(&mut self, now: Instant) -> Vec<EnvironmentId> {
        self.used.retain(|_, used| now.duration_since(*used) < USED_FOR);
        let unused: Vec<_> = self.waiting.keys().filter(|base| !self.used.contains_key(base)).cloned().collect();
        let taken = unused.iter().filter_map(|base| self.waiting.remove(base)).flatten();
        taken.map(|(id, _)| id).collect()
    }

    /// Takes one out to make room, whichever: it ends.
    pub(super) fn take_any(&mut self) -> Option<EnvironmentId> {
        self.waiting.values_mut().find_map(Vec::pop).map(|(id, _)| id)
    }

    pub(super) fn take(&mut self, base: &Base) -> Option<(EnvironmentId, oneshot::Sender<()>)> {
        let (id, wake) = self.waiting.get_mut(base)?.pop()?;
        self.assigning.insert(id.clone());
        Some((id, wake))
    }

    /// Forgets one that has no function; what it was made from.
    pub(super) fn forget(&mut self, id: &EnvironmentId) -> Option<Base> {
        if let Some(base) = self.starting.remove(id) {
            return Some(base);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(standby: &mut Standby, base: &Base, id: &str) {
        let (wake, _) = oneshot::channel();
        standby.waiting.entry(base.clone()).or_default().push((EnvironmentId(id.to_owned()), wake));
    }

    #[test]
    fn those_of_a_runtime_that_nobody_uses_end() {
        let mut standby = Standby::default();
        let bases = ["python3.12", "nodejs20.x"].map(Base::runtime);
        let start = Instant::now();
        for (base, id) in bases.iter().zip(["a", "b"]) {
            waiting(&mut standby, base, id);
            standby.is_used(base, start);
        }
        standby.is_used(&bases[1], start + USED_FOR / 2);
        assert_eq!(standby.next_unused(), Some(start + USED_FOR));

        assert!(standby.take_unused(start + USED_FOR / 2).is_empty());
        assert_eq!(standby.take_unused(start + USED_FOR), [EnvironmentId("a".to_owned())]);
        assert!(!standby.was_used(&bases[0], start + USED_FOR) && standby.was_used(&bases[1], start + USED_FOR));
        assert!(!standby.waits(&bases[0]) && standby.waits(&bases[1]));
    }
}
