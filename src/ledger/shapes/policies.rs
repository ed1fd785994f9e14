//! Resource-based policies of functions, as stored.

use serde::{Deserialize, Serialize};

use super::text::MapKey;
use super::{FunctionKey, Id, Stored};
use crate::model::event::policies::PolicyEvent;
use crate::model::policy;

/// What a policy is attached to.
#[derive(Serialize, Deserialize)]
pub(super) enum Target {
    Function,
    Version(u64),
    Alias(String),
    LatestPublished,
}

impl MapKey for Target {
    fn text(&self) -> String {
        match self {
            Self::Function => "function".to_owned(),
            Self::LatestPublished => "latest-published".to_owned(),
            Self::Version(number) => format!("version:{number}"),
            Self::Alias(name) => format!("alias:{name}"),
        }
    }
    fn read(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "function" => Some(Self::Function),
            None if text == "latest-published" => Some(Self::LatestPublished),
            Some(("version", number)) => number.parse().ok().map(Self::Version),
            Some(("alias", name)) => Some(Self::Alias(name.to_owned())),
            _ => None,
        }
    }
}

impl Stored<policy::Target> for Target {
    fn store(model: &policy::Target) -> Self {
        match model {
            policy::Target::Function => Self::Function,
            policy::Target::LatestPublished => Self::LatestPublished,
            policy::Target::Version(number) => Self::Version(*number),
            policy::Target::Alias(name) => Self::Alias(Stored::store(name)),
        }
    }
    fn load(self) -> policy::Target {
        match self {
            Self::Function => policy::Target::Function,
            Self::LatestPublished => policy::Target::LatestPublished,
            Self::Version(number) => policy::Target::Version(number),
            Self::Alias(name) => policy::Target::Alias(name.load()),
        }
    }
}

shape! {
    Statement = policy::Statement { sid: Option<String>, text: String }
    Policy = policy::Policy { version: String, id: Option<String>, statements: Vec<Statement>, revision: Id }
}

events! { PolicyEvent {
    20 / 1 PolicyPut { key: FunctionKey, target: Target, policy: Policy }
    21 / 1 PolicyDeleted { key: FunctionKey, target: Target, revision: Id }
} }
