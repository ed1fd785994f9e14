//! Commands about tags.

use crate::model::tags::{TaggedResource, Tags};

/// A wish to change a resource's tags. The resource exists.
#[derive(Debug, Clone, PartialEq)]
pub enum TagCommand {
    /// Adds tags, or gives them other values; there are not too many.
    Tag {
        /// The resource.
        resource: TaggedResource,
        /// The tags.
        tags: Tags,
    },
    /// Takes tags away; ones that are not there are passed over.
    Untag {
        /// The resource.
        resource: TaggedResource,
        /// The names.
        names: Vec<String>,
    },
}
