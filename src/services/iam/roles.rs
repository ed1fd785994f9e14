//! Roles.

use serde::{Deserialize, Serialize};

use super::paging::{PAGING, PageEnd, listed};
use super::tags::{Keys, TAG_KEYS, TAGS, Tag};
use super::{
    ARN, DOCUMENT, MARKER, MAX_ITEMS, PATH, PATH_PREFIX, ROLE, ROLE_DESCRIPTION, SESSION_DURATION, check_name, commit,
    document, done, is_below, tags, texts,
};
use crate::model::error::{ApiError, ErrorCode};
use crate::model::iam::command::{CreateRole, IamCommand, Named, RoleChange};
use crate::model::iam::decide::no_role;
use crate::model::iam::lookup::entities_after;
use crate::model::iam::{LINKED_PATH, Role};
use crate::model::names::AccountId;
use crate::model::state::State;
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::page::Page;
use crate::protocol::shape::Member;
use crate::protocol::xml;
use crate::protocol::xml::{List, Nothing};
use crate::services::Services;

/// The operations of this file.
pub const OPERATIONS: &[Operation<Services>] = &[
    operation!("CreateRole" CREATE => create),
    operation!("DeleteRole" NAMED => delete),
    operation!("DeleteRolePermissionsBoundary" NAMED => delete_boundary),
    operation!("GetRole" NAMED => get),
    operation!("ListRoleTags" LIST_OF_ROLE => list_tags),
    operation!("ListRoles" LIST => list),
    operation!("PutRolePermissionsBoundary" PUT_BOUNDARY => put_boundary),
    operation!("TagRole" TAG => tag),
    operation!("UntagRole" UNTAG => untag),
    operation!("UpdateAssumeRolePolicy" UPDATE_TRUST => update_trust),
    operation!("UpdateRole" UPDATE => update),
    operation!("UpdateRoleDescription" UPDATE_DESCRIPTION => update_description),
];

const CREATE: &[Member] = &[
    Member::body("Path", PATH),
    ROLE,
    Member::body("AssumeRolePolicyDocument", DOCUMENT).required(),
    Member::body("Description", ROLE_DESCRIPTION),
    Member::body("MaxSessionDuration", SESSION_DURATION),
    Member::body("PermissionsBoundary", ARN),
    TAGS,
];
const NAMED: &[Member] = &[ROLE];
const LIST: &[Member] = &[Member::body("PathPrefix", PATH_PREFIX), MARKER, MAX_ITEMS];
/// Listings of what belongs to a role.
pub const LIST_OF_ROLE: &[Member] = &[ROLE, MARKER, MAX_ITEMS];
const PUT_BOUNDARY: &[Member] = &[ROLE, Member::body("PermissionsBoundary", ARN).required()];
const TAG: &[Member] = &[ROLE, TAGS.required()];
const UNTAG: &[Member] = &[ROLE, TAG_KEYS.required()];
const UPDATE_TRUST: &[Member] = &[ROLE, Member::body("PolicyDocument", DOCUMENT).required()];
const UPDATE: &[Member] =
    &[ROLE, Member::body("Description", ROLE_DESCRIPTION), Member::body("MaxSessionDuration", SESSION_DURATION)];
const UPDATE_DESCRIPTION: &[Member] = &[ROLE, Member::body("Description", ROLE_DESCRIPTION).required()];

/// Seconds a session lasts at most if the caller does not say.
const SESSION_S: u32 = 3600;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateRequest {
    path: Option<String>,
    role_name: String,
    assume_role_policy_document: String,
    description: Option<String>,
    max_session_duration: Option<u32>,
    permissions_boundary: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateRequest {
    role_name: String,
    description: Option<String>,
    max_session_duration: Option<u32>,
}

/// `Role`. Which answers have which members: as in `LocalStack`'s snapshots of AWS's IAM
/// (`test_iam_roles.snapshot.json`).
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RoleShown {
    path: String,
    role_name: String,
    role_id: String,
    arn: String,
    create_date: String,
    assume_role_policy_document: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_session_duration: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions_boundary: Option<Boundary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<List<Tag>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_last_used: Option<Nothing>,
}

/// `AttachedPermissionsBoundary`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Boundary {
    permissions_boundary_type: &'static str,
    permissions_boundary_arn: String,
}

impl Boundary {
    /// The one of an ARN.
    pub fn of(arn: String) -> Self {
        Self { permissions_boundary_type: "Policy", permissions_boundary_arn: arn }
    }
}

/// `Role` alone in a result.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RoleResult {
    role: RoleShown,
}

impl RoleShown {
    /// The members that every answer has.
    pub fn in_profile(role: &Role) -> Self {
        Self {
            path: role.path.clone(),
            role_name: role.name.clone(),
            role_id: role.id.clone(),
            arn: role.arn(),
            create_date: xml::time(role.created),
            assume_role_policy_document: document::encoded(&role.trust_policy),
            description: None,
            max_session_duration: None,
            permissions_boundary: None,
            tags: None,
            role_last_used: None,
        }
    }

    fn listed(role: &Role) -> Self {
        Self {
            description: role.description.clone(),
            max_session_duration: Some(role.max_session_duration_s),
            ..Self::in_profile(role)
        }
    }

    /// As it is answered to the call that made it.
    pub fn created(role: &Role) -> RoleResult {
        let role = Self {
            permissions_boundary: boundary(role),
            tags: tags::shown_if_any(&role.tags),
            ..Self::in_profile(role)
        };
        RoleResult { role }
    }

