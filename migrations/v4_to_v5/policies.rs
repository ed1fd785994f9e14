//! Shapes of schema 4: policies.

use serde::{Deserialize, Serialize};

use super::keys::FunctionKey;
use crate::ledger::shapes::text::{Id, MapKey};

shape! {
    Statement { sid: Option<String>, text: String }
    Policy { version: String, id: Option<String>, statements: Vec<Statement>, revision: Id }
}

#[derive(Serialize, Deserialize)]
pub enum Target {
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

events! {
    20 / 1 PolicyPut { key: FunctionKey, target: Target, policy: Policy }
    21 / 1 PolicyDeleted { key: FunctionKey, target: Target, revision: Id }
}
