//! The policies of roles: their own, and the managed ones attached to them.

use serde::{Deserialize, Serialize};

use super::paging::{Page, PageEnd, PageRequest};
use super::roles::{LIST_OF_ROLE, OfRoleRequest, change_role, existing};
use super::{DOCUMENT, MARKER, MAX_ITEMS, NAME, POLICY, POLICY_PATH, ROLE, check_name, document, is_below};
use crate::api::Services;
use crate::api::shape::Member;
use crate::model::command::iam::RoleChange;
use crate::model::decide::iam::no_role_policy;
use crate::model::iam::PolicyArn;
use crate::neighbours::query::{Answer, QueryCall, QueryOperation, query_operation};
use crate::neighbours::xml::{List, Nothing};

/// The operations of this file.
pub const OPERATIONS: &[QueryOperation] = &[
    query_operation!("AttachRolePolicy" ATTACHED => attach),
    query_operation!("DeleteRolePolicy" INLINE => delete),
    query_operation!("DetachRolePolicy" ATTACHED => detach),
    query_operation!("GetRolePolicy" INLINE => get),
    query_operation!("ListAttachedRolePolicies" LIST_ATTACHED => list_attached),
    query_operation!("ListRolePolicies" LIST_OF_ROLE => list),
    query_operation!("PutRolePolicy" PUT => put),
];

const POLICY_NAME: Member = Member::body("PolicyName", NAME).required();
const INLINE: &[Member] = &[ROLE, POLICY_NAME];
const PUT: &[Member] = &[ROLE, POLICY_NAME, Member::body("PolicyDocument", DOCUMENT).required()];
const ATTACHED: &[Member] = &[ROLE, POLICY];
const LIST_ATTACHED: &[Member] = &[ROLE, Member::body("PathPrefix", POLICY_PATH), MARKER, MAX_ITEMS];

/// `PutRolePolicy`.
async fn put(services: &Services, call: QueryCall) -> Answer {
    let [role, name, document] = texts(&call, ["RoleName", "PolicyName", "PolicyDocument"]);
    check_name("policyName", &name)?;
    // A role that is not there is told before its policy is looked at.
    existing(&services.ledger.state(), call.account(), &role)?;
    document::check(&document)?;
    change_role(services, &call, role, RoleChange::Put(name, document)).await?;
    call.answer(&Nothing {})
}

/// `GetRolePolicy`.
async fn get(services: &Services, call: QueryCall) -> Answer {
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Result {
        role_name: String,
        policy_name: String,
        policy_document: String,
    }
    let [role, name] = texts(&call, ["RoleName", "PolicyName"]);
    let state = services.ledger.state();
    let role = existing(&state, call.account(), &role)?;
    let document = role.inline.get(&name).ok_or_else(|| no_role_policy(&name))?;
    let policy_document = document::encoded(document);
    call.answer(&Result { role_name: role.name.clone(), policy_name: name, policy_document })
}

/// `DeleteRolePolicy`.
async fn delete(services: &Services, call: QueryCall) -> Answer {
    let [role, name] = texts(&call, ["RoleName", "PolicyName"]);
    change_role(services, &call, role, RoleChange::Remove(name)).await?;
    call.answer(&Nothing {})
}

/// `ListRolePolicies`.
async fn list(services: &Services, mut call: QueryCall) -> Answer {
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Result {
        policy_names: List<String>,
        #[serde(flatten)]
        end: PageEnd,
    }
    let request: OfRoleRequest = call.parse()?;
    let page = Page::of(&request.page)?;
    let state = services.ledger.state();
    let role = existing(&state, call.account(), &request.role_name)?;
    let (policy_names, end) = page.take_sorted(role.inline.keys(), ToString::to_string, ToString::to_string);
    call.answer(&Result { policy_names, end })
}

/// `AttachRolePolicy`.
async fn attach(services: &Services, call: QueryCall) -> Answer {
    let [role, arn] = texts(&call, ["RoleName", "PolicyArn"]);
    change_role(services, &call, role, RoleChange::Attach(arn)).await?;
    call.answer(&Nothing {})
}

/// `DetachRolePolicy`.
async fn detach(services: &Services, call: QueryCall) -> Answer {
    let [role, arn] = texts(&call, ["RoleName", "PolicyArn"]);
    change_role(services, &call, role, RoleChange::Detach(arn)).await?;
    call.answer(&Nothing {})
}

/// `ListAttachedRolePolicies`.
async fn list_attached(services: &Services, mut call: QueryCall) -> Answer {
    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Request {
        role_name: String,
        path_prefix: Option<String>,
        #[serde(flatten)]
        page: PageRequest,
    }
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Attached {
        policy_name: String,
        policy_arn: String,
    }
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Result {
        attached_policies: List<Attached>,
        #[serde(flatten)]
        end: PageEnd,
    }
    let request: Request = call.parse()?;
    let page = Page::of(&request.page)?;
    let state = services.ledger.state();
    let role = existing(&state, call.account(), &request.role_name)?;
    let attached = role.attached.iter().filter_map(|arn| PolicyArn::parse(arn).map(|parsed| (arn, parsed)));
    let attached = attached.filter(|(_, parsed)| is_below(parsed.path, request.path_prefix.as_deref()));
    let (attached_policies, end) = page.take_sorted(
        attached,
        |(arn, _)| (*arn).clone(),
        |(arn, parsed)| Attached { policy_name: parsed.name.to_owned(), policy_arn: (*arn).clone() },
    );
    call.answer(&Result { attached_policies, end })
}

fn texts<const N: usize>(call: &QueryCall, names: [&str; N]) -> [String; N] {
    names.map(|name| call.text(name).to_owned())
}
