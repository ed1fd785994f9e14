//! Decisions about the policies that roles, users and groups have: their own, and the managed ones attached to them.

use std::collections::{BTreeMap, BTreeSet};

use super::{conflict, limit, no_own_policy, no_policy, no_policy_arn};
use crate::model::error::{ApiError, ErrorCode};
use crate::model::iam::command::HeldChange;
use crate::model::iam::{HolderKind, PolicyArn};
use crate::model::names::AccountId;
use crate::model::state::State;

/// Managed policies that one may have.
///
/// Source of all: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
const MAX_ATTACHED: usize = 10;

/// Who has policies.
pub struct Holder<'a> {
    /// What it is.
    pub kind: HolderKind,
    /// Its account.
    pub account: &'a AccountId,
    /// Its name as it was given.
    pub name: &'a str,
    /// Documents of its own policies.
    pub inline: &'a mut BTreeMap<String, String>,
    /// ARNs of those attached to it.
    pub attached: &'a mut BTreeSet<String>,
}

impl HolderKind {
    /// Characters of all of its own policies, without white space.
    fn max_inline(self) -> usize {
        match self {
            Self::Role => 10_240,
            Self::User => 2048,
            Self::Group => 5120,
        }
    }

    /// The quota's name.
    fn quota(self) -> &'static str {
        match self {
            Self::Role => "PoliciesPerRole",
            Self::User => "PoliciesPerUser",
            Self::Group => "PoliciesPerGroup",
        }
    }
}

impl Holder<'_> {
    /// Makes a change.
    pub fn change(self, state: &State, change: &HeldChange) -> Result<(), ApiError> {
        match change {
            HeldChange::Put(name, document) => self.put(name, document),
            HeldChange::Remove(name) => {
                self.inline.remove(name).map(drop).ok_or_else(|| no_own_policy(self.kind, name))
            }
            HeldChange::Attach(arn) => self.attach(state, arn),
            HeldChange::Detach(arn) => {
                PolicyArn::parse(arn).ok_or_else(|| no_policy_arn(arn))?;
                if self.attached.remove(arn) { Ok(()) } else { Err(no_policy(arn)) }
            }
        }
    }

    fn put(self, name: &str, document: &str) -> Result<(), ApiError> {
        self.inline.insert(name.to_owned(), document.to_owned());
        let size: usize = self.inline.values().map(|document| counted(document)).sum();
        let most = self.kind.max_inline();
        if size > most {
            let kind = self.kind.word();
            let name = self.name;
            return Err(limit(format!("Maximum policy size of {most} bytes exceeded for {kind} {name}")));
        }

        Ok(())
    }

    /// Texts as in `LocalStack`'s snapshots of AWS's IAM (`test_iam_roles.snapshot.json`).
    fn attach(self, state: &State, arn: &str) -> Result<(), ApiError> {
        let parsed = PolicyArn::parse(arn).ok_or_else(|| no_policy_arn(arn))?;
        let Some(found) = attachable(state, self.account, &parsed, arn) else {
            let message = format!("Policy {arn} does not exist or is not attachable.");
            return Err(ApiError::new(ErrorCode::NoSuchEntity, message));
        };
        self.attached.insert(found);
        if self.attached.len() > MAX_ATTACHED {
            return Err(limit(format!("Cannot exceed quota for {}: {MAX_ATTACHED}", self.kind.quota())));
        }

        Ok(())
    }
}

/// Refuses to delete what has policies. Texts as in the same snapshots.
pub fn check_none(inline: &BTreeMap<String, String>, attached: &BTreeSet<String>) -> Result<(), ApiError> {
    if !attached.is_empty() {
        return Err(conflict("Cannot delete entity, must detach all policies first."));
    }
    if !inline.is_empty() {
        return Err(conflict("Cannot delete entity, must delete policies first."));
    }
    Ok(())
}

/// The ARN of a policy that an entity of an account may have, as the policy writes it: names are found whatever
/// their case. Any policy of AWS is one: a list of all of them would always be an old one.
fn attachable(state: &State, account: &AccountId, arn: &PolicyArn<'_>, text: &str) -> Option<String> {
    if arn.is_managed_by_aws() {
        return Some(text.to_owned());
    }
    let is_own = arn.owner == account.as_str();
    state.policy(arn).filter(|_| is_own).map(|policy| policy.arn())
}

/// The boundary that a call asks for. Texts as in the same snapshots.
pub fn bounding(state: &State, account: &AccountId, boundary: Option<&str>) -> Result<Option<String>, ApiError> {
    let Some(arn) = boundary else { return Ok(None) };
    let parsed = PolicyArn::parse(arn)
        .ok_or_else(|| ApiError::new(ErrorCode::InvalidInput, format!("ARN {arn} is not valid.")))?;
    let found = attachable(state, account, &parsed, arn).ok_or_else(|| {
        let message = format!("Scope ARN: {arn} does not exist or is not attachable.");
        ApiError::new(ErrorCode::NoSuchEntity, message)
    })?;
    Ok(Some(found))
}

/// What of a document counts: all but white space.
pub fn counted(document: &str) -> usize {
    document.chars().filter(|letter| !letter.is_whitespace()).count()
}
