//! Resource-based policies of functions, as stored.

use serde::{Deserialize, Serialize};

use super::stored::{FunctionKey, Stored};
use super::text::{Id, MapKey};
use crate::model::policies;
use crate::model::policies::event::PolicyEvent;

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

impl Stored<policies::Target> for Target {
    fn store(model: &policies::Target) -> Self {
        match model {
            policies::Target::Function => Self::Function,
            policies::Target::LatestPublished => Self::LatestPublished,
            policies::Target::Version(number) => Self::Version(*number),
            policies::Target::Alias(name) => Self::Alias(Stored::store(name)),
        }
    }
    fn load(self) -> policies::Target {
        match self {
            Self::Function => policies::Target::Function,
            Self::LatestPublished => policies::Target::LatestPublished,
            Self::Version(number) => policies::Target::Version(number),
            Self::Alias(name) => policies::Target::Alias(name.load()),
        }
    }
}

shape! {
    Statement = policies::Statement { sid: Option<String>, text: String }
    Policy = policies::Policy { version: String, id: Option<String>, statements: Vec<Statement>, revision: Id }
}

events! { PolicyEvent {
    20 PolicyPut { key: FunctionKey, target: Target, policy: Policy }
    21 PolicyDeleted { key: FunctionKey, target: Target, revision: Id }
} }
