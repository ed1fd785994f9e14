//! decide and apply, without a disk.

use larder::model::capacity_providers::ProviderState;
use larder::model::credentials;
use larder::model::decide::decide;
use larder::model::error::ErrorCode;
use larder::model::event::Event;
use larder::model::functions::FunctionState;
use larder::model::iam::{HolderKind, PolicyArn, Use, Used};
use larder::model::limits::Limits;
use larder::model::policies::Target;
use larder::model::state::State;
use proptest::prelude::*;

use crate::commands::{Step, stamp, steps};

/// Runs steps; returns the state and all events.
pub fn run(steps: &[Step], limits: &Limits) -> (State, Vec<Event>) {
    let (mut state, mut history, mut index) = (State::default(), Vec::new(), 0);
    for step in steps {
        for command in step.commands(&state) {
            index += 1;
            let before = state.clone();
            match decide(&state, &command, &stamp(index), limits) {
                Ok(decision) => {
                    for event in &decision.events {
                        state.apply(event);
                    }
                    history.extend(decision.events);
                }
                Err(error) => {
                    assert_ne!(error.code, ErrorCode::Service, "a command never meets a fault of ours");
                    assert!(state == before, "an error leaves the state as it was");
                }
            }
        }
    }
    (state, history)
}

fn fold(mut state: State, events: &[Event]) -> State {
    for event in events {
        state.apply(event);
    }
    state
}

