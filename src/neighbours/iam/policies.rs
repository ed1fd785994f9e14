//! Managed policies, of customers and of AWS.

use serde::{Deserialize, Serialize};

use super::paging::{Page, PageEnd, PageRequest};
use super::tags::{self, Keys, TAG_KEYS, TAGS, Tag};
use super::{
    DOCUMENT, MARKER, MAX_ITEMS, NAME, PATH, POLICY, POLICY_DESCRIPTION, POLICY_PATH, check_name, document, is_below,
};
use crate::api::Services;
use crate::api::shape::{Kind, Member, one_of};
use crate::model::command::iam::{CreatePolicy, IamCommand, Named, PolicyChange, PolicyRef};
use crate::model::decide::iam::{no_policy, no_policy_arn};
use crate::model::error::ApiError;
use crate::model::iam::managed::{self, Managed};
use crate::model::iam::{Policy, PolicyArn, Used};
use crate::model::names::AccountId;
use crate::model::state::State;
use crate::model::state::iam::entities_after;
use crate::model::time::Timestamp;
use crate::neighbours::query::{Answer, QueryCall, QueryOperation, query_operation};
use crate::neighbours::xml::{self, List, Nothing};

/// The operations of this file.
pub const OPERATIONS: &[QueryOperation] = &[
    query_operation!("CreatePolicy" CREATE => create),
    query_operation!("DeletePolicy" NAMED => delete),
    query_operation!("GetPolicy" NAMED => get),
    query_operation!("ListEntitiesForPolicy" LIST_ENTITIES => list_entities),
    query_operation!("ListPolicies" LIST => list),
    query_operation!("ListPolicyTags" LIST_OF_POLICY => list_tags),
    query_operation!("TagPolicy" TAG => tag),
    query_operation!("UntagPolicy" UNTAG => untag),
];

