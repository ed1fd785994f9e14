//! Decisions about users and their access keys.

use super::held::{Holder, bounding, check_none};
use super::{conflict, exists, limit, no_access_key, no_group, no_user, tag, untag};
use crate::model::command::Stamp;
use crate::model::credentials;
use crate::model::decide::Decision;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::event::Event;
use crate::model::iam::command::{CreateUser, Named, UserChange};
use crate::model::iam::event::IamEvent;
use crate::model::iam::{AccessKey, HolderKind, User, unique_id};
use crate::model::names::EntityKey;
use crate::model::state::State;

/// Access keys of a user.
///
/// Source of both: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
const MAX_KEYS: usize = 2;

/// Groups of a user.
const MAX_GROUPS: usize = 10;

/// `CreateUser`.
pub fn create(state: &State, create: &CreateUser, stamp: &Stamp) -> Result<Decision, ApiError> {
    let key = create.user.key();
    if state.iam_users.contains_key(&key) {
        return Err(already_exists(&create.user.name));
    }
    let boundary = bounding(state, &key.account, create.boundary.as_deref())?;
    let user = User {
        key,
        name: create.user.name.clone(),
        path: create.path.clone(),
        id: unique_id("AIDA", stamp),
        created: stamp.time,
        boundary,
        tags: create.tags.clone(),
        inline: std::collections::BTreeMap::new(),
        attached: std::collections::BTreeSet::new(),
        groups: std::collections::BTreeSet::new(),
        access_keys: Vec::new(),
    };

    Ok(put(user).into())
}

/// Everything that changes a user.
pub fn change(state: &State, named: &Named, change: &UserChange, stamp: &Stamp) -> Result<Decision, ApiError> {
    let user = existing(state, named)?;
    let mut changed = user.clone();
    apply(state, &mut changed, change, stamp)?;
    if changed == *user {
        return Ok(Decision::default());
    }
    let mut events: Vec<Event> = Vec::new();
    if changed.key != user.key {
        events.push(IamEvent::UserDeleted { key: user.key.clone() }.into());
    }
    events.push(put(changed).into());

    Ok(Decision { events, shows: None })
}

fn apply(state: &State, user: &mut User, change: &UserChange, stamp: &Stamp) -> Result<(), ApiError> {
    match change {
        UserChange::Update { name, path } => {
            if let Some(name) = name {
                rename(state, user, name)?;
            }
            user.path = path.clone().unwrap_or_else(|| user.path.clone());
        }
        UserChange::Held(change) => {
            let User { key, name, inline, attached, .. } = user;
            Holder { kind: HolderKind::User, account: &key.account, name, inline, attached }.change(state, change)?;
        }
        UserChange::Bound(boundary) => {
            user.boundary = bounding(state, &user.key.account, boundary.as_deref())?;
        }
        UserChange::Tag(tags) => tag(&mut user.tags, tags, false)?,
        UserChange::Untag(keys) => untag(&mut user.tags, keys, false),
        UserChange::Join(name) => join(state, user, name)?,
        UserChange::Leave(name) => {
            let group = state.group(&user.key.account, name).ok_or_else(|| no_group(name))?;
            if !user.groups.remove(&group.key.name) {
                let message = format!("User {} not in group {name}", user.name);
                return Err(ApiError::new(ErrorCode::NoSuchEntity, message));
            }
        }
        UserChange::AddKey => add_key(state, user, stamp)?,
        UserChange::SetKey { id, active } => {
            let key = user.access_keys.iter_mut().find(|key| key.id == *id);
            key.ok_or_else(|| no_access_key(id))?.active = *active;
        }
        UserChange::RemoveKey(id) => {
            let before = user.access_keys.len();
            user.access_keys.retain(|key| key.id != *id);
            if user.access_keys.len() == before {
                return Err(no_access_key(id));
            }
        }
    }
    Ok(())
}

fn rename(state: &State, user: &mut User, name: &str) -> Result<(), ApiError> {
    let key = EntityKey::new(&user.key.account, name);
    if key != user.key && state.iam_users.contains_key(&key) {
        return Err(already_exists(name));
    }
    user.key = key;
    name.clone_into(&mut user.name);
    Ok(())
}

fn join(state: &State, user: &mut User, name: &str) -> Result<(), ApiError> {
    let group = state.group(&user.key.account, name).ok_or_else(|| no_group(name))?;
    user.groups.insert(group.key.name.clone());
    if user.groups.len() > MAX_GROUPS {
        return Err(limit(format!("Cannot exceed quota for GroupsPerUser: {MAX_GROUPS}")));
    }
    Ok(())
}

fn add_key(state: &State, user: &mut User, stamp: &Stamp) -> Result<(), ApiError> {
    if user.access_keys.len() >= MAX_KEYS {
        return Err(limit(format!("Cannot exceed quota for AccessKeysPerUser: {MAX_KEYS}")));
    }
    // An id has room for 23 random bits beside its account: one that is taken is passed over.
    let ids = (0..=u8::MAX).map(|attempt| {
        let random = stamp.revision(attempt).0;
        let [first, second, third, ..] = *random.as_bytes();
        credentials::user_access_key(&user.key.account, [first, second, third])
    });
    let free = ids.into_iter().find(|id| state.user_of_key(id).is_none());
    let id = free.ok_or_else(|| limit("No free access key id was found; try again."))?;
    user.access_keys.push(AccessKey { id, created: stamp.time, active: true });

    Ok(())
}

/// `DeleteUser`.
pub fn delete(state: &State, named: &Named) -> Result<Decision, ApiError> {
    let user = existing(state, named)?;
    if !user.groups.is_empty() {
        return Err(conflict("Cannot delete entity, must remove users from group first."));
    }
    check_none(&user.inline, &user.attached)?;
    if !user.access_keys.is_empty() {
        return Err(conflict("Cannot delete entity, must delete access keys first."));
    }

    Ok(IamEvent::UserDeleted { key: user.key.clone() }.into())
}

fn already_exists(name: &str) -> ApiError {
    exists(format!("User with name {name} already exists."))
}

fn existing<'a>(state: &'a State, named: &Named) -> Result<&'a User, ApiError> {
    state.user(&named.account, &named.name).map(|user| &**user).ok_or_else(|| no_user(&named.name))
}

fn put(user: User) -> IamEvent {
    IamEvent::UserPut { user: Box::new(user) }
}