/// What one entity of IAM uses is there, and is not told to be used by others.
fn iam_is_sound(state: &State) {
    for Use { account, used, by } in &state.iam_uses {
        let is_there = |arn: &str| {
            let parsed = PolicyArn::parse(arn).expect("only policies are used as such");
            parsed.is_managed_by_aws() || state.policy(&parsed).is_some()
        };
        match used {
            Used::Attached(kind, arn) => {
                assert!(is_there(arn), "{arn} is attached");
                let name = by.as_str();
                assert!(match kind {
                    HolderKind::Role => state.role(account, name).is_some_and(|role| role.attached.contains(arn)),
                    HolderKind::User => state.user(account, name).is_some_and(|user| user.attached.contains(arn)),
                    HolderKind::Group => state.group(account, name).is_some_and(|group| group.attached.contains(arn)),
                });
            }
            Used::Boundary(kind, arn) => {
                assert!(is_there(arn), "{arn} is a boundary");
                let name = by.as_str();
                let bounded = match kind {
                    HolderKind::Role => state.role(account, name).and_then(|role| role.boundary.clone()),
                    HolderKind::User => state.user(account, name).and_then(|user| user.boundary.clone()),
                    HolderKind::Group => None,
                };
                assert_eq!(bounded.as_ref(), Some(arn));
            }
            Used::Group(name) => {
                assert!(state.group(account, name.as_str()).is_some(), "{name} has users");
                assert!(state.user(account, by.as_str()).is_some_and(|user| user.groups.contains(name)));
            }
            Used::Role(name) => {
                assert!(state.role(account, name.as_str()).is_some(), "{name} is in a profile");
                assert!(state.instance_profile(account, by.as_str()).is_some());
            }
        }
    }
    for user in state.iam_users.values() {
        assert!(user.access_keys.len() <= 2);
        for key in &user.access_keys {
            let owner = state.user_of_key(&key.id).expect("a key has a user");
            assert_eq!(owner.key, user.key);
            assert_eq!(credentials::account_of(&key.id).as_ref(), Some(&user.key.account));
        }
    }
    for policy in state.iam_policies.values() {
        assert!(policy.versions.contains_key(&policy.default_version), "the version in force is there");
        assert!(policy.versions.len() <= 5);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn replay_equals_live(steps in steps()) {
        let (live, history) = run(&steps, &Limits::default());
        prop_assert!(fold(State::default(), &history) == live);
    }

    #[test]
    fn a_fold_can_be_cut_anywhere(steps in steps(), cut in any::<prop::sample::Index>()) {
        let (live, history) = run(&steps, &Limits::default());
        let (first, second) = history.split_at(cut.index(history.len() + 1));
        prop_assert!(fold(fold(State::default(), first), second) == live);
    }

    #[test]
    fn what_is_derived_is_what_a_rebuild_derives(steps in steps()) {
        let (live, _) = run(&steps, &Limits::default());
        prop_assert!(live.clone().rederived() == live);
    }

    #[test]
    fn the_state_is_sound(steps in steps()) {
        let limits = Limits { total_code_size: 12, ..Limits::default() };
        let (state, _) = run(&steps, &limits);
        let kept = u64::from(limits.concurrent_executions - limits.minimum_unreserved_concurrency);
        prop_assert!(state.usage.values().all(|usage| usage.concurrency() <= kept));
        iam_is_sound(&state);
        for stream in state.log_streams.keys() {
            prop_assert!(state.log_groups.contains_key(&stream.group), "a stream is in a group that is there");
        }
        for queue in state.queues.values() {
            prop_assert!(queue.settings.fifo.is_some() == queue.key.is_fifo(), "a FIFO queue is named so");
        }
        for function in state.functions.values() {
            prop_assert!(state.usage(&function.key.scope).code_size <= limits.total_code_size);
            prop_assert!(function.versions.keys().all(|number| *number <= function.last_version));
            for alias in function.aliases.values() {
                prop_assert!(function.version(alias.version).is_some(), "an alias stands for a version that is there");
            }
            let reserved = function.reserved_concurrency.map(u64::from);
            prop_assert!(reserved.is_none_or(|reserved| function.provisioned() <= reserved));
            for qualifier in function.provisioned_concurrency.keys() {
                prop_assert!(function.resolve(Some(qualifier)).is_some(), "what is provisioned is there");
            }
            let config = function.code_signing_config.as_ref();
            prop_assert!(config.is_none_or(|config| state.code_signing_configs.contains_key(config)));
            for (alias, url) in &function.urls {
                prop_assert!(alias.as_ref().is_none_or(|name| function.aliases.contains_key(name)));
                prop_assert!(state.urls.get(&url.id).is_some_and(|owner| owner.key == function.key));
            }
            prop_assert!(function.event_invoke.keys().all(|qualifier| function.resolve(Some(qualifier)).is_some()));
            prop_assert!(function.runtime_management.keys().all(|version| function.version(*version).is_some()));
            for target in function.policies.keys() {
                let there = match target {
                    Target::Function => true,
                    Target::LatestPublished => function.latest_published.is_some(),
                    Target::Version(number) => function.versions.contains_key(number),
                    Target::Alias(name) => function.aliases.contains_key(name),
                };
                prop_assert!(there, "a policy is attached to something that is there");
            }
            for version in function.all_versions() {
                prop_assert!(version.state != FunctionState::Pending || version.is_unsettled());
            }
        }
        for (provider, (function, version)) in &state.provider_versions {
            let found = state.capacity_provider(provider);
            prop_assert!(found.is_some_and(|found| found.state == ProviderState::Active), "who has users stays");
            prop_assert!(state.function(function).is_some_and(|function| function.version(*version).is_some()));
        }
    }

    #[test]
    fn no_two_mappings_read_the_same_for_a_function(steps in steps()) {
        let (state, _) = run(&steps, &Limits::default());
        let mappings: Vec<_> = state.event_source_mappings.values().collect();
        for (index, one) in mappings.iter().enumerate() {
            let twins = mappings[..index].iter().filter(|other| other.key.scope == one.key.scope);
            prop_assert!(twins.clone().all(|other| other.target != one.target || !other.overlaps(one)));
        }
    }

    #[test]
    fn the_same_command_and_stamp_decide_the_same(steps in steps()) {
        prop_assert!(run(&steps, &Limits::default()) == run(&steps, &Limits::default()));
    }
}
