//! Events of history itself: marks, and states brought back or in, and what they do to the state.

use imbl::OrdMap;
use strum::IntoStaticStr;

use crate::model::event::Subject;
use crate::model::history::{Cause, Mark, MarkName};
use crate::model::names::Scope;
use crate::model::resource::{Changes, Resource};
use crate::model::state::State;
use crate::model::time::Timestamp;

/// What happened to history, or to many resources at once.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum HistoryEvent {
    /// Many resources changed at once: by a rewind, or by a pod.
    StateRestored {
        /// Why.
        cause: Cause,
        /// What changed.
        changes: Box<Changes>,
    },
    /// A point of history got a name: the point right after this event.
    MarkPut {
        /// The name.
        name: MarkName,
        /// When.
        time: Timestamp,
    },
    /// A mark is gone.
    MarkDeleted {
        /// Its name.
        name: MarkName,
    },
    /// History before this event was dropped: it stands in the place of the last event that was, and holds
    /// everything there was after it.
    HistoryCompacted {
        /// All resources, in the order of their places.
        resources: Vec<Resource>,
        /// All marks.
        marks: OrdMap<MarkName, Mark>,
    },
}

impl HistoryEvent {
    /// What it is about, for people: history is in no account and no region.
    pub fn subject(&self) -> Subject {
        let name = match self {
            Self::StateRestored { .. } => "state".to_owned(),
            Self::MarkPut { name, .. } | Self::MarkDeleted { name } => format!("mark:{name}"),
            Self::HistoryCompacted { .. } => "history".to_owned(),
        };
        Subject { arn: format!("larder:{name}"), scope: Scope { account: "".into(), region: "".into() }, name }
    }
}

/// Folds one event.
pub fn apply(state: &mut State, event: &HistoryEvent) {
    match event {
        HistoryEvent::StateRestored { changes, .. } => state.make(changes),
        HistoryEvent::MarkPut { name, time } => {
            state.marks.insert(name.clone(), Mark { sequence: state.sequence, time: *time });
        }
        HistoryEvent::MarkDeleted { name } => {
            state.marks.remove(name);
        }
        HistoryEvent::HistoryCompacted { resources, marks } => {
            let everything = State { sequence: state.sequence, marks: marks.clone(), ..State::default() };
            *state = everything;
            for resource in resources {
                state.put_resource(resource);
            }
        }
    }
}
