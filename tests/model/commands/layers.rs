//! Random commands about layers.

use larder::model::arn;
use larder::model::functions::ConfigPatch;
use larder::model::functions::command::{FunctionCommand, UpdateFunctionConfiguration};
use larder::model::layers::command::{LayerCommand, PublishLayerVersion};
use larder::model::names::{LayerKey, Scope};
use proptest::prelude::*;

use super::{functions, policies};

pub fn command() -> impl Strategy<Value = LayerCommand> {
    let revision = prop_oneof![4 => Just(None), 1 => Just(Some("wrong".to_owned()))];
    prop_oneof![
        4 => (key(), 0..4_u8).prop_map(|(key, byte)| LayerCommand::PublishLayerVersion(layer(key, byte))),
        2 => (key(), number(), 0..4_u8).prop_map(|(key, number, byte)| LayerCommand::ImportLayerVersion {
            number,
            layer: layer(key, byte),
        }),
        2 => (key(), number()).prop_map(|(key, number)| LayerCommand::DeleteLayerVersion { key, number }),
        2 => (key(), number(), policies::grant(), revision.clone()).prop_map(|(key, number, grant, revision)| {
            LayerCommand::AddLayerVersionPermission { key, number, grant, revision }
        }),
        1 => (key(), number(), policies::sid(), revision).prop_map(|(key, number, sid, revision)| {
            LayerCommand::RemoveLayerVersionPermission { key, number, sid, revision }
        }),
    ]
}

fn layer(key: LayerKey, byte: u8) -> PublishLayerVersion {
    PublishLayerVersion {
        key,
        content: functions::content(byte),
        description: String::new(),
        license: (byte > 1).then(|| "MIT".to_owned()),
        runtimes: (byte > 2).then(Vec::new),
        architectures: None,
    }
}

/// A function gets layers, which are there or not.
pub fn used() -> impl Strategy<Value = FunctionCommand> {
    let layers =
        prop::collection::vec((key(), number()).prop_map(|(key, number)| arn::layer_version(&key, number)), 0..3);
    (functions::key(), layers).prop_map(|(key, layers)| {
        let patch = ConfigPatch { layers: Some(layers), ..ConfigPatch::default() };
        FunctionCommand::UpdateFunctionConfiguration(Box::new(UpdateFunctionConfiguration {
            key,
            patch,
            revision: None,
        }))
    })
}

fn key() -> impl Strategy<Value = LayerKey> {
    let account = prop_oneof![5 => Just("000000000000"), 1 => Just("111111111111")];
    (account, prop::sample::select(vec!["l", "m"])).prop_map(|(account, name)| LayerKey {
        scope: Scope { account: account.into(), region: "us-east-1".into() },
        name: name.into(),
    })
}

fn number() -> impl Strategy<Value = u64> {
    0..4_u64
}
