//! Events of tags.

use strum::IntoStaticStr;

use crate::model::event::Subject;
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
    pub fn subject(&self) -> Subject {
        let Self::TagsPut { resource, .. } = self;
        Subject { arn: resource.arn(), scope: resource.scope().clone(), name: resource.name().to_owned() }
    }
}
