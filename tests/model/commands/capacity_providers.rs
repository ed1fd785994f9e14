//! Random commands about capacity providers.

use std::collections::BTreeMap;

use larder::model::capacity_providers::command::{
    CapacityProviderCommand, CreateCapacityProvider, ScalingPatch, UpdateCapacityProvider,
};
use larder::model::capacity_providers::{
    CapacityProviderKey, InstanceRequirements, PropagateTags, ProviderLogging, ScalingPolicy,
};
use larder::model::command::Command;
use larder::model::runtimes::Architecture;
use larder::model::state::State;
use proptest::prelude::*;

/// Settles whatever waits.
pub fn settling(state: &State) -> impl Iterator<Item = Command> + '_ {
    let waiting = state.unsettled_providers.iter();
    waiting.map(|(key, revision)| CapacityProviderCommand::Settle { key: key.clone(), revision: *revision }.into())
}

pub fn command() -> impl Strategy<Value = CapacityProviderCommand> {
    prop_oneof![
        4 => (key(), scaling(), types(), types()).prop_map(|(key, scaling, allowed_types, excluded_types)| {
            CapacityProviderCommand::Create(Box::new(CreateCapacityProvider {
                key,
                subnets: vec!["subnet-1".into()],
                security_groups: Vec::new(),
                operator_role: "arn:aws:iam::000000000000:role/r".into(),
                instances: InstanceRequirements { architecture: Architecture::X86_64, allowed_types, excluded_types },
                scaling,
                kms_key_arn: None,
                propagate_tags: None,
                logging: ProviderLogging { system_level: None, group: "/g".into() },
                tags: BTreeMap::from([("k".into(), "v".into())]),
            }))
        }),
        2 => (key(), scaling(), propagate()).prop_map(|(key, scaling, propagate_tags)| {
            let (system_level, log_group) = (Some("INFO".into()), None);
            let update = UpdateCapacityProvider { key, scaling, propagate_tags, system_level, log_group };
            CapacityProviderCommand::Update(Box::new(update))
        }),
        2 => key().prop_map(CapacityProviderCommand::Delete),
    ]
}

pub fn key() -> impl Strategy<Value = CapacityProviderKey> {
    (super::functions::key(), prop::sample::select(vec!["p", "q"]))
        .prop_map(|(function, name)| CapacityProviderKey { scope: function.scope, name: name.into() })
}

fn scaling() -> impl Strategy<Value = ScalingPatch> {
    let mode = prop::option::of(prop::sample::select(vec!["Auto".to_owned(), "Manual".to_owned()]));
    let policy = (0.0..100.0).prop_map(|target| ScalingPolicy { metric: "cpu".into(), target });
    let policies = prop_oneof![2 => Just(None), 1 => prop::collection::vec(policy, 1..3).prop_map(Some)];
    (prop::option::of(2..9_u32), mode, policies).prop_map(|(max_vcpus, mode, policies)| ScalingPatch {
        max_vcpus,
        mode,
        policies,
    })
}

fn types() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(Just("m5.large".to_owned()), 0..2)
}

fn propagate() -> impl Strategy<Value = Option<PropagateTags>> {
    let mode = prop::sample::select(vec!["None".to_owned(), "Explicit".to_owned()]);
    let tags = prop::collection::btree_map("[a-z]", "[a-z]", 0..2);
    prop::option::of((mode, tags).prop_map(|(mode, tags)| PropagateTags { mode, tags }))
}
