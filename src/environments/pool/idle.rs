//! Idle environments, by what they run and by how long they rest.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::environments::deployment::DeploymentKey;
use crate::environments::environment::Environment;
use crate::environments::executor::EnvironmentId;

/// Environments without an invocation. Each operation takes time in the logarithm of their number at most.
#[derive(Debug, Default)]
pub struct Idle {
    /// All of them, that which rests longest first: by tickets, which are given out in order.
    rested: BTreeMap<u64, Arc<Environment>>,
    tickets: HashMap<EnvironmentId, u64>,
    by_deployment: HashMap<DeploymentKey, BTreeSet<u64>>,
    next_ticket: u64,
}

impl Idle {
    /// Puts one in that rests from now on; one that is there already stays as it is.
    pub fn put(&mut self, environment: &Arc<Environment>) {
        if self.tickets.contains_key(&environment.id) {
            return;
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.rested.insert(ticket, Arc::clone(environment));
        self.tickets.insert(environment.id.clone(), ticket);
        self.by_deployment.entry(environment.deployment.clone()).or_default().insert(ticket);
    }

    /// Takes out the one of a deployment that was used last: its memory is the warmest.
    pub fn take(&mut self, deployment: &DeploymentKey) -> Option<Arc<Environment>> {
        let ticket = *self.by_deployment.get(deployment)?.last()?;
        self.take_ticket(ticket)
    }

    /// Takes out the one that rests longest.
    pub fn take_oldest(&mut self) -> Option<Arc<Environment>> {
        let ticket = *self.rested.first_key_value()?.0;
        self.take_ticket(ticket)
    }

    /// Takes out this one; whether it was there.
    pub fn remove(&mut self, id: &EnvironmentId) -> bool {
        self.tickets.get(id).copied().is_some_and(|ticket| self.take_ticket(ticket).is_some())
    }

    /// The one that rests longest.
    pub fn oldest(&self) -> Option<&Arc<Environment>> {
        self.rested.first_key_value().map(|(_, environment)| environment)
    }

    /// What they run.
    pub fn deployments(&self) -> impl Iterator<Item = &DeploymentKey> {
        self.by_deployment.keys()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rested.len()
    }

    fn take_ticket(&mut self, ticket: u64) -> Option<Arc<Environment>> {
        let environment = self.rested.remove(&ticket)?;
        self.tickets.remove(&environment.id);
        if let Some(tickets) = self.by_deployment.get_mut(&environment.deployment) {
            tickets.remove(&ticket);
            if tickets.is_empty() {
                self.by_deployment.remove(&environment.deployment);
            }
        }

        Some(environment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environments::samples::{deployment, environment};

    fn id(environment: Option<Arc<Environment>>) -> Option<String> {
        environment.map(|environment| environment.id.0.clone())
    }

    #[test]
    fn the_last_used_is_taken_and_the_longest_at_rest_is_ended() {
        let mut idle = Idle::default();
        for (name, function) in [("a", "f"), ("b", "g"), ("c", "f"), ("a", "f")] {
            idle.put(&environment(name, function));
        }
        assert_eq!(idle.len(), 3, "the second a was there already");
        assert_eq!(id(idle.take(&deployment("f"))), Some("c".into()));
        assert_eq!(id(idle.take_oldest()), Some("a".into()));
        assert_eq!(id(idle.take(&deployment("f"))), None);
        assert_eq!(idle.deployments().count(), 1, "nothing is kept of what has none");

        // Used again, it is the youngest.
        let b = idle.take(&deployment("g")).expect("is there");
        idle.put(&environment("d", "g"));
        idle.put(&b);
        assert_eq!(idle.oldest().map(|oldest| oldest.id.0.as_str()), Some("d"));
        assert!(idle.remove(&b.id) && !idle.remove(&b.id));

        assert_eq!(idle.len(), 1);
    }
}
