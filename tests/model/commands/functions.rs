//! Random commands about functions, their versions and aliases.

use std::collections::BTreeMap;

use larder::model::blob::BlobId;
use larder::model::functions::alias::Routing;
use larder::model::functions::command::{
    CreateFunction, FunctionCommand, Publication, PublishVersion, PutAlias, UpdateAlias, UpdateFunctionCode,
    UpdateFunctionConfiguration,
};
use larder::model::functions::{
    CapacityProviderAttachment, Code, ConfigPatch, Content, FunctionConfig, LogFormat, Variables,
};
use larder::model::hot_folder::HotFolder;
use larder::model::names::{FunctionKey, Scope};
use larder::model::qualifier::{Qualifier, Version};
use larder::model::state::State;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

/// The command with the current revision of its function.
pub fn with_revision(command: FunctionCommand, state: &State) -> FunctionCommand {
    let current = |key: &FunctionKey| state.function(key).map(|function| function.latest.revision.to_string());
    match command {
        FunctionCommand::UpdateFunctionCode(update) => {
            FunctionCommand::UpdateFunctionCode(UpdateFunctionCode { revision: current(&update.key), ..update })
        }
        FunctionCommand::PublishVersion(publish) => {
            FunctionCommand::PublishVersion(PublishVersion { revision: current(&publish.key), ..publish })
        }
        other => other,
    }
}

pub fn command() -> impl Strategy<Value = FunctionCommand> {
    prop_oneof![
        4 => (key(), code(), config(), publish()).prop_map(|(key, code, config, publish)| {
            FunctionCommand::CreateFunction(Box::new(CreateFunction {
                key,
                code,
                config,
                tags: BTreeMap::new(),
                publish,
                code_signing_config: None,
                signed: false,
            }))
        }),
        3 => (key(), code(), publish(), revision()).prop_map(|(key, code, publish, revision)| {
            FunctionCommand::UpdateFunctionCode(UpdateFunctionCode { key, code, architecture: None, publish, revision, signed: false })
        }),
        3 => (key(), patch(), revision()).prop_map(|(key, patch, revision)| {
            FunctionCommand::UpdateFunctionConfiguration(Box::new(UpdateFunctionConfiguration { key, patch, revision }))
        }),
        2 => (key(), prop::option::of(qualifier())).prop_map(|(key, qualifier)| FunctionCommand::DeleteFunction { key, qualifier }),
        4 => (key(), publication(), prop::option::of("[a-z]{1,3}"), revision()).prop_map(|(key, to, description, revision)| {
            FunctionCommand::PublishVersion(PublishVersion { key, to, code_sha256: None, description, revision })
        }),
        3 => (key(), alias(), version(), routing()).prop_map(|(key, name, version, routing)| {
            FunctionCommand::CreateAlias(PutAlias { key, name: name.into(), version, description: String::new(), routing })
        }),
        2 => (key(), alias(), prop::option::of(version()), prop::option::of(routing())).prop_map(
            |(key, name, version, routing)| {
                let (name, description) = (name.into(), None);
                FunctionCommand::UpdateAlias(UpdateAlias { key, name, version, description, routing, revision: None })
            }
        ),
        1 => (key(), alias()).prop_map(|(key, name)| FunctionCommand::DeleteAlias { key, name: name.into() }),
    ]
}

pub fn key() -> impl Strategy<Value = FunctionKey> {
    (prop::sample::select(vec!["a", "b"]), prop::sample::select(vec!["us-east-1", "eu-west-1"])).prop_map(
        |(name, region)| FunctionKey {
            scope: Scope { account: "000000000000".into(), region: region.into() },
            name: name.into(),
        },
    )
}

fn publication() -> impl Strategy<Value = Publication> {
    prop_oneof![3 => Just(Publication::Numbered), 1 => Just(Publication::LatestPublished)]
}

fn publish() -> impl Strategy<Value = Option<Publication>> {
    prop::option::of(publication())
}

fn code() -> impl Strategy<Value = Code> {
    (0..4_u8).prop_map(|byte| content(byte).into())
}

/// A zip, or a folder.
pub fn content(byte: u8) -> Content {
    match byte {
        3 => Content::Folder(HotFolder("$LARDER_HOT_HERE/code".to_owned())),
        byte => Content::Zip { blob: blob(byte).0, size: u64::from(byte) + 1 },
    }
}

/// The zip of some content: a store that has none of it is no whole one.
pub fn blob(byte: u8) -> (BlobId, Vec<u8>) {
    (BlobId(Sha256::digest([byte]).into()), vec![byte])
}

fn config() -> impl Strategy<Value = FunctionConfig> {
    (runtime(), 1..900_u32, variables(), managed()).prop_map(|(runtime, timeout_s, environment, managed)| {
        let mut config = FunctionConfig {
            timeout_s,
            environment,
            ..FunctionConfig::new(&runtime, "arn:aws:iam::000000000000:role/r", "handler.handler", "/g")
        };
        if let Some(attachment) = managed {
            (config.memory_mib, config.logging.format) = (2048, LogFormat::Json);
            config.capacity_provider = Some(attachment);
        }
        config
    })
}

fn managed() -> impl Strategy<Value = Option<CapacityProviderAttachment>> {
    let attachment = super::capacity_providers::key().prop_map(|key| CapacityProviderAttachment {
        arn: key.arn(),
        per_environment_max_concurrency: Some(16),
        memory_gib_per_vcpu: Some(2.0),
    });
    prop_oneof![2 => Just(None), 1 => attachment.prop_map(Some)]
}

fn runtime() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["python3.12", "python3.13", "nodejs22.x", "no-such-runtime"]).prop_map(str::to_owned)
}

fn variables() -> impl Strategy<Value = Option<Variables>> {
    let names = prop::sample::select(vec!["A", "B", "AWS_REGION"]);
    let map = prop::collection::btree_map(names.prop_map(str::to_owned), "[a-z]{0,9}", 0..3);
    prop::option::of(map.prop_map(|map| Variables(map.into_iter().collect())))
}

fn patch() -> impl Strategy<Value = ConfigPatch> {
    (prop::option::of(runtime()), variables(), prop::option::of("[a-z]{0,3}"), prop::option::of(1..9_u32), managed())
        .prop_map(|(runtime, environment, description, timeout_s, capacity_provider)| ConfigPatch {
            capacity_provider,
            runtime,
            environment,
            description,
            timeout_s,
            ..ConfigPatch::default()
        })
}

pub fn alias() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["live", "test"])
}

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::Latest), Just(Version::LatestPublished), (1..5_u64).prop_map(Version::Number)]
}

pub fn qualifier() -> impl Strategy<Value = Qualifier> {
    prop_oneof![version().prop_map(Qualifier::Version), alias().prop_map(|name| Qualifier::Alias(name.into()))]
}

fn routing() -> impl Strategy<Value = Vec<Routing>> {
    prop::collection::vec((1..5_u64, 0.0..1.0).prop_map(|(version, weight)| Routing { version, weight }), 0..3)
}

fn revision() -> impl Strategy<Value = Option<String>> {
    prop_oneof![4 => Just(None), 1 => Just(Some("wrong".to_owned()))]
}
