//! The policies that roles, users and groups have: their own, and the managed ones attached to them. An operation is
//! the same for all three; which of them it is about stands in its name.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::paging::{PAGING, PageEnd, listed};
use super::roles::named;
use super::{
    DOCUMENT, GROUP, MARKER, MAX_ITEMS, NAME, POLICY, POLICY_PATH, ROLE, USER, check_name, document, done, is_below,
    texts,
};
use crate::model::error::ApiError;
use crate::model::iam::command::{GroupChange, HeldChange, IamCommand, RoleChange, UserChange};
use crate::model::iam::decide::{no_group, no_own_policy, no_role, no_user};
use crate::model::iam::{HolderKind, PolicyArn};
use crate::model::state::State;
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::page::{Order, Page};
use crate::protocol::shape::Member;
use crate::protocol::xml::List;
use crate::services::Services;

/// The operations of this file.
pub const OPERATIONS: &[Operation<Services>] = &[
    operation!("AttachGroupPolicy" &[GROUP, POLICY] => attach),
    operation!("AttachRolePolicy" &[ROLE, POLICY] => attach),
    operation!("AttachUserPolicy" &[USER, POLICY] => attach),
    operation!("DeleteGroupPolicy" &[GROUP, POLICY_NAME] => delete),
    operation!("DeleteRolePolicy" &[ROLE, POLICY_NAME] => delete),
    operation!("DeleteUserPolicy" &[USER, POLICY_NAME] => delete),
    operation!("DetachGroupPolicy" &[GROUP, POLICY] => detach),
    operation!("DetachRolePolicy" &[ROLE, POLICY] => detach),
    operation!("DetachUserPolicy" &[USER, POLICY] => detach),
    operation!("GetGroupPolicy" &[GROUP, POLICY_NAME] => get),
    operation!("GetRolePolicy" &[ROLE, POLICY_NAME] => get),
    operation!("GetUserPolicy" &[USER, POLICY_NAME] => get),
    operation!("ListAttachedGroupPolicies" &[GROUP, PREFIX, MARKER, MAX_ITEMS] => list_attached),
    operation!("ListAttachedRolePolicies" &[ROLE, PREFIX, MARKER, MAX_ITEMS] => list_attached),
    operation!("ListAttachedUserPolicies" &[USER, PREFIX, MARKER, MAX_ITEMS] => list_attached),
    operation!("ListGroupPolicies" &[GROUP, MARKER, MAX_ITEMS] => list),
    operation!("ListRolePolicies" &[ROLE, MARKER, MAX_ITEMS] => list),
    operation!("ListUserPolicies" &[USER, MARKER, MAX_ITEMS] => list),
    operation!("PutGroupPolicy" &[GROUP, POLICY_NAME, POLICY_DOCUMENT] => put),
    operation!("PutRolePolicy" &[ROLE, POLICY_NAME, POLICY_DOCUMENT] => put),
    operation!("PutUserPolicy" &[USER, POLICY_NAME, POLICY_DOCUMENT] => put),
];

const POLICY_NAME: Member = Member::body("PolicyName", NAME).required();
const POLICY_DOCUMENT: Member = Member::body("PolicyDocument", DOCUMENT).required();
const PREFIX: Member = Member::body("PathPrefix", POLICY_PATH);

/// Who a call is about.
struct Holder {
    kind: HolderKind,
    /// The name as the caller writes it.
    name: String,
}

/// The policies of one that is there.
struct Held<'a> {
    /// Its name as it was given.
    name: &'a str,
    inline: &'a BTreeMap<String, String>,
    attached: &'a BTreeSet<String>,
}

impl Holder {
    fn of(call: &Call) -> Self {
        let has = |word: &str| call.operation.contains(word);
        let (kind, member) = if has("Role") {
            (HolderKind::Role, "RoleName")
        } else if has("User") {
            (HolderKind::User, "UserName")
        } else {
            (HolderKind::Group, "GroupName")
        };
        Self { kind, name: call.text_or_empty(member).to_owned() }
    }

