//! Random commands about log groups and streams.

use std::collections::BTreeMap;

use larder::model::logs::command::{CreateLogGroup, GroupChange, LogsCommand};
use larder::model::logs::{LogGroupKey, LogStreamKey, STANDARD};
use proptest::prelude::*;

use super::functions;

pub fn command() -> impl Strategy<Value = LogsCommand> {
    prop_oneof![
        3 => (group(), any::<bool>(), tags()).prop_map(|(key, protected, tags)| {
            LogsCommand::CreateGroup(CreateLogGroup { key, class: STANDARD.into(), kms_key: None, protected, tags })
        }),
        1 => group().prop_map(LogsCommand::DeleteGroup),
        3 => stream().prop_map(LogsCommand::CreateStream),
        3 => stream().prop_map(LogsCommand::EnsureStream),
        2 => stream().prop_map(LogsCommand::DeleteStream),
        3 => (group(), change()).prop_map(|(key, change)| LogsCommand::ChangeGroup(key, change)),
    ]
}

fn group() -> impl Strategy<Value = LogGroupKey> {
    functions::key().prop_map(|key| LogGroupKey { scope: key.scope, name: key.name.as_str().into() })
}

fn stream() -> impl Strategy<Value = LogStreamKey> {
    (group(), prop::sample::select(vec!["s", "t"])).prop_map(|(group, name)| LogStreamKey { group, name: name.into() })
}

fn tags() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map("[a-c]", "[a-z]{0,2}", 0..3)
}

fn change() -> impl Strategy<Value = GroupChange> {
    prop_oneof![
        prop::option::of(1..8_u32).prop_map(GroupChange::Retention),
        prop::option::of("[a-z]{1,3}").prop_map(GroupChange::KmsKey),
        any::<bool>().prop_map(GroupChange::Protection),
        tags().prop_map(GroupChange::Tag),
        prop::collection::vec("[a-c]", 0..3).prop_map(GroupChange::Untag),
    ]
}