const CREATE: &[Member] = &[
    Member::body("PolicyName", NAME).required(),
    Member::body("Path", POLICY_PATH),
    Member::body("PolicyDocument", DOCUMENT).required(),
    Member::body("Description", POLICY_DESCRIPTION),
    TAGS,
];
const NAMED: &[Member] = &[POLICY];
/// Listings of what belongs to a policy.
pub const LIST_OF_POLICY: &[Member] = &[POLICY, MARKER, MAX_ITEMS];
const USAGE: Member = Member::body("PolicyUsageFilter", one_of(&["PermissionsPolicy", "PermissionsBoundary"]));
const LIST: &[Member] = &[
    Member::body("Scope", one_of(&["All", "AWS", "Local"])),
    Member::body("OnlyAttached", Kind::Boolean),
    Member::body("PathPrefix", POLICY_PATH),
    USAGE,
    MARKER,
    MAX_ITEMS,
];
const LIST_ENTITIES: &[Member] = &[
    POLICY,
    Member::body("EntityFilter", one_of(&["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"])),
    Member::body("PathPrefix", PATH),
    USAGE,
    MARKER,
    MAX_ITEMS,
];
const TAG: &[Member] = &[POLICY, TAGS.required()];
const UNTAG: &[Member] = &[POLICY, TAG_KEYS.required()];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateRequest {
    policy_name: String,
    path: Option<String>,
    policy_document: String,
    description: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TagRequest {
    policy_arn: String,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    tag_keys: Vec<String>,
}

/// A request about what belongs to a policy.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OfPolicyRequest {
    /// The policy.
    pub policy_arn: String,
    /// The part of a listing.
    #[serde(flatten)]
    pub page: PageRequest,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListRequest {
    scope: Option<String>,
    #[serde(default)]
    only_attached: bool,
    path_prefix: Option<String>,
    policy_usage_filter: Option<String>,
    #[serde(flatten)]
    page: PageRequest,
}

/// `Policy`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyShown {
    policy_name: String,
    policy_id: String,
    arn: String,
    path: String,
    default_version_id: String,
    attachment_count: usize,
    permissions_boundary_usage_count: usize,
    is_attachable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    create_date: String,
    update_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<List<Tag>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyResult {
    policy: PolicyShown,
}

/// A policy, whoever manages it.
#[derive(Debug, Clone)]
pub enum Found<'a> {
    /// A customer's.
    Customers(&'a Policy),
    /// One of AWS's that is known.
    Known(&'static Managed),
    /// One of AWS's that is not.
    Unknown(PolicyArn<'a>),
}

impl<'a> Found<'a> {
    /// The policy of an ARN, as an account sees it.
    pub fn find(state: &'a State, account: &AccountId, arn: &'a str) -> Result<Self, ApiError> {
        let parsed = PolicyArn::parse(arn).ok_or_else(|| no_policy_arn(arn))?;
        if parsed.is_managed_by_aws() {
            return Ok(Managed::find(parsed.path, parsed.name).map_or(Self::Unknown(parsed), Self::Known));
        }
        let policy = state.policy(&parsed).filter(|policy| policy.key.account == *account);
        policy.map(|policy| Self::Customers(policy)).ok_or_else(|| no_policy(arn))
    }

    /// The document and the time of a version; AWS's policies have one here.
    pub fn version(&self, number: u32) -> Option<(&str, Timestamp)> {
        match self {
            Self::Customers(policy) => {
                policy.versions.get(&number).map(|version| (version.document.as_str(), version.created))
            }
            Self::Known(policy) => (number == 1).then_some((policy.document, Timestamp::default())),
            Self::Unknown(_) => (number == 1).then_some((managed::UNKNOWN, Timestamp::default())),
        }
    }

    /// The numbers of its versions, the newest first.
    pub fn versions(&self) -> Vec<u32> {
        match self {
            Self::Customers(policy) => policy.versions.keys().rev().copied().collect(),
            Self::Known(_) | Self::Unknown(_) => vec![1],
        }
    }

    /// The number of the version in force.
    pub fn default_version(&self) -> u32 {
        match self {
            Self::Customers(policy) => policy.default_version,
            Self::Known(_) | Self::Unknown(_) => 1,
        }
    }

    /// Its place in a listing.
    fn key(&self) -> String {
        match self {
            Self::Customers(policy) => format!("0{}", policy.key.name),
            Self::Known(_) | Self::Unknown(_) => format!("1{}", self.arn()),
        }
    }

    fn arn(&self) -> String {
        match self {
            Self::Customers(policy) => policy.arn(),
            Self::Known(policy) => policy.arn(),
            Self::Unknown(arn) => format!("arn:aws:iam::aws:policy{}{}", arn.path, arn.name),
        }
    }

    /// The members that every answer has.
    fn listed(&self, state: &State, account: &AccountId) -> PolicyShown {
        let arn = self.arn();
        let (name, path) = match self {
            Self::Customers(policy) => (policy.name.as_str(), policy.path.as_str()),
            Self::Known(policy) => (policy.name, policy.path),
            Self::Unknown(arn) => (arn.name, arn.path),
        };
        let (policy_id, created, updated) = match self {
            Self::Customers(policy) => (policy.id.clone(), policy.created, policy.updated),
            _ => (aws_id(name), Timestamp::default(), Timestamp::default()),
        };
        PolicyShown {
            policy_name: name.to_owned(),
            policy_id,
            path: path.to_owned(),
            default_version_id: format!("v{}", self.default_version()),
            attachment_count: state.users_of(account, &Used::Attached(arn.clone()), "").count(),
            permissions_boundary_usage_count: state.users_of(account, &Used::Boundary(arn.clone()), "").count(),
            is_attachable: true,
            description: None,
            create_date: xml::time(created),
            update_date: xml::time(updated),
            tags: None,
            arn,
        }
    }

    fn description(&self) -> Option<String> {
        match self {
            Self::Customers(policy) => policy.description.clone(),
            Self::Known(policy) => Some(policy.description.to_owned()),
            Self::Unknown(_) => Some("A policy that AWS manages; Larder does not know its document.".to_owned()),
        }
    }
}

/// The unique id of a policy of AWS: the same for all accounts.
fn aws_id(name: &str) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(name);
    format!("ANPA{}", &crate::model::credentials::base32(&digest)[..17])
}

/// `CreatePolicy`.
async fn create(services: &Services, mut call: QueryCall) -> Answer {
    let request: CreateRequest = call.parse()?;
    check_name("policyName", &request.policy_name)?;
    document::check(&request.policy_document)?;
    let policy = Named { account: call.account().clone(), name: request.policy_name };
    let create = CreatePolicy {
        policy: policy.clone(),
        path: request.path.unwrap_or_else(|| "/".into()),
        document: request.policy_document,
        description: request.description,
        tags: tags::given(request.tags, Keys::ByCase)?,
    };
    let committed = services.commit(IamCommand::CreatePolicy(Box::new(create)), call.origin(), None).await?;
    let made = committed.state.iam_policies.get(&policy.key()).ok_or_else(|| no_policy(&policy.name))?;
    let shown = Found::Customers(made).listed(&committed.state, call.account());
    call.answer(&PolicyResult { policy: PolicyShown { tags: tags::shown_if_any(&made.tags), ..shown } })
}

/// `GetPolicy`.
async fn get(services: &Services, call: QueryCall) -> Answer {
    let state = services.ledger.state();
    let found = Found::find(&state, call.account(), call.text("PolicyArn"))?;
    let tags = match &found {
        Found::Customers(policy) => tags::shown(&policy.tags),
        _ => Vec::new().into(),
    };
    let shown = found.listed(&state, call.account());
    call.answer(&PolicyResult { policy: PolicyShown { description: found.description(), tags: Some(tags), ..shown } })
}

/// `DeletePolicy`.
async fn delete(services: &Services, call: QueryCall) -> Answer {
    let policy = named(&call, call.text("PolicyArn").to_owned());
    services.commit(IamCommand::DeletePolicy(policy), call.origin(), None).await?;
    call.answer(&Nothing {})
}

/// `ListPolicies`.
async fn list(services: &Services, mut call: QueryCall) -> Answer {
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Result {
        policies: List<PolicyShown>,
        #[serde(flatten)]
        end: PageEnd,
    }
    let request: ListRequest = call.parse()?;
    let page = Page::of(&request.page)?;
    let (state, account) = (services.ledger.state(), call.account());
    let scope = request.scope.as_deref().unwrap_or("All");
    // First the customer's by name, then AWS's: a marker tells where in which of them.
    let (in_own, in_aws) = match page.after().split_at_checked(1) {
        Some(("0", name)) => (Some(name), ""),
        Some((_, arn)) => (None, arn),
        None => (Some(""), ""),
    };
    let own = in_own.into_iter().flat_map(|after| entities_after(&state.iam_policies, account, after));
    let own = own.filter(|_| scope != "AWS").map(|policy| Found::Customers(policy));
    let of_aws = managed::POLICIES.iter().filter(|policy| scope != "Local" && policy.arn().as_str() > in_aws);
    let wanted = |shown: &PolicyShown| {
        let (attached, bounding) = (shown.attachment_count > 0, shown.permissions_boundary_usage_count > 0);
        is_below(&shown.path, request.path_prefix.as_deref())
            && (!request.only_attached || attached)
            && match request.policy_usage_filter.as_deref() {
                Some("PermissionsPolicy") => attached,
                Some(_) => bounding,
                None => true,
            }
    };
    let shown = own.chain(of_aws.map(Found::Known)).map(|found| (found.key(), found.listed(&state, account)));
    let wanted = shown.filter(|(_, shown)| wanted(shown));
    let (policies, end) = page.take(wanted, |(key, _)| key.clone(), |(_, shown)| shown.clone());
    call.answer(&Result { policies, end })
}

/// `ListEntitiesForPolicy`. There are no users and groups here.
async fn list_entities(services: &Services, mut call: QueryCall) -> Answer {
    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Request {
        policy_arn: String,
        entity_filter: Option<String>,
        path_prefix: Option<String>,
        policy_usage_filter: Option<String>,
        #[serde(flatten)]
        page: PageRequest,
    }
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct PolicyRole {
        role_name: String,
        role_id: String,
    }
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Result {
        policy_groups: List<PolicyRole>,
        policy_users: List<PolicyRole>,
        policy_roles: List<PolicyRole>,
        #[serde(flatten)]
        end: PageEnd,
    }
    let request: Request = call.parse()?;
    let page = Page::of(&request.page)?;
    let (state, account) = (services.ledger.state(), call.account());
    let arn = Found::find(&state, account, &request.policy_arn)?.arn();
    let attached = state.users_of(account, &Used::Attached(arn.clone()), page.after());
    let bounded = state.users_of(account, &Used::Boundary(arn), page.after());
    let usage = request.policy_usage_filter.as_deref();
    let mut names: Vec<_> = attached
        .filter(|_| usage != Some("PermissionsBoundary"))
        .chain(bounded.filter(|_| usage != Some("PermissionsPolicy")))
        .collect();
    names.sort();
    names.dedup();
    let roles = names
        .into_iter()
        .filter(|_| request.entity_filter.as_deref().is_none_or(|filter| filter == "Role"))
        .filter_map(|name| state.role(account, name.as_str()))
        .filter(|role| is_below(&role.path, request.path_prefix.as_deref()));
    let (policy_roles, end) = page.take(
        roles,
        |role| role.key.name.to_string(),
        |role| PolicyRole { role_name: role.name.clone(), role_id: role.id.clone() },
    );
    let (policy_groups, policy_users) = (Vec::new().into(), Vec::new().into());
    call.answer(&Result { policy_groups, policy_users, policy_roles, end })
}

/// `TagPolicy`.
async fn tag(services: &Services, mut call: QueryCall) -> Answer {
    let request: TagRequest = call.parse()?;
    let change = PolicyChange::Tag(tags::given(request.tags, Keys::ByCase)?);
    change_policy(services, &call, request.policy_arn, change).await?;
    call.answer(&Nothing {})
}

/// `UntagPolicy`.
async fn untag(services: &Services, mut call: QueryCall) -> Answer {
    let request: TagRequest = call.parse()?;
    change_policy(services, &call, request.policy_arn, PolicyChange::Untag(request.tag_keys)).await?;
    call.answer(&Nothing {})
}

/// `ListPolicyTags`.
async fn list_tags(services: &Services, mut call: QueryCall) -> Answer {
    let request: OfPolicyRequest = call.parse()?;
    let state = services.ledger.state();
    let found = Found::find(&state, call.account(), &request.policy_arn)?;
    let none = crate::model::iam::Tags::new();
    let tags = match found {
        Found::Customers(policy) => &policy.tags,
        _ => &none,
    };
    tags::list(&call, tags, &request.page)
}

/// Changes a policy; returns the state after it.
pub async fn change_policy(
    services: &Services,
    call: &QueryCall,
    arn: String,
    change: PolicyChange,
) -> Result<std::sync::Arc<State>, ApiError> {
    let command = IamCommand::ChangePolicy(named(call, arn), change);
    Ok(services.commit(command, call.origin(), None).await?.state)
}

fn named(call: &QueryCall, arn: String) -> PolicyRef {
    PolicyRef { account: call.account().clone(), arn }
}
