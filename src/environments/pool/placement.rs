//! Which environments there are, what each is doing, and which are taken for what. No I/O: the pool acts on it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::budget::{Budget, Room};
use super::idle::Idle;
use super::provisioned::ProvisionedPool;
use super::standby::Standby;
use crate::environments::deployment::{DeploymentKey, Initialization, Target};
use crate::environments::environment::Environment;
use crate::environments::executor::EnvironmentId;

/// Where all environments are.
#[derive(Debug, Default)]
pub(super) struct Placement {
    /// Every environment with a link, but standby ones.
    pub(super) live: HashMap<EnvironmentId, Arc<Environment>>,
    /// Them again, by the session tokens that their functions call with.
    pub(super) callers: HashMap<String, Arc<Environment>>,
    /// Those on demand without an invocation.
    pub(super) idle: Idle,
    /// Those of provisioned concurrency.
    pub(super) provisioned: ProvisionedPool,
    /// Started, or assigned, and not yet dialled.
    pub(super) starting: HashMap<EnvironmentId, Starting>,
    /// Left by a former server, not yet dialled.
    pub(super) expected: HashMap<EnvironmentId, (DeploymentKey, Initialization)>,
    pub(super) standby: Standby,
    pub(super) budget: Budget,
    /// When it is looked next for what nobody knows, and how often after that.
    pub(super) next_sweep: Option<(Instant, u32)>,
}

/// An environment that was started and has not dialled yet.
#[derive(Debug)]
pub(super) struct Starting {
    /// What it will run, even if that is outdated meanwhile: its caller came before.
    pub(super) target: Target,
    pub(super) initialization: Initialization,
    /// Who waits.
    pub(super) waiter: oneshot::Sender<Arc<Environment>>,
}

/// Room for an environment, and what is to be ended for it.
#[derive(Debug)]
pub(super) struct MadeRoom {
    pub(super) room: Room,
    /// Those that rested.
    pub(super) evicted: Vec<Arc<Environment>>,
    /// Those without a function.
    pub(super) standby: Vec<EnvironmentId>,
}

/// How many environments there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// With a link, and with a function.
    pub environments: usize,
    /// Those of them that run no invocation.
    pub idle: usize,
    /// Those of them that are kept for provisioned concurrency.
    pub provisioned: usize,
    /// Those that wait for a function.
    pub standby: usize,
}

impl Placement {
    /// How many environments there are.
    pub(super) fn counts(&self) -> Counts {
        Counts {
            environments: self.live.len(),
            idle: self.idle.len() + self.provisioned.idle(),
            provisioned: self.provisioned.all(),
            standby: self.standby.waiting(),
        }
    }

    /// Puts an environment among the idle ones of its kind.
    pub(super) fn rest(&mut self, environment: &Arc<Environment>) {
        match environment.initialization {
            Initialization::OnDemand => self.idle.put(environment),
            Initialization::Provisioned => self.provisioned.put(environment),
        }
    }

    /// Takes an environment out; tells whether it was there, and whether it was a provisioned one.
    pub(super) fn remove(&mut self, environment: &Environment) -> (bool, bool) {
        let was_live = self.live.remove(&environment.id).is_some();
        self.callers.retain(|_, caller| caller.id != environment.id);
        self.idle.remove(&environment.id);
        (was_live, self.provisioned.remove(environment))
    }

    /// Room for one more environment: free, or made by taking out those that have no function, and those that rest
    /// longest.
    pub(super) fn make_room(&mut self, memory_mib: u32) -> MadeRoom {
        let mut made = MadeRoom { room: self.budget.room(memory_mib), evicted: Vec::new(), standby: Vec::new() };
        while made.room == Room::Full {
            if let Some(standby) = self.standby.take_any() {
                self.budget.ends(&standby);
                made.standby.push(standby);
            } else if let Some(oldest) = self.idle.take_oldest() {
                self.budget.ends(&oldest.id);
                made.evicted.push(oldest);
            } else {
                break;
            }
            made.room = self.budget.room(memory_mib);
        }
        made
    }

    /// Takes idle environments that rest since before `rested`, or run what is no longer current. Provisioned ones are
    /// not among them: the reactor of provisioned concurrency looks after those.
    pub(super) fn take_dispensable(
        &mut self,
        rested: impl Fn(Instant) -> bool,
        is_current: impl Fn(&DeploymentKey) -> bool,
    ) -> Vec<Arc<Environment>> {
        let mut taken = Vec::new();
        while self.idle.oldest().is_some_and(|oldest| rested(oldest.idle_since())) {
            taken.extend(self.idle.take_oldest());
        }
        let outdated: Vec<_> = self.idle.deployments().filter(|deployment| !is_current(deployment)).cloned().collect();
        for deployment in outdated {
            taken.extend(std::iter::from_fn(|| self.idle.take(&deployment)));
        }

        taken
    }

