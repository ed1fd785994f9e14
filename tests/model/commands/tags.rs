//! Random commands about tags.

use larder::model::tags::TaggedResource;
use larder::model::tags::command::TagCommand;
use proptest::prelude::*;

use super::{code_signing, functions};

pub fn command() -> impl Strategy<Value = TagCommand> {
    prop_oneof![
        (resource(), prop::collection::btree_map("[a-c]|aws:a", "[a-c]", 1..3))
            .prop_map(|(resource, tags)| TagCommand::Tag { resource, tags }),
        (resource(), prop::collection::vec("[a-c]", 1..3))
            .prop_map(|(resource, names)| TagCommand::Untag { resource, names }),
    ]
}

fn resource() -> impl Strategy<Value = TaggedResource> {
    prop_oneof![
        functions::key().prop_map(TaggedResource::Function),
        code_signing::config().prop_map(TaggedResource::CodeSigningConfig),
        functions::key().prop_map(|key| TaggedResource::CapacityProvider(key.scope, "p".into())),
    ]
}
