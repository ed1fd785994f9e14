//! A managed policy as an account sees it, whoever manages it.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::tags::Tag;
use crate::model::credentials::base32;
use crate::model::error::ApiError;
use crate::model::iam::decide::{no_policy, no_policy_arn};
use crate::model::iam::managed::Managed;
use crate::model::iam::{Policy, PolicyArn, managed};
use crate::model::names::AccountId;
use crate::model::state::State;
use crate::model::time::Timestamp;
use crate::protocol::xml;
use crate::protocol::xml::List;

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
    pub fn key(&self) -> String {
        match self {
            Self::Customers(policy) => format!("0{}", policy.key.name),
            Self::Known(_) | Self::Unknown(_) => format!("1{}", self.arn()),
        }
    }

    /// Its ARN.
    pub fn arn(&self) -> String {
        match self {
            Self::Customers(policy) => policy.arn(),
            Self::Known(policy) => policy.arn(),
            Self::Unknown(arn) => format!("arn:aws:iam::aws:policy{}{}", arn.path, arn.name),
        }
    }

    /// The members that every answer has.
    pub fn listed(&self, state: &State, account: &AccountId) -> PolicyShown {
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
            attachment_count: state.attachments(account, &arn),
            permissions_boundary_usage_count: state.bounded(account, &arn),
            is_attachable: true,
            description: None,
            create_date: xml::time(created),
            update_date: xml::time(updated),
            tags: None,
            arn,
        }
    }

    /// What it is for.
    pub fn description(&self) -> Option<String> {
        match self {
            Self::Customers(policy) => policy.description.clone(),
            Self::Known(policy) => Some(policy.description.to_owned()),
            Self::Unknown(_) => Some("A policy that AWS manages; Larder does not know its document.".to_owned()),
        }
    }
}

/// The unique id of a policy of AWS: the same for all accounts.
fn aws_id(name: &str) -> String {
    let digest = Sha256::digest(name);
    format!("ANPA{}", &base32(&digest)[..17])
}

/// `Policy`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyShown {
    /// Its name.
    pub policy_name: String,
    /// Its unique id.
    pub policy_id: String,
    /// Its ARN.
    pub arn: String,
    /// With slashes at both ends.
    pub path: String,
    /// The version in force.
    pub default_version_id: String,
    /// Roles, users and groups it is attached to.
    pub attachment_count: usize,
    /// Roles and users it bounds.
    pub permissions_boundary_usage_count: usize,
    /// Always.
    pub is_attachable: bool,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When it was made.
    pub create_date: String,
    /// When its versions last changed.
    pub update_date: String,
    /// Tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<List<Tag>>,
}