    /// Takes idle environments that were adopted beyond the limits, which may be lower than the former server's.
    pub(super) fn take_beyond_budget(&mut self) -> Vec<Arc<Environment>> {
        let mut taken = Vec::new();
        while self.budget.is_over()
            && let Some(oldest) = self.idle.take_oldest()
        {
            self.budget.ends(&oldest.id);
            taken.push(oldest);
        }
        taken
    }

    /// Whether an environment is one of this server's, on its way or still ending.
    pub(super) fn knows(&self, id: &EnvironmentId) -> bool {
        self.live.contains_key(id)
            || self.starting.contains_key(id)
            || self.expected.contains_key(id)
            || self.standby.contains(id)
            || self.budget.has(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environments::executor::Base;
    use crate::environments::samples::{deployment, environment};

    /// A placement within `most` environments, in which these rest, the first the longest.
    fn with_idle(most: usize, ids: &[(&str, &str)]) -> Placement {
        let mut placement = Placement { budget: Budget::new(Some(most), None), ..Placement::default() };
        for (id, function) in ids {
            let environment = environment(id, function);
            placement.budget.take(&environment.id, 128);
            placement.live.insert(environment.id.clone(), Arc::clone(&environment));
            placement.rest(&environment);
        }
        placement
    }

    fn ids(environments: &[Arc<Environment>]) -> Vec<&str> {
        environments.iter().map(|environment| environment.id.0.as_str()).collect()
    }

    #[test]
    fn the_longest_at_rest_makes_room_for_a_new_one() {
        let mut placement = with_idle(2, &[("a", "f"), ("b", "g")]);
        let made = placement.make_room(128);
        // Its share is free when it has ended, not before.
        assert_eq!((made.room, ids(&made.evicted)), (Room::Soon, vec!["a"]));
        placement.budget.give_back(&made.evicted[0].id);
        assert_eq!(placement.make_room(128).room, Room::Free);
        assert_eq!(ids(&[placement.idle.take(&deployment("g")).expect("stays")]), ["b"]);
    }

    #[test]
    fn nobody_is_evicted_where_there_is_room() {
        let made = with_idle(3, &[("a", "f"), ("b", "g")]).make_room(128);
        assert_eq!((made.room, made.evicted.len()), (Room::Free, 0));
    }

    #[test]
    fn what_has_no_function_makes_room_before_what_rests() {
        let mut placement = Placement { budget: Budget::new(None, Some(300)), ..Placement::default() };
        let standby = EnvironmentId("standby".into());
        placement.budget.take_aside(&standby, 128);
        let (wake, _) = oneshot::channel();
        placement.standby.waiting.insert(Base::runtime("python3.12"), vec![(standby.clone(), wake)]);
        let rests = environment("a", "f");
        placement.budget.take(&rests.id, 128);
        placement.rest(&rests);

        let made = placement.make_room(128);
        assert_eq!((made.room, made.standby, made.evicted.len()), (Room::Soon, vec![standby], 0));
    }

    #[test]
    fn what_rests_for_long_or_is_outdated_is_dispensable() {
        let mut placement = with_idle(9, &[("a", "f"), ("b", "g"), ("c", "f")]);
        let outdated = placement.take_dispensable(|_| false, |current| *current != deployment("g"));
        assert_eq!(ids(&outdated), ["b"]);
        assert_eq!(ids(&placement.take_dispensable(|_| true, |_| true)), ["a", "c"]);
    }

    #[test]
    fn what_was_adopted_beyond_the_limits_goes_the_longest_at_rest_first() {
        let mut placement = with_idle(1, &[("a", "f"), ("b", "g"), ("c", "f")]);
        assert_eq!(ids(&placement.take_beyond_budget()), ["a", "b"]);
        assert!(placement.take_beyond_budget().is_empty());
    }

    #[test]
    fn one_that_ends_is_known_until_its_room_is_free() {
        let mut placement = with_idle(1, &[("a", "f")]);
        let environment = placement.live.values().next().map(Arc::clone).expect("is there");
        placement.budget.ends(&environment.id);
        assert_eq!(placement.remove(&environment), (true, false));
        assert!(placement.knows(&environment.id));
        placement.budget.give_back(&environment.id);
        assert!(!placement.knows(&environment.id));
        assert_eq!(placement.counts(), Counts::default());
    }
}
