//! Merging: what stays and what wins, over random states.

use larder::model::decide::decide;
use larder::model::history::Cause;
use larder::model::history::command::HistoryCommand;
use larder::model::limits::Limits;
use larder::model::merge::MergeStrategy;
use larder::model::resource::Resource;
use larder::model::state::State;
use proptest::prelude::*;

use crate::commands::{stamp, steps};
use crate::properties::run;

fn merged(state: &State, incoming: Vec<Resource>, strategy: MergeStrategy) -> State {
    received(state, incoming, strategy, true)
}

/// The same of what somebody vouches for, or nobody.
fn received(state: &State, incoming: Vec<Resource>, strategy: MergeStrategy, trusted: bool) -> State {
    let cause = Cause::PodLoaded {
        digest: "sha256:0".into(),
        source: "p".into(),
        message: None,
        strategy: strategy.to_string(),
    };
    let command = HistoryCommand::Merge { incoming, strategy, trusted, cause };
    let decision = decide(state, &command.into(), &stamp(1), &Limits::default()).expect("is always allowed");
    assert!(decision.events.len() <= 1, "a merge is one event");
    let mut after = state.clone();
    decision.events.iter().for_each(|event| after.apply(event));
    after
}

#[test]
fn names_read_back() {
    for strategy in MergeStrategy::ALL {
        assert_eq!(strategy.to_string().parse(), Ok(strategy));
    }
    assert!("service-merge".parse::<MergeStrategy>().is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn merging_is_sound(before in steps(), pod in steps()) {
        let (state, _) = run(&before, &Limits::default());
        let (pod, _) = run(&pod, &Limits::default());
        let incoming: Vec<Resource> = pod.resources().collect();
        for strategy in MergeStrategy::ALL {
            let once = merged(&state, incoming.clone(), strategy);
            prop_assert!(once.clone().rederived() == once, "{strategy}: what is derived is right");
            let twice = merged(&once, incoming.clone(), strategy);
            prop_assert!(twice == once, "{strategy}: merging twice is merging once");
            let own = merged(&state, state.resources().collect(), strategy);
            prop_assert!(own == state, "{strategy}: a state's own resources change nothing");
            if strategy != MergeStrategy::Overwrite {
                prop_assert!(merged(&state, Vec::new(), strategy) == state, "{strategy}: nothing changes nothing");
                for (key, function) in state.functions.iter() {
                    let after = once.functions.get(key).map_or(u64::MAX, |after| after.last_version);
                    prop_assert!(after >= function.last_version);
                }
            }
            if matches!(strategy, MergeStrategy::Service | MergeStrategy::Resource) {
                prop_assert!(state.resources().all(|old| once.resource(&old.key()).is_some()), "{strategy} removes nothing");
            }
        }
        for strategy in MergeStrategy::ALL {
            let once = received(&state, incoming.clone(), strategy, false);
            prop_assert!(received(&once, incoming.clone(), strategy, false) == once, "{strategy}: twice is once");
            let own = received(&state, state.resources().collect(), strategy, false);
            prop_assert!(own == state, "{strategy}: what is there already is as trusted as it was");
            for (key, function) in once.functions.iter() {
                prop_assert_eq!(function.is_inert(), state.functions.get(key) != Some(&function), "{}", strategy);
            }
            let vouched = received(&once, incoming.clone(), strategy, true);
            prop_assert!(!vouched.functions.values().any(|function| function.is_inert()), "{strategy}");
        }
        let overwritten = merged(&state, incoming.clone(), MergeStrategy::Overwrite);
        prop_assert!(overwritten.resources().eq(incoming));
    }
}
