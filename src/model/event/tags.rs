//! Events of tags.

use strum::IntoStaticStr;

use super::Resource;
use crate::model::names::RevisionId;
use crate::model::tags::{TaggedResource, Tags};

/// What happened to tags.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum TagEvent {
    /// A resource's tags changed: all it has now.
    TagsPut {
        /// The resource.
        resource: TaggedResource,
        /// All its tags.
        tags: Tags,
        /// The new revision of a function's `$LATEST`.
        revision: RevisionId,
    },
}

impl TagEvent {
    /// What it is about, for people.
    pub fn resource(&self) -> Resource {
        let Self::TagsPut { resource, .. } = self;
        Resource { arn: resource.arn(), scope: resource.scope().clone(), name: resource.name().to_owned() }
    }
}
