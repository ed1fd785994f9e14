//! Whom a policy is attached to, and whom it bounds.

use serde::{Deserialize, Serialize};

use super::found_policy::Found;
use super::paging::{PAGING, PageEnd};
use super::policies::USAGE;
use super::{MARKER, MAX_ITEMS, PATH, POLICY, is_below};
use crate::model::iam::{HolderKind, Used};
use crate::model::names::{AccountId, EntityName};
use crate::model::state::State;
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::page::{Order, Page};
use crate::protocol::shape::{Member, one_of};
use crate::protocol::xml::List;
use crate::services::Services;

/// The operation of this file.
pub const OPERATIONS: &[Operation<Services>] = &[operation!("ListEntitiesForPolicy" LIST => list)];

const LIST: &[Member] = &[
    POLICY,
    Member::body("EntityFilter", one_of(&["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"])),
    Member::body("PathPrefix", PATH),
    USAGE,
    MARKER,
    MAX_ITEMS,
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    policy_arn: String,
    entity_filter: Option<String>,
    policy_usage_filter: Option<String>,
    path_prefix: Option<String>,
}

/// One that has the policy.
struct Entity {
    kind: HolderKind,
    key: EntityName,
    name: String,
    id: String,
    path: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyGroup {
    group_name: String,
    group_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyUser {
    user_name: String,
    user_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyRole {
    role_name: String,
    role_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entities {
    policy_groups: List<PolicyGroup>,
    policy_users: List<PolicyUser>,
    policy_roles: List<PolicyRole>,
    #[serde(flatten)]
    end: PageEnd,
}

/// `ListEntitiesForPolicy`: one listing of roles, users and groups, shown as three.
async fn list(services: &Services, mut call: Call) -> Answer {
    let page = Page::of(&call, &PAGING)?;
    let request: Request = call.parse()?;
    let state = services.ledger.state();
    let account = call.account();
    let arn = Found::find(&state, account, &request.policy_arn)?.arn();
    let usage = request.policy_usage_filter.as_deref();
    let found = HolderKind::ALL
        .into_iter()
        .filter(|kind| request.entity_filter.as_deref().is_none_or(|filter| filter.eq_ignore_ascii_case(kind.word())))
        .flat_map(|kind| names(&state, account, kind, &arn, usage).into_iter().map(move |name| (kind, name)))
        .filter_map(|(kind, name)| entity(&state, account, kind, name))
        .filter(|entity| is_below(&entity.path, request.path_prefix.as_deref()));
    let (found, next) =
        page.take_sorted(found, |entity| format!("{}{}", entity.kind as u8, entity.key), Order::Ascending);
    let mut entities = (Vec::new(), Vec::new(), Vec::new());

    for Entity { kind, name, id, .. } in found {
        match kind {
            HolderKind::Group => entities.0.push(PolicyGroup { group_name: name, group_id: id }),
            HolderKind::User => entities.1.push(PolicyUser { user_name: name, user_id: id }),
            HolderKind::Role => entities.2.push(PolicyRole { role_name: name, role_id: id }),
        }
    }

    let policy_groups = entities.0.into();
    let policy_users = entities.1.into();
    let policy_roles = entities.2.into();
    call.answer(&Entities { policy_groups, policy_users, policy_roles, end: next.into() })
}

/// The names of those of a kind that have a policy, in order, each once.
fn names<'a>(
    state: &'a State,
    account: &AccountId,
    kind: HolderKind,
    arn: &str,
    usage: Option<&str>,
) -> Vec<&'a EntityName> {
    let attached = state.users_of(account, &Used::Attached(kind, arn.to_owned()), "");
    let bounded = state.users_of(account, &Used::Boundary(kind, arn.to_owned()), "");
    let mut names: Vec<_> = attached
        .filter(|_| usage != Some("PermissionsBoundary"))
        .chain(bounded.filter(|_| usage != Some("PermissionsPolicy")))
        .collect();
    names.sort();
    names.dedup();

    names
}

fn entity(state: &State, account: &AccountId, kind: HolderKind, key: &EntityName) -> Option<Entity> {
    let (name, id, path) = match kind {
        HolderKind::Role => state.role(account, key.as_str()).map(|it| (&it.name, &it.id, &it.path)),
        HolderKind::User => state.user(account, key.as_str()).map(|it| (&it.name, &it.id, &it.path)),
        HolderKind::Group => state.group(account, key.as_str()).map(|it| (&it.name, &it.id, &it.path)),
    }?;
    Some(Entity { kind, key: key.clone(), name: name.clone(), id: id.clone(), path: path.clone() })
}
