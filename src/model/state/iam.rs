//! Events of roles and policies of the IAM neighbour, applied; and what is asked of them.

use std::ops::Bound;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use super::State;
use crate::model::event::iam::IamEvent;
use crate::model::iam::{InstanceProfile, Policy, PolicyArn, Role, Use, Used};
use crate::model::names::{AccountId, EntityKey, EntityName};

/// Folds one event.
pub fn apply(state: &mut State, event: &IamEvent) {
    match event {
        IamEvent::RolePut { role } => {
            let role = Arc::new((**role).clone());
            let before = state.iam_roles.insert(role.key.clone(), Arc::clone(&role));
            exchange(&mut state.iam_uses, before.iter().flat_map(|role| role.uses()), role.uses());
        }
        IamEvent::RoleDeleted { key } => {
            let before = state.iam_roles.remove(key);
            exchange(&mut state.iam_uses, before.iter().flat_map(|role| role.uses()), []);
        }
        IamEvent::PolicyPut { policy } => {
            state.iam_policies.insert(policy.key.clone(), Arc::new((**policy).clone()));
        }
        IamEvent::PolicyDeleted { key } => {
            state.iam_policies.remove(key);
        }
        IamEvent::InstanceProfilePut { profile } => {
            let profile = Arc::new((**profile).clone());
            let before = state.iam_profiles.insert(profile.key.clone(), Arc::clone(&profile));
            exchange(&mut state.iam_uses, before.iter().flat_map(|profile| profile.uses()), profile.uses());
        }
        IamEvent::InstanceProfileDeleted { key } => {
            let before = state.iam_profiles.remove(key);
            exchange(&mut state.iam_uses, before.iter().flat_map(|profile| profile.uses()), []);
        }
    }
}

fn exchange(uses: &mut OrdSet<Use>, before: impl IntoIterator<Item = Use>, after: impl IntoIterator<Item = Use>) {
    for gone in before {
        uses.remove(&gone);
    }
    uses.extend(after);
}

/// Makes anew what is derived from roles and profiles.
pub fn rederive(state: &mut State) {
    let of_roles = state.iam_roles.values().flat_map(|role| role.uses());
    let of_profiles = state.iam_profiles.values().flat_map(|profile| profile.uses());
    state.iam_uses = of_roles.chain(of_profiles).collect();
}

impl State {
    /// A role by its name.
    pub fn role(&self, account: &AccountId, name: &str) -> Option<&Arc<Role>> {
        self.iam_roles.get(&EntityKey::new(account, name))
    }

    /// A customer's managed policy by its ARN.
    pub fn policy(&self, arn: &PolicyArn<'_>) -> Option<&Arc<Policy>> {
        self.iam_policies.get(&arn.key()).filter(|policy| policy.path == arn.path)
    }

    /// An instance profile by its name.
    pub fn instance_profile(&self, account: &AccountId, name: &str) -> Option<&Arc<InstanceProfile>> {
        self.iam_profiles.get(&EntityKey::new(account, name))
    }

    /// Who in an account uses something, in order, after `after`.
    pub fn users_of<'a>(
        &'a self,
        account: &AccountId,
        used: &Used,
        after: &str,
    ) -> impl Iterator<Item = &'a EntityName> + use<'a> {
        let first = Use { account: account.clone(), used: used.clone(), by: after.into() };
        let (account, used) = (account.clone(), used.clone());
        self.iam_uses
            .range((Bound::Excluded(first), Bound::Unbounded))
            .take_while(move |found| found.account == account && found.used == used)
            .map(|found| &found.by)
    }
}

/// The entities of an account whose names come after `after`, in order.
pub fn entities_after<'a, T>(
    entities: &'a OrdMap<EntityKey, Arc<T>>,
    account: &AccountId,
    after: &str,
) -> impl Iterator<Item = &'a Arc<T>> + use<'a, T> {
    let account = account.clone();
    entities
        .range((Bound::Excluded(EntityKey { account: account.clone(), name: after.into() }), Bound::Unbounded))
        .take_while(move |(key, _)| key.account == account)
        .map(|(_, entity)| entity)
}
