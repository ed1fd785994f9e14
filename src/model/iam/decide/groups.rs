//! Decisions about groups.

use std::sync::Arc;

use super::held::{Holder, check_none};
use super::{conflict, exists, no_group};
use crate::model::command::Stamp;
use crate::model::decide::Decision;
use crate::model::error::ApiError;
use crate::model::event::Event;
use crate::model::iam::command::{GroupChange, Named};
use crate::model::iam::event::IamEvent;
use crate::model::iam::{Group, HolderKind, Used, unique_id};
use crate::model::names::EntityKey;
use crate::model::state::State;

/// `CreateGroup`.
pub fn create(state: &State, named: &Named, path: &str, stamp: &Stamp) -> Result<Decision, ApiError> {
    let key = named.key();
    if state.iam_groups.contains_key(&key) {
        return Err(already_exists(&named.name));
    }
    let group = Group {
        key,
        name: named.name.clone(),
        path: path.to_owned(),
        id: unique_id("AGPA", stamp),
        created: stamp.time,
        inline: std::collections::BTreeMap::new(),
        attached: std::collections::BTreeSet::new(),
    };
    Ok(put(group).into())
}

/// Everything that changes a group.
pub fn change(state: &State, named: &Named, change: &GroupChange) -> Result<Decision, ApiError> {
    let group = existing(state, named)?;
    let mut changed = group.clone();
    match change {
        GroupChange::Update { name, path } => {
            if let Some(name) = name {
                rename(state, &mut changed, name)?;
            }
            changed.path = path.clone().unwrap_or(changed.path);
        }
        GroupChange::Held(change) => {
            let Group { key, name, inline, attached, .. } = &mut changed;
            Holder { kind: HolderKind::Group, account: &key.account, name, inline, attached }.change(state, change)?;
        }
    }

    Ok(if changed == *group { Decision::default() } else { replaced(state, group, changed) })
}

fn rename(state: &State, group: &mut Group, name: &str) -> Result<(), ApiError> {
    let key = EntityKey::new(&group.key.account, name);
    if key != group.key && state.iam_groups.contains_key(&key) {
        return Err(already_exists(name));
    }
    group.key = key;
    name.clone_into(&mut group.name);
    Ok(())
}

/// A group with another name keeps its users.
fn replaced(state: &State, before: &Group, after: Group) -> Decision {
    if before.key == after.key {
        return put(after).into();
    }
    let mut events: Vec<Event> = vec![IamEvent::GroupDeleted { key: before.key.clone() }.into()];
    for name in state.users_of(&before.key.account, &Used::Group(before.key.name.clone()), "") {
        let Some(user) = state.user(&before.key.account, name.as_str()) else { continue };
        let mut user = Arc::unwrap_or_clone(Arc::clone(user));
        user.groups.remove(&before.key.name);
        user.groups.insert(after.key.name.clone());
        events.push(IamEvent::UserPut { user: Box::new(user) }.into());
    }

    events.push(put(after).into());
    Decision { events, shows: None }
}

/// `DeleteGroup`.
pub fn delete(state: &State, named: &Named) -> Result<Decision, ApiError> {
    let group = existing(state, named)?;
    if state.users_of(&group.key.account, &Used::Group(group.key.name.clone()), "").next().is_some() {
        return Err(conflict("Cannot delete entity, must remove users from group first."));
    }
    check_none(&group.inline, &group.attached)?;
    Ok(IamEvent::GroupDeleted { key: group.key.clone() }.into())
}

fn already_exists(name: &str) -> ApiError {
    exists(format!("Group with name {name} already exists."))
}

fn existing<'a>(state: &'a State, named: &Named) -> Result<&'a Group, ApiError> {
    state.group(&named.account, &named.name).map(|group| &**group).ok_or_else(|| no_group(&named.name))
}

fn put(group: Group) -> IamEvent {
    IamEvent::GroupPut { group: Box::new(group) }
}
