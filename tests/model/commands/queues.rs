//! Random commands about queues.

use std::collections::BTreeMap;

use larder::model::queues::QueueKey;
use larder::model::queues::command::{CreateQueue, Permission, QueueCommand};
use proptest::prelude::*;

use super::functions;

pub fn command() -> impl Strategy<Value = QueueCommand> {
    prop_oneof![
        4 => (queue(), attributes(), tags()).prop_map(|(key, mut attributes, tags)| {
            if key.is_fifo() {
                attributes.insert("FifoQueue".to_owned(), "true".to_owned());
            }
            QueueCommand::Create(CreateQueue { key, attributes, tags })
        }),
        3 => (queue(), attributes()).prop_map(|(key, attributes)| QueueCommand::SetAttributes(key, attributes)),
        2 => (queue(), queue()).prop_map(|(key, dead)| {
            let policy = format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":2}}"#, dead.arn());
            QueueCommand::SetAttributes(key, BTreeMap::from([("RedrivePolicy".to_owned(), policy)]))
        }),
        1 => queue().prop_map(QueueCommand::Delete),
        1 => (queue(), tags()).prop_map(|(key, tags)| QueueCommand::Tag(key, tags)),
        1 => (queue(), prop::collection::vec("[a-c]", 0..3)).prop_map(|(key, names)| QueueCommand::Untag(key, names)),
        1 => (queue(), "[a-c]").prop_map(|(key, label)| {
            let permission =
                Permission { label, accounts: vec!["111111111111".to_owned()], actions: vec!["SendMessage".to_owned()] };
            QueueCommand::AddPermission(key, permission)
        }),
        1 => (queue(), "[a-c]").prop_map(|(key, label)| QueueCommand::RemovePermission(key, label)),
    ]
}

fn queue() -> impl Strategy<Value = QueueKey> {
    (functions::key(), any::<bool>()).prop_map(|(key, is_fifo)| {
        let name = format!("{}{}", key.name, if is_fifo { ".fifo" } else { "" });
        QueueKey { scope: key.scope, name: name.as_str().into() }
    })
}

fn attributes() -> impl Strategy<Value = BTreeMap<String, String>> {
    let attribute = prop_oneof![
        (0..1000_u32).prop_map(|seconds| ("DelaySeconds", seconds.to_string())),
        any::<bool>().prop_map(|value| ("ContentBasedDeduplication", value.to_string())),
        any::<bool>().prop_map(|value| ("SqsManagedSseEnabled", value.to_string())),
        "[a-z]{0,2}".prop_map(|key| ("KmsMasterKeyId", key)),
        Just(("RedriveAllowPolicy", r#"{"redrivePermission":"denyAll"}"#.to_owned())),
        Just(("RedrivePolicy", String::new())),
    ];
    let attributes = prop::collection::vec(attribute, 0..2);
    attributes.prop_map(|all| all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn tags() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map("[a-c]", "[a-z]{0,2}", 0..3)
}
