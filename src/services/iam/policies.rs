//! Managed policies, of customers and of AWS.

use serde::{Deserialize, Serialize};

use super::found_policy::{Found, PolicyShown};
use super::paging::{PAGING, PageEnd, listed};
use super::tags::{Keys, TAG_KEYS, TAGS, Tag};
use super::{
    DOCUMENT, MARKER, MAX_ITEMS, NAME, POLICY, POLICY_DESCRIPTION, POLICY_PATH, check_name, commit, document, done,
    is_below, tags, texts,
};
use crate::model::iam::command::{CreatePolicy, IamCommand, Named, PolicyChange, PolicyRef};
use crate::model::iam::decide::no_policy;
use crate::model::iam::lookup::entities_after;
use crate::model::iam::managed;
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::page::Page;
use crate::protocol::shape::{Kind, Member, one_of};
use crate::protocol::xml::List;
use crate::services::Services;

/// The operations of this file.
pub const OPERATIONS: &[Operation<Services>] = &[
    operation!("CreatePolicy" CREATE => create),
    operation!("DeletePolicy" NAMED => delete),
    operation!("GetPolicy" NAMED => get),
    operation!("ListPolicies" LIST => list),
    operation!("ListPolicyTags" LIST_OF_POLICY => list_tags),
    operation!("TagPolicy" TAG => tag),
    operation!("UntagPolicy" UNTAG => untag),
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
/// What a policy is used as.
pub const USAGE: Member = Member::body("PolicyUsageFilter", one_of(&["PermissionsPolicy", "PermissionsBoundary"]));
const LIST: &[Member] = &[
    Member::body("Scope", one_of(&["All", "AWS", "Local"])),
    Member::body("OnlyAttached", Kind::Boolean),
    Member::body("PathPrefix", POLICY_PATH),
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
struct ListRequest {
    scope: Option<String>,
    #[serde(default)]
    only_attached: bool,
    policy_usage_filter: Option<String>,
    path_prefix: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyResult {
    policy: PolicyShown,
}

/// `CreatePolicy`.
async fn create(services: &Services, mut call: Call) -> Answer {
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
    let state = commit(services, &call, IamCommand::CreatePolicy(Box::new(create))).await?;
    let made = state.iam_policies.get(&policy.key()).ok_or_else(|| no_policy(&policy.name))?;
    let shown = Found::Customers(made).listed(&state, call.account());

    call.answer(&PolicyResult { policy: PolicyShown { tags: tags::shown_if_any(&made.tags), ..shown } })
}

/// `GetPolicy`.
async fn get(services: &Services, call: Call) -> Answer {
    let state = services.ledger.state();
    let found = Found::find(&state, call.account(), call.text_or_empty("PolicyArn"))?;
    let tags = match &found {
        Found::Customers(policy) => tags::shown(&policy.tags),
        _ => Vec::new().into(),
    };
    let shown = found.listed(&state, call.account());
    call.answer(&PolicyResult { policy: PolicyShown { description: found.description(), tags: Some(tags), ..shown } })
}

/// `DeletePolicy`.
async fn delete(services: &Services, call: Call) -> Answer {
    let policy = named(&call, call.text_or_empty("PolicyArn").to_owned());
    done(services, &call, IamCommand::DeletePolicy(policy)).await
}

/// `ListPolicies`.
async fn list(services: &Services, mut call: Call) -> Answer {
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Result {
        policies: List<PolicyShown>,
        #[serde(flatten)]
        end: PageEnd,
    }

    let page = Page::of(&call, &PAGING)?;
    let request: ListRequest = call.parse()?;
    let state = services.ledger.state();
    let account = call.account();
    let scope = request.scope.as_deref().unwrap_or("All");

    // First the customer's by name, then AWS's: a marker tells where in which of them.
    let (in_own, in_aws) = match page.after().unwrap_or_default().split_at_checked(1) {
        Some(("0", name)) => (Some(name), ""),
        Some((_, arn)) => (None, arn),
        None => (Some(""), ""),
    };
    let own = in_own.into_iter().flat_map(|after| entities_after(&state.iam_policies, account, after));
    let own = own.filter(|_| scope != "AWS").map(|policy| Found::Customers(policy));
    let of_aws = managed::POLICIES.iter().filter(|policy| scope != "Local" && policy.arn().as_str() > in_aws);
    let wanted = |shown: &PolicyShown| {
        let attached = shown.attachment_count > 0;
        let bounding = shown.permissions_boundary_usage_count > 0;
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
    let (policies, end) = listed(page.take(wanted, |(key, _)| key.clone()), |(_, shown)| shown.clone());

    call.answer(&Result { policies, end })
}

/// `TagPolicy`.
async fn tag(services: &Services, mut call: Call) -> Answer {
    let [arn] = texts(&call, ["PolicyArn"]);
    let change = PolicyChange::Tag(tags::added(&mut call, Keys::ByCase)?);
    done(services, &call, changed(&call, arn, change)).await
}

/// `UntagPolicy`.
async fn untag(services: &Services, mut call: Call) -> Answer {
    let [arn] = texts(&call, ["PolicyArn"]);
    let change = PolicyChange::Untag(tags::removed(&mut call)?);
    done(services, &call, changed(&call, arn, change)).await
}

/// `ListPolicyTags`.
async fn list_tags(services: &Services, call: Call) -> Answer {
    let [arn] = texts(&call, ["PolicyArn"]);
    let state = services.ledger.state();
    let none = crate::model::iam::Tags::new();
    let tags = match Found::find(&state, call.account(), &arn)? {
        Found::Customers(policy) => &policy.tags,
        _ => &none,
    };
    tags::list(&call, tags)
}

/// The command that changes a policy.
pub fn changed(call: &Call, arn: String, change: PolicyChange) -> IamCommand {
    IamCommand::ChangePolicy(named(call, arn), change)
}

fn named(call: &Call, arn: String) -> PolicyRef {
    PolicyRef { account: call.account().clone(), arn }
}
