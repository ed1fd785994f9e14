//! Rewinds and what they stand on: comparing states, and resources as JSON.

use std::sync::Arc;

use larder::ledger::portable;
use larder::model::decide::decide;
use larder::model::event::Event;
use larder::model::history::Cause;
use larder::model::history::command::HistoryCommand;
use larder::model::history::event::HistoryEvent;
use larder::model::limits::Limits;
use larder::model::state::State;
use proptest::prelude::*;

use crate::commands::{stamp, steps};
use crate::properties::run;

fn rewind(state: &State, target: &State) -> State {
    let cause = Cause::Rewind { to: target.sequence, mark: None, only: Vec::new() };
    let command = HistoryCommand::Restore { target: Arc::new(target.clone()), only: None, cause };
    let decision = decide(state, &command.into(), &stamp(1), &Limits::default()).expect("is always allowed");
    let mut after = state.clone();
    decision.events.iter().for_each(|event| after.apply(event));
    after
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn a_rewind_brings_every_resource_and_all_that_is_derived(before in steps(), after in steps()) {
        let (target, _) = run(&before, &Limits::default());
        let (other, _) = run(&after, &Limits::default());
        for (from, to) in [(&other, &target), (&State::default(), &target), (&target, &State::default())] {
            let rewound = rewind(from, to);
            let same = State { sequence: to.sequence, ..rewound.clone() } == *to;
            prop_assert!(same);
            prop_assert!(rewound.clone().rederived() == rewound);
        }
    }

    #[test]
    fn a_compacted_history_holds_everything(steps in steps()) {
        let (state, _) = run(&steps, &Limits::default());
        let event = HistoryEvent::HistoryCompacted { resources: state.resources().collect(), marks: state.marks.clone() };
        let mut again = State { sequence: state.sequence.saturating_sub(1), ..State::default() };
        again.apply(&Event::from(event));
        prop_assert!(state.sequence == 0 || again == state);
    }

    #[test]
    fn a_resource_comes_back_from_its_json(steps in steps()) {
        let (state, _) = run(&steps, &Limits::default());
        for resource in state.resources() {
            let json = portable::to_json(&resource).expect("is written");
            let text = serde_json::to_string(&json).expect("is text");
            let read = portable::from_json(serde_json::from_str(&text).expect("is JSON")).expect("is read");
            prop_assert!(read == resource);
            prop_assert_eq!(state.resource(&resource.key()), Some(resource));
        }
    }
}