    fn found<'a>(&self, state: &'a State, call: &Call) -> Result<Held<'a>, ApiError> {
        let account = call.account();
        let name = self.name.as_str();
        match self.kind {
            HolderKind::Role => {
                let role = state.role(account, name).ok_or_else(|| no_role(name))?;
                Ok(Held { name: &role.name, inline: &role.inline, attached: &role.attached })
            }
            HolderKind::User => {
                let user = state.user(account, name).ok_or_else(|| no_user(name))?;
                Ok(Held { name: &user.name, inline: &user.inline, attached: &user.attached })
            }
            HolderKind::Group => {
                let group = state.group(account, name).ok_or_else(|| no_group(name))?;
                Ok(Held { name: &group.name, inline: &group.inline, attached: &group.attached })
            }
        }
    }

    async fn change(self, services: &Services, call: &Call, change: HeldChange) -> Answer {
        let holder = named(call, self.name);
        let command = match self.kind {
            HolderKind::Role => IamCommand::ChangeRole(holder, RoleChange::Held(change)),
            HolderKind::User => IamCommand::ChangeUser(holder, UserChange::Held(change)),
            HolderKind::Group => IamCommand::ChangeGroup(holder, GroupChange::Held(change)),
        };
        done(services, call, command).await
    }
}

/// `Put…Policy`.
async fn put(services: &Services, call: Call) -> Answer {
    let [name, document] = texts(&call, ["PolicyName", "PolicyDocument"]);
    let holder = Holder::of(&call);
    check_name("policyName", &name)?;
    // One that is not there is told before its policy is looked at.
    holder.found(&services.ledger.state(), &call)?;
    document::check(&document)?;
    holder.change(services, &call, HeldChange::Put(name, document)).await
}

/// `Get…Policy`.
async fn get(services: &Services, call: Call) -> Answer {
    #[derive(Debug, Default, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Result {
        #[serde(skip_serializing_if = "Option::is_none")]
        role_name: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        user_name: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        group_name: Option<String>,
        policy_name: String,
        policy_document: String,
    }

    let [policy_name] = texts(&call, ["PolicyName"]);
    let state = services.ledger.state();
    let holder = Holder::of(&call);
    let held = holder.found(&state, &call)?;
    let document = held.inline.get(&policy_name).ok_or_else(|| no_own_policy(holder.kind, &policy_name))?;
    let policy_document = document::encoded(document);
    let mut result = Result { policy_name, policy_document, ..Result::default() };
    let name = match holder.kind {
        HolderKind::Role => &mut result.role_name,
        HolderKind::User => &mut result.user_name,
        HolderKind::Group => &mut result.group_name,
    };
    *name = Some(held.name.to_owned());

    call.answer(&result)
}

/// `Delete…Policy`.
async fn delete(services: &Services, call: Call) -> Answer {
    let [name] = texts(&call, ["PolicyName"]);
    Holder::of(&call).change(services, &call, HeldChange::Remove(name)).await
}

/// `List…Policies`.
async fn list(services: &Services, call: Call) -> Answer {
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Result {
        policy_names: List<String>,
        #[serde(flatten)]
        end: PageEnd,
    }

    let state = services.ledger.state();
    let holder = Holder::of(&call);
    let page = Page::of(&call, &PAGING)?;
    let held = holder.found(&state, &call)?;
    let (policy_names, end) =
        listed(page.take_sorted(held.inline.keys(), ToString::to_string, Order::Ascending), ToString::to_string);

    call.answer(&Result { policy_names, end })
}

/// `Attach…Policy`.
async fn attach(services: &Services, call: Call) -> Answer {
    let [arn] = texts(&call, ["PolicyArn"]);
    Holder::of(&call).change(services, &call, HeldChange::Attach(arn)).await
}

/// `Detach…Policy`.
async fn detach(services: &Services, call: Call) -> Answer {
    let [arn] = texts(&call, ["PolicyArn"]);
    Holder::of(&call).change(services, &call, HeldChange::Detach(arn)).await
}

/// `ListAttached…Policies`.
async fn list_attached(services: &Services, call: Call) -> Answer {
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

    let state = services.ledger.state();
    let holder = Holder::of(&call);
    let page = Page::of(&call, &PAGING)?;
    let prefix = call.text("PathPrefix");
    let held = holder.found(&state, &call)?;
    let attached = held.attached.iter().filter_map(|arn| PolicyArn::parse(arn).map(|parsed| (arn, parsed)));
    let attached = attached.filter(|(_, parsed)| is_below(parsed.path, prefix));
    let (attached_policies, end) =
        listed(page.take_sorted(attached, |(arn, _)| (*arn).clone(), Order::Ascending), |(arn, parsed)| Attached {
            policy_name: parsed.name.to_owned(),
            policy_arn: (*arn).clone(),
        });

    call.answer(&Result { attached_policies, end })
}
