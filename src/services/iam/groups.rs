//! Groups, and who is in them.

use serde::{Deserialize, Serialize};

use super::paging::{PAGING, PageEnd, listed};
use super::roles::named;
use super::users::{UserShown, change, existing as existing_user};
use super::{GROUP, MARKER, MAX_ITEMS, NAME, PATH, PATH_PREFIX, USER, check_name, commit, done, is_below, texts};
use crate::model::error::ApiError;
use crate::model::iam::command::{GroupChange, IamCommand, UserChange};
use crate::model::iam::decide::no_group;
use crate::model::iam::lookup::entities_after;
use crate::model::iam::{Group, Used};
use crate::model::names::AccountId;
use crate::model::state::State;
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::page::{Order, Page};
use crate::protocol::shape::Member;
use crate::protocol::xml;
use crate::protocol::xml::List;
use crate::services::Services;

/// The operations of this file.
pub const OPERATIONS: &[Operation<Services>] = &[
    operation!("AddUserToGroup" &[GROUP, USER] => add_user),
    operation!("CreateGroup" &[Member::body("Path", PATH), GROUP] => create),
    operation!("DeleteGroup" &[GROUP] => delete),
    operation!("GetGroup" &[GROUP, MARKER, MAX_ITEMS] => get),
    operation!("ListGroups" &[Member::body("PathPrefix", PATH_PREFIX), MARKER, MAX_ITEMS] => list),
    operation!("ListGroupsForUser" &[USER, MARKER, MAX_ITEMS] => list_of_user),
    operation!("RemoveUserFromGroup" &[GROUP, USER] => remove_user),
    operation!("UpdateGroup" UPDATE => update),
];

const UPDATE: &[Member] = &[GROUP, Member::body("NewPath", PATH), Member::body("NewGroupName", NAME)];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateRequest {
    group_name: String,
    new_path: Option<String>,
    new_group_name: Option<String>,
}

/// `Group`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct GroupShown {
    path: String,
    group_name: String,
    group_id: String,
    arn: String,
    create_date: String,
}

impl GroupShown {
    fn new(group: &Group) -> Self {
        Self {
            path: group.path.clone(),
            group_name: group.name.clone(),
            group_id: group.id.clone(),
            arn: group.arn(),
            create_date: xml::time(group.created),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Groups {
    groups: List<GroupShown>,
    #[serde(flatten)]
    end: PageEnd,
}

/// `CreateGroup`.
async fn create(services: &Services, call: Call) -> Answer {
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Result {
        group: GroupShown,
    }

    let [name, path] = texts(&call, ["GroupName", "Path"]);
    check_name("groupName", &name)?;
    let path = if path.is_empty() { "/".to_owned() } else { path };
    let command = IamCommand::CreateGroup { group: named(&call, name.clone()), path };
    let state = commit(services, &call, command).await?;

    call.answer(&Result { group: GroupShown::new(existing(&state, call.account(), &name)?) })
}

/// `GetGroup`: the group and a page of its users.
async fn get(services: &Services, call: Call) -> Answer {
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Result {
        group: GroupShown,
        users: List<UserShown>,
        #[serde(flatten)]
        end: PageEnd,
    }

    let [name] = texts(&call, ["GroupName"]);
    let page = Page::of(&call, &PAGING)?;
    let state = services.ledger.state();
    let account = call.account();
    let group = existing(&state, account, &name)?;
    let names = state.users_of(account, &Used::Group(group.key.name.clone()), page.after().unwrap_or_default());
    let users = names.filter_map(|name| state.user(account, name.as_str()));
    let (users, end) = listed(page.take(users, |user| user.key.name.to_string()), |user| UserShown::listed(user));

    call.answer(&Result { group: GroupShown::new(group), users, end })
}

/// `ListGroups`.
async fn list(services: &Services, call: Call) -> Answer {
    let page = Page::of(&call, &PAGING)?;
    let prefix = call.text("PathPrefix");
    let state = services.ledger.state();
    let groups = entities_after(&state.iam_groups, call.account(), page.after().unwrap_or_default())
        .filter(|group| is_below(&group.path, prefix));
    let (groups, end) = listed(page.take(groups, |group| group.key.name.to_string()), |group| GroupShown::new(group));
    call.answer(&Groups { groups, end })
}

/// `ListGroupsForUser`.
async fn list_of_user(services: &Services, call: Call) -> Answer {
    let [name] = texts(&call, ["UserName"]);
    let page = Page::of(&call, &PAGING)?;
    let state = services.ledger.state();
    let account = call.account();
    let user = existing_user(&state, account, &name)?;
    let groups = user.groups.iter().filter_map(|name| state.group(account, name.as_str()));
    let (groups, end) =
        listed(page.take_sorted(groups, |group| group.key.name.to_string(), Order::Ascending), |group| {
            GroupShown::new(group)
        });

    call.answer(&Groups { groups, end })
}

/// `UpdateGroup`.
async fn update(services: &Services, mut call: Call) -> Answer {
    let UpdateRequest { group_name, new_path, new_group_name } = call.parse()?;
    if let Some(name) = &new_group_name {
        check_name("newGroupName", name)?;
    }
    let change = GroupChange::Update { name: new_group_name, path: new_path };
    done(services, &call, IamCommand::ChangeGroup(named(&call, group_name), change)).await
}

/// `DeleteGroup`.
async fn delete(services: &Services, call: Call) -> Answer {
    let [name] = texts(&call, ["GroupName"]);
    done(services, &call, IamCommand::DeleteGroup(named(&call, name))).await
}

/// `AddUserToGroup`.
async fn add_user(services: &Services, call: Call) -> Answer {
    let [group, user] = texts(&call, ["GroupName", "UserName"]);
    existing(&services.ledger.state(), call.account(), &group)?;
    change(services, &call, user, UserChange::Join(group)).await
}

/// `RemoveUserFromGroup`.
async fn remove_user(services: &Services, call: Call) -> Answer {
    let [group, user] = texts(&call, ["GroupName", "UserName"]);
    existing(&services.ledger.state(), call.account(), &group)?;
    change(services, &call, user, UserChange::Leave(group)).await
}

/// A group that is there.
fn existing<'a>(state: &'a State, account: &AccountId, name: &str) -> Result<&'a Group, ApiError> {
    state.group(account, name).map(|group| &**group).ok_or_else(|| no_group(name))
}
