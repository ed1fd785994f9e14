//! Commands about layers and their policies.

use crate::model::functions::Content;
use crate::model::names::LayerKey;
use crate::model::policies::Grant;
use crate::model::runtimes::Architecture;

/// A wish to change layers and their policies.
#[derive(Debug, Clone, PartialEq)]
pub enum LayerCommand {
    /// The zip fits the account's limit.
    PublishLayerVersion(PublishLayerVersion),
    /// A version of another account's layer is taken over with its number, for every account to use. One that is
    /// there already stays as it is.
    ImportLayerVersion {
        /// Its number there.
        number: u64,
        /// The layer as it would be published.
        layer: PublishLayerVersion,
    },
    /// Deleting a version that is not there succeeds, as on AWS. Functions that use it go on.
    DeleteLayerVersion {
        /// The layer.
        key: LayerKey,
        /// The version.
        number: u64,
    },
    /// The version exists, the statement id is free, the revision is the current one.
    AddLayerVersionPermission {
        /// The layer.
        key: LayerKey,
        /// The version.
        number: u64,
        /// What is allowed.
        grant: Grant,
        /// The revision the caller knows.
        revision: Option<String>,
    },
    /// The version's policy has the statement and the revision.
    RemoveLayerVersionPermission {
        /// The layer.
        key: LayerKey,
        /// The version.
        number: u64,
        /// The statement's id.
        sid: String,
        /// The revision the caller knows.
        revision: Option<String>,
    },
}

/// Parameters of `PublishLayerVersion`.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishLayerVersion {
    /// The layer, which may be new.
    pub key: LayerKey,
    /// The zip, or the folder.
    pub content: Content,
    /// Description.
    pub description: String,
    /// Licence.
    pub license: Option<String>,
    /// Compatible runtimes.
    pub runtimes: Option<Vec<String>>,
    /// Compatible architectures.
    pub architectures: Option<Vec<Architecture>>,
}
