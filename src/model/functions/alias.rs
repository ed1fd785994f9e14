//! Aliases: names for versions.

use crate::model::names::{AliasName, RevisionId};
use crate::model::qualifier::Version;

/// A name for a version, which may send a share of its calls to another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Alias {
    /// The name.
    pub name: AliasName,
    /// The version it stands for.
    pub version: Version,
    /// Free text.
    pub description: String,
    /// A second version and its share.
    pub routing: Option<Routing>,
    /// Changes with each change of the alias.
    pub revision: RevisionId,
}

/// `AdditionalVersionWeights`: AWS allows one entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Routing {
    /// The additional version.
    pub version: u64,
    /// Its share of calls, 0.0 to 1.0.
    pub weight: f64,
}

impl Alias {
    /// The version that a call goes to, given a number drawn uniformly from 0.0 to 1.0.
    pub fn route(&self, drawn: f64) -> Version {
        match self.routing {
            Some(routing) if drawn < routing.weight => Version::Number(routing.version),
            _ => self.version,
        }
    }
}
