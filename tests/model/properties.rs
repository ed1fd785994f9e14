//! decide and apply, without a disk.

use larder::model::decide::decide;
use larder::model::error::ErrorCode;
use larder::model::event::Event;
use larder::model::function::FunctionState;
use larder::model::limits::Limits;
use larder::model::state::State;
use proptest::prelude::*;

use crate::commands::{Step, stamp, steps};

/// Runs steps; returns the state and all events.
fn run(steps: &[Step], limits: &Limits) -> (State, Vec<Event>) {
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
        for stream in state.log_streams.keys() {
            prop_assert!(state.log_groups.contains_key(&stream.group), "a stream is in a group that is there");
        }
        for function in state.functions.values() {
            prop_assert!(state.usage(&function.key.scope).code_size <= limits.total_code_size);
            prop_assert!(function.versions.keys().all(|number| *number <= function.last_version));
            for alias in function.aliases.values() {
                prop_assert!(function.version(alias.version).is_some(), "an alias stands for a version that is there");
            }
            for version in function.all_versions() {
                prop_assert!(version.state != FunctionState::Pending || version.is_unsettled());
            }
        }
    }

    #[test]
    fn the_same_command_and_stamp_decide_the_same(steps in steps()) {
        prop_assert!(run(&steps, &Limits::default()) == run(&steps, &Limits::default()));
    }
}
