//! Users. An account's owner is not among them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::paging::{PAGING, PageEnd, listed};
use super::roles::{Boundary, named};
use super::tags::{Keys, TAG_KEYS, TAGS, Tag};
use super::{
    ARN, MARKER, MAX_ITEMS, NAME, PATH, PATH_PREFIX, USER, USER_IF_ANY, USER_NAME, check_name, commit, done, is_below,
    tags, texts,
};
use crate::model::error::{ApiError, ErrorCode};
use crate::model::iam::User;
use crate::model::iam::command::{CreateUser, IamCommand, UserChange};
use crate::model::iam::decide::no_user;
use crate::model::iam::lookup::entities_after;
use crate::model::names::AccountId;
use crate::model::state::State;
use crate::model::time::Timestamp;
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::page::Page;
use crate::protocol::shape::Member;
use crate::protocol::xml;
use crate::protocol::xml::List;
use crate::services::Services;

/// The operations of this file.
pub const OPERATIONS: &[Operation<Services>] = &[
    operation!("CreateUser" CREATE => create),
    operation!("DeleteUser" &[USER] => delete),
    operation!("DeleteUserPermissionsBoundary" &[USER] => delete_boundary),
    operation!("GetUser" &[USER_IF_ANY] => get),
    operation!("ListUserTags" &[USER, MARKER, MAX_ITEMS] => list_tags),
    operation!("ListUsers" &[Member::body("PathPrefix", PATH_PREFIX), MARKER, MAX_ITEMS] => list),
    operation!("PutUserPermissionsBoundary" &[USER, Member::body("PermissionsBoundary", ARN).required()] => put_boundary),
    operation!("TagUser" &[USER, TAGS.required()] => tag),
    operation!("UntagUser" &[USER, TAG_KEYS.required()] => untag),
    operation!("UpdateUser" UPDATE => update),
];

const CREATE: &[Member] = &[
    Member::body("Path", PATH),
    Member::body("UserName", USER_NAME).required(),
    Member::body("PermissionsBoundary", ARN),
    TAGS,
];

const UPDATE: &[Member] = &[USER, Member::body("NewPath", PATH), Member::body("NewUserName", NAME)];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateRequest {
    path: Option<String>,
    user_name: String,
    permissions_boundary: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateRequest {
    user_name: String,
    new_path: Option<String>,
    new_user_name: Option<String>,
}

/// `User`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct UserShown {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<String>,
    user_id: String,
    arn: String,
    create_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions_boundary: Option<Boundary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<List<Tag>>,
}

impl UserShown {
    /// As listings show it.
    pub fn listed(user: &User) -> Self {
        Self {
            path: Some(user.path.clone()),
            user_name: Some(user.name.clone()),
            user_id: user.id.clone(),
            arn: user.arn(),
            create_date: xml::time(user.created),
            permissions_boundary: None,
            tags: None,
        }
    }

    fn whole(user: &User) -> Self {
        Self {
            permissions_boundary: user.boundary.clone().map(Boundary::of),
            tags: tags::shown_if_any(&user.tags),
            ..Self::listed(user)
        }
    }

