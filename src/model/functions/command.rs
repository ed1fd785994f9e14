//! Commands about functions, their versions and aliases.

use std::collections::BTreeMap;

use crate::model::functions::alias::Routing;
use crate::model::functions::{Code, ConfigPatch, Failure, FunctionConfig};
use crate::model::names::{AliasName, FunctionKey, RevisionId};
use crate::model::qualifier::{Qualifier, Version};
use crate::model::runtimes::Architecture;

/// A wish to change functions, their versions and aliases.
#[derive(Debug, Clone, PartialEq)]
pub enum FunctionCommand {
    /// The name is free, the code fits the account's limit.
    CreateFunction(Box<CreateFunction>),
    /// The function exists, is not busy, and has the given revision.
    UpdateFunctionCode(UpdateFunctionCode),
    /// As for the code.
    UpdateFunctionConfiguration(Box<UpdateFunctionConfiguration>),
    /// The function (or version) exists and no alias stands for the version.
    DeleteFunction {
        /// The function.
        key: FunctionKey,
        /// A version to delete instead of the whole function.
        qualifier: Option<Qualifier>,
    },
    /// The function is settled; publishes nothing when nothing changed since the last version.
    PublishVersion(PublishVersion),
    /// The function and the versions exist, the name is free.
    CreateAlias(PutAlias),
    /// The alias exists and has the given revision.
    UpdateAlias(UpdateAlias),
    /// Deleting an alias that is not there succeeds, as on AWS, if the function exists.
    DeleteAlias {
        /// The function.
        key: FunctionKey,
        /// The alias.
        name: AliasName,
    },
    /// Ends `Pending` or `InProgress`; nothing happens if the deployment has changed meanwhile.
    SettleFunction {
        /// The function.
        key: FunctionKey,
        /// The version.
        version: Version,
        /// The deployment that was looked at.
        deployment: RevisionId,
        /// Why it cannot run here; `None`: it can.
        failure: Option<Failure>,
    },
}

/// Parameters of `CreateFunction`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateFunction {
    /// Where.
    pub key: FunctionKey,
    /// The code.
    pub code: Code,
    /// The whole configuration, defaults filled in.
    pub config: FunctionConfig,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// What to publish at once.
    pub publish: Option<Publication>,
    /// ARN of the code-signing configuration it is to have.
    pub code_signing_config: Option<String>,
    /// Whether the zip has a signature.
    pub signed: bool,
}

/// Parameters of `UpdateFunctionCode`.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdateFunctionCode {
    /// The function.
    pub key: FunctionKey,
    /// The new code.
    pub code: Code,
    /// Another architecture.
    pub architecture: Option<Architecture>,
    /// What to publish of it.
    pub publish: Option<Publication>,
    /// The revision the caller knows.
    pub revision: Option<String>,
    /// Whether the zip has a signature.
    pub signed: bool,
}

/// Parameters of `UpdateFunctionConfiguration`.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdateFunctionConfiguration {
    /// The function.
    pub key: FunctionKey,
    /// What changes.
    pub patch: ConfigPatch,
    /// The revision the caller knows.
    pub revision: Option<String>,
}

/// What a publication makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publication {
    /// A version with the next number.
    Numbered,
    /// `$LATEST.PUBLISHED` anew: only of functions of managed instances.
    LatestPublished,
}

/// Parameters of `PublishVersion`.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishVersion {
    /// The function.
    pub key: FunctionKey,
    /// What to publish.
    pub to: Publication,
    /// Digest (base64) that `$LATEST` must have.
    pub code_sha256: Option<String>,
    /// Description of the version instead of the function's.
    pub description: Option<String>,
    /// The revision the caller knows.
    pub revision: Option<String>,
}

/// Parameters of `CreateAlias`.
#[derive(Debug, Clone, PartialEq)]
pub struct PutAlias {
    /// The function.
    pub key: FunctionKey,
    /// The alias.
    pub name: AliasName,
    /// The version.
    pub version: Version,
    /// Description.
    pub description: String,
    /// Weights as given; AWS allows one.
    pub routing: Vec<Routing>,
}

/// Parameters of `UpdateAlias`.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdateAlias {
    /// The function.
    pub key: FunctionKey,
    /// The alias.
    pub name: AliasName,
    /// Another version.
    pub version: Option<Version>,
    /// Another description.
    pub description: Option<String>,
    /// Other weights; empty: none.
    pub routing: Option<Vec<Routing>>,
    /// The revision the caller knows.
    pub revision: Option<String>,
}