    fn whole(role: &Role) -> RoleResult {
        let role = Self {
            permissions_boundary: boundary(role),
            tags: tags::shown_if_any(&role.tags),
            role_last_used: Some(Nothing {}),
            ..Self::listed(role)
        };
        RoleResult { role }
    }
}

fn boundary(role: &Role) -> Option<Boundary> {
    role.boundary.clone().map(Boundary::of)
}

/// `CreateRole`.
async fn create(services: &Services, mut call: Call) -> Answer {
    let request: CreateRequest = call.parse()?;
    check_name("roleName", &request.role_name)?;
    if request.path.as_deref().is_some_and(|path| path.starts_with(LINKED_PATH)) {
        // As AWS's users report it.
        let message = format!("Path prefix '{LINKED_PATH}' can only be used for AWS Service linked Roles");
        return Err(ApiError::new(ErrorCode::InvalidInput, message));
    }

    document::check_trust(&request.assume_role_policy_document)?;
    let role = named(&call, request.role_name);
    let create = CreateRole {
        role: role.clone(),
        path: request.path.unwrap_or_else(|| "/".into()),
        trust_policy: request.assume_role_policy_document,
        description: request.description,
        max_session_duration_s: request.max_session_duration.unwrap_or(SESSION_S),
        boundary: request.permissions_boundary,
        tags: tags::given(request.tags, Keys::AnyCase)?,
        attached: Vec::new(),
    };
    let state = commit(services, &call, IamCommand::CreateRole(Box::new(create))).await?;

    call.answer(&RoleShown::created(existing(&state, &role.account, &role.name)?))
}

/// `GetRole`.
async fn get(services: &Services, call: Call) -> Answer {
    let state = services.ledger.state();
    call.answer(&RoleShown::whole(existing(&state, call.account(), call.text_or_empty("RoleName"))?))
}

/// `DeleteRole`.
async fn delete(services: &Services, call: Call) -> Answer {
    let role = named(&call, call.text_or_empty("RoleName").to_owned());
    done(services, &call, IamCommand::DeleteRole(role)).await
}

/// `ListRoles`.
async fn list(services: &Services, call: Call) -> Answer {
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Result {
        roles: List<RoleShown>,
        #[serde(flatten)]
        end: PageEnd,
    }

    let page = Page::of(&call, &PAGING)?;
    let prefix = call.text("PathPrefix");
    let state = services.ledger.state();
    let roles = entities_after(&state.iam_roles, call.account(), page.after().unwrap_or_default())
        .filter(|role| is_below(&role.path, prefix));
    let (roles, end) = listed(page.take(roles, |role| role.key.name.to_string()), |role| RoleShown::listed(role));

    call.answer(&Result { roles, end })
}

/// `UpdateRole`.
async fn update(services: &Services, mut call: Call) -> Answer {
    let UpdateRequest { role_name, description, max_session_duration } = call.parse()?;
    let change = RoleChange::Update { description, max_session_duration_s: max_session_duration };
    change_role(services, &call, role_name, change).await
}

/// `UpdateRoleDescription`.
async fn update_description(services: &Services, mut call: Call) -> Answer {
    let UpdateRequest { role_name, description, .. } = call.parse()?;
    let shown = description.clone();
    let change = RoleChange::Update { description, max_session_duration_s: None };
    let command = IamCommand::ChangeRole(named(&call, role_name.clone()), change);
    let state = commit(services, &call, command).await?;
    let mut result = RoleShown::created(existing(&state, call.account(), &role_name)?);
    result.role.description = shown;
    call.answer(&result)
}

/// `UpdateAssumeRolePolicy`.
async fn update_trust(services: &Services, call: Call) -> Answer {
    let [name, document] = texts(&call, ["RoleName", "PolicyDocument"]);
    document::check_trust(&document)?;
    change_role(services, &call, name, RoleChange::Trust(document)).await
}

/// `PutRolePermissionsBoundary`.
async fn put_boundary(services: &Services, call: Call) -> Answer {
    let [name, arn] = texts(&call, ["RoleName", "PermissionsBoundary"]);
    change_role(services, &call, name, RoleChange::Bound(Some(arn))).await
}

/// `DeleteRolePermissionsBoundary`.
async fn delete_boundary(services: &Services, call: Call) -> Answer {
    let name = call.text_or_empty("RoleName").to_owned();
    change_role(services, &call, name, RoleChange::Bound(None)).await
}

/// `TagRole`.
async fn tag(services: &Services, mut call: Call) -> Answer {
    let [name] = texts(&call, ["RoleName"]);
    let change = RoleChange::Tag(tags::added(&mut call, Keys::AnyCase)?);
    change_role(services, &call, name, change).await
}

/// `UntagRole`.
async fn untag(services: &Services, mut call: Call) -> Answer {
    let [name] = texts(&call, ["RoleName"]);
    let change = RoleChange::Untag(tags::removed(&mut call)?);
    change_role(services, &call, name, change).await
}

/// `ListRoleTags`.
async fn list_tags(services: &Services, call: Call) -> Answer {
    let state = services.ledger.state();
    let role = existing(&state, call.account(), call.text_or_empty("RoleName"))?;
    tags::list(&call, &role.tags)
}

/// Changes a role.
pub async fn change_role(services: &Services, call: &Call, name: String, change: RoleChange) -> Answer {
    done(services, call, IamCommand::ChangeRole(named(call, name), change)).await
}

/// A role or profile as the caller names it.
pub fn named(call: &Call, name: String) -> Named {
    Named { account: call.account().clone(), name }
}

/// A role that is there.
pub fn existing<'a>(state: &'a State, account: &AccountId, name: &str) -> Result<&'a Role, ApiError> {
    state.role(account, name).map(|role| &**role).ok_or_else(|| no_role(name))
}
