//! Random commands about recursion and runtime management.

use larder::model::function_settings::command::FunctionSettingsCommand;
use larder::model::function_settings::{RuntimeManagement, RuntimeUpdate};
use proptest::prelude::*;

use super::functions::{key, qualifier};

pub fn command() -> impl Strategy<Value = FunctionSettingsCommand> {
    prop_oneof![
        1 => (key(), any::<bool>()).prop_map(|(key, allows)| FunctionSettingsCommand::PutRecursion { key, allows }),
        2 => (key(), prop::option::of(qualifier()), management()).prop_map(|(key, qualifier, management)| {
            FunctionSettingsCommand::PutRuntimeManagement { key, qualifier, management }
        }),
    ]
}

fn management() -> impl Strategy<Value = RuntimeManagement> {
    let mode = prop::sample::select(vec![RuntimeUpdate::Auto, RuntimeUpdate::FunctionUpdate, RuntimeUpdate::Manual]);
    (mode, any::<bool>()).prop_map(|(mode, pinned)| RuntimeManagement {
        mode,
        runtime_version_arn: pinned.then(|| "arn:aws:lambda:us-east-1::runtime:0".to_owned()),
    })
}