    /// The account's owner. AWS's answer has neither name nor path; some tools read the account from its ARN.
    fn owner(account: &AccountId) -> Self {
        Self {
            path: None,
            user_name: None,
            user_id: account.to_string(),
            arn: format!("arn:aws:iam::{account}:root"),
            create_date: xml::time(Timestamp::default()),
            permissions_boundary: None,
            tags: None,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct UserResult {
    user: UserShown,
}

/// `CreateUser`.
async fn create(services: &Services, mut call: Call) -> Answer {
    let request: CreateRequest = call.parse()?;
    check_name("userName", &request.user_name)?;
    let user = named(&call, request.user_name);
    let create = CreateUser {
        user: user.clone(),
        path: request.path.unwrap_or_else(|| "/".into()),
        boundary: request.permissions_boundary,
        tags: tags::given(request.tags, Keys::AnyCase)?,
    };
    let state = commit(services, &call, IamCommand::CreateUser(Box::new(create))).await?;

    call.answer(&UserResult { user: UserShown::whole(existing(&state, &user.account, &user.name)?) })
}

/// `GetUser`. Without a name it is about the caller: a user, by its access key, or the account's owner.
async fn get(services: &Services, call: Call) -> Answer {
    let state = services.ledger.state();
    let user = match call.text_or_empty("UserName") {
        "" => match caller(&state, &call)? {
            Some(user) => UserShown::whole(user),
            None => UserShown::owner(call.account()),
        },
        name => UserShown::whole(existing(&state, call.account(), name)?),
    };
    call.answer(&UserResult { user })
}

/// The user whose access key a call is signed with; none for the account's owner.
///
/// # Errors
/// The credentials are a role's. The text is AWS's (`LocalStack`'s recordings).
pub fn caller<'a>(state: &'a State, call: &Call) -> Result<Option<&'a User>, ApiError> {
    if call.role_session().is_some() {
        let message = "Must specify userName when calling with non-User credentials";
        return Err(ApiError::new(ErrorCode::ValidationError, message));
    }
    Ok(call.user(state).map(Arc::as_ref))
}

/// `DeleteUser`.
async fn delete(services: &Services, call: Call) -> Answer {
    let user = named(&call, call.text_or_empty("UserName").to_owned());
    done(services, &call, IamCommand::DeleteUser(user)).await
}

/// `ListUsers`.
async fn list(services: &Services, call: Call) -> Answer {
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Result {
        users: List<UserShown>,
        #[serde(flatten)]
        end: PageEnd,
    }

    let page = Page::of(&call, &PAGING)?;
    let prefix = call.text("PathPrefix");
    let state = services.ledger.state();
    let users = entities_after(&state.iam_users, call.account(), page.after().unwrap_or_default())
        .filter(|user| is_below(&user.path, prefix));
    let (users, end) = listed(page.take(users, |user| user.key.name.to_string()), |user| UserShown::listed(user));

    call.answer(&Result { users, end })
}

/// `UpdateUser`.
async fn update(services: &Services, mut call: Call) -> Answer {
    let UpdateRequest { user_name, new_path, new_user_name } = call.parse()?;
    if let Some(name) = &new_user_name {
        check_name("newUserName", name)?;
    }
    change(services, &call, user_name, UserChange::Update { name: new_user_name, path: new_path }).await
}

/// `PutUserPermissionsBoundary`.
async fn put_boundary(services: &Services, call: Call) -> Answer {
    let [name, arn] = texts(&call, ["UserName", "PermissionsBoundary"]);
    change(services, &call, name, UserChange::Bound(Some(arn))).await
}

/// `DeleteUserPermissionsBoundary`.
async fn delete_boundary(services: &Services, call: Call) -> Answer {
    let [name] = texts(&call, ["UserName"]);
    change(services, &call, name, UserChange::Bound(None)).await
}

/// `TagUser`.
async fn tag(services: &Services, mut call: Call) -> Answer {
    let [name] = texts(&call, ["UserName"]);
    let added = UserChange::Tag(tags::added(&mut call, Keys::AnyCase)?);
    change(services, &call, name, added).await
}

/// `UntagUser`.
async fn untag(services: &Services, mut call: Call) -> Answer {
    let [name] = texts(&call, ["UserName"]);
    let removed = UserChange::Untag(tags::removed(&mut call)?);
    change(services, &call, name, removed).await
}

/// `ListUserTags`.
async fn list_tags(services: &Services, call: Call) -> Answer {
    let state = services.ledger.state();
    let user = existing(&state, call.account(), call.text_or_empty("UserName"))?;
    tags::list(&call, &user.tags)
}

/// Changes a user.
pub async fn change(services: &Services, call: &Call, name: String, change: UserChange) -> Answer {
    done(services, call, IamCommand::ChangeUser(named(call, name), change)).await
}

/// A user that is there.
pub fn existing<'a>(state: &'a State, account: &AccountId, name: &str) -> Result<&'a User, ApiError> {
    state.user(account, name).map(|user| &**user).ok_or_else(|| no_user(name))
}
