//! Random commands about code-signing configurations and what they are attached to.

use std::collections::BTreeMap;

use larder::model::code_signing::CodeSigningKey;
use larder::model::code_signing::command::{CodeSigningCommand, Settings};
use proptest::prelude::*;
use uuid::Uuid;

use super::functions::key;

pub fn command() -> impl Strategy<Value = CodeSigningCommand> {
    prop_oneof![
        3 => (config(), any::<bool>()).prop_map(|(key, enforce)| CodeSigningCommand::Create {
            key,
            settings: Settings { enforce: Some(enforce), publishers: Some(vec!["arn".into()]), description: None },
            tags: BTreeMap::new(),
        }),
        1 => (config(), any::<bool>()).prop_map(|(key, enforce)| CodeSigningCommand::Update {
            key,
            settings: Settings { enforce: Some(enforce), ..Settings::default() },
        }),
        1 => config().prop_map(|key| CodeSigningCommand::Delete { key }),
        3 => (key(), config())
            .prop_map(|(function, config)| CodeSigningCommand::Attach { function, config: config.arn() }),
        1 => key().prop_map(|function| CodeSigningCommand::Detach { function }),
    ]
}

pub fn config() -> impl Strategy<Value = CodeSigningKey> {
    (key(), 0..2_u128).prop_map(|(key, number)| CodeSigningKey::new(key.scope, Uuid::from_u128(number << 64)))
}
