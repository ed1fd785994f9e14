//! Allocations of provisioned concurrency, over random states.

use larder::model::concurrency::ProvisionedStatus;
use larder::model::concurrency::command::ConcurrencyCommand;
use larder::model::decide::decide;
use larder::model::functions::FunctionState;
use larder::model::limits::Limits;
use larder::model::names::RevisionId;
use larder::model::qualifier::{Qualifier, Version};
use larder::model::state::State;
use proptest::prelude::*;
use uuid::Uuid;

use crate::commands::{concurrency, stamp, steps};
use crate::properties::run;

/// The state after a command that is always allowed, and whether anything happened.
fn after(state: &State, command: ConcurrencyCommand) -> (State, bool) {
    let decision = decide(state, &command.into(), &stamp(1), &Limits::default()).expect("it is no caller's");
    let mut after = state.clone();
    decision.events.iter().for_each(|event| after.apply(event));
    (after, !decision.events.is_empty())
}

/// The state with provisioned concurrency for whatever can have some: random commands seldom ask for it.
fn provisioned(mut state: State) -> State {
    let functions: Vec<_> = state.functions.values().collect();
    for function in functions {
        let versions = function.versions.keys().map(|number| Qualifier::Version(Version::Number(*number)));
        let aliases = function.aliases.keys().map(|name| Qualifier::Alias(name.clone()));
        for qualifier in aliases.chain(versions) {
            let key = function.key.clone();
            let command = ConcurrencyCommand::PutProvisionedConcurrency { key, qualifier, requested: 2 };
            let decided = decide(&state, &command.into(), &stamp(1000), &Limits::default());
            decided.iter().flat_map(|decision| &decision.events).for_each(|event| state.apply(event));
        }
    }
    state
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn an_allocation_ends_once_and_as_it_went(steps in steps(), well in any::<bool>()) {
        let state = provisioned(run(&steps, &Limits::default()).0);
        for command in concurrency::settle(&state, well) {
            let ConcurrencyCommand::SettleProvisionedConcurrency { key, qualifier, .. } = command.clone() else {
                unreachable!("it is one")
            };
            let (settled, happened) = after(&state, command.clone());
            let of = |state: &State| {
                let function = state.function(&key).expect("is there");
                let version = function.resolve(Some(&qualifier)).expect("is there").state.clone();
                (version, function.provisioned_concurrency[&qualifier].clone())
            };
            let (version, provisioned) = of(&settled);
            match (version, well) {
                (FunctionState::Pending, _) => prop_assert!(!happened, "it waits for its version"),
                (FunctionState::Active, true) => {
                    prop_assert_eq!(provisioned.status, ProvisionedStatus::Ready);
                    prop_assert_eq!(provisioned.allocated, provisioned.requested);
                }
                (FunctionState::Active, false) => {
                    let reason = "FUNCTION_ERROR_INIT_FAILURE".to_owned();
                    prop_assert_eq!(provisioned.status, ProvisionedStatus::Failed(reason));
                    prop_assert_eq!(provisioned.allocated, 0);
                }
                (FunctionState::Failed(failure), _) => {
                    prop_assert_eq!(provisioned.status, ProvisionedStatus::Failed(failure.reason));
                }
            }
            let place = (key.clone(), qualifier.clone());
            prop_assert!(settled.provisioned.contains(&place), "it is asked for all the same");
            if happened {
                prop_assert!(!settled.provisioning.contains_key(&place));
                prop_assert!(!after(&settled, command).1, "once");
            }
            let allocation = RevisionId(Uuid::nil());
            let stale = ConcurrencyCommand::SettleProvisionedConcurrency { key, qualifier, allocation, failure: None };
            prop_assert!(!after(&state, stale).1, "a former allocation is none any more");
        }
    }

    #[test]
    fn whoever_has_provisioned_concurrency_is_known(steps in steps()) {
        let state = provisioned(run(&steps, &Limits::default()).0);
        let configured: usize = state.functions.values().map(|function| function.provisioned_concurrency.len()).sum();
        prop_assert_eq!(state.provisioned.len(), configured);
        for (key, qualifier) in &state.provisioned {
            let function = state.function(key).expect("is there");
            prop_assert!(function.provisioned_concurrency.contains_key(qualifier));
        }
        prop_assert!(state.provisioning.keys().all(|waiting| state.provisioned.contains(waiting)));
    }
}
