//! What is asked of the IAM neighbour: entities by name, and who uses what.

use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;

use crate::model::iam::{Group, HolderKind, InstanceProfile, Policy, PolicyArn, Role, Use, Used, User};
use crate::model::names::{AccountId, EntityKey, EntityName};
use crate::model::state::State;

/// Makes anew what is derived from roles, profiles, users and groups.
pub fn rederive(state: &mut State) {
    let of_roles = state.iam_roles.values().flat_map(|role| role.uses());
    let of_profiles = state.iam_profiles.values().flat_map(|profile| profile.uses());
    let of_users = state.iam_users.values().flat_map(|user| user.uses());
    let of_groups = state.iam_groups.values().flat_map(|group| group.uses());
    state.iam_uses = of_roles.chain(of_profiles).chain(of_users).chain(of_groups).collect();
    let keys = |user: &Arc<User>| {
        let key = user.key.clone();
        user.access_keys.iter().map(move |access_key| (access_key.id.clone(), key.clone())).collect::<Vec<_>>()
    };

    state.iam_access_keys = state.iam_users.values().flat_map(keys).collect();
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

    /// A user by its name.
    pub fn user(&self, account: &AccountId, name: &str) -> Option<&Arc<User>> {
        self.iam_users.get(&EntityKey::new(account, name))
    }

    /// The user of an access key.
    pub fn user_of_key(&self, access_key_id: &str) -> Option<&Arc<User>> {
        // A pod may have brought a copy of a user into another account: the first one counts.
        let first = (access_key_id.to_owned(), EntityKey { account: "".into(), name: "".into() });
        let (id, key) = self.iam_access_keys.range(first..).next()?;
        self.iam_users.get(key).filter(|_| id == access_key_id)
    }

    /// A group by its name.
    pub fn group(&self, account: &AccountId, name: &str) -> Option<&Arc<Group>> {
        self.iam_groups.get(&EntityKey::new(account, name))
    }

    /// How many roles, users and groups of an account a policy is attached to.
    pub fn attachments(&self, account: &AccountId, arn: &str) -> usize {
        let used = HolderKind::ALL.map(|kind| Used::Attached(kind, arn.to_owned()));
        used.iter().map(|used| self.users_of(account, used, "").count()).sum()
    }

    /// How many roles and users of an account a policy bounds.
    pub fn bounded(&self, account: &AccountId, arn: &str) -> usize {
        let used = HolderKind::ALL.map(|kind| Used::Boundary(kind, arn.to_owned()));
        used.iter().map(|used| self.users_of(account, used, "").count()).sum()
    }

    /// Who in an account uses something, in order, after `after`.
    pub fn users_of<'a>(
        &'a self,
        account: &AccountId,
        used: &Used,
        after: &str,
    ) -> impl Iterator<Item = &'a EntityName> + use<'a> {
        let first = Use { account: account.clone(), used: used.clone(), by: after.into() };
        let account = account.clone();
        let used = used.clone();
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
