//! Random commands over few names, so that they meet each other. One file an area.

mod functions;
mod logs;

use larder::model::command::functions::FunctionCommand;
use larder::model::command::{Command, Stamp};
use larder::model::function::Failure;
use larder::model::state::State;
use larder::model::time::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

/// A command, of which some parts are taken from the state when it is its turn.
#[derive(Debug, Clone)]
pub enum Step {
    /// A command as it is.
    Do(Command),
    /// The function's own revision instead of the command's.
    WithRevision(FunctionCommand),
    /// Settles whatever waits, well or badly.
    Settle(bool),
}

impl Step {
    /// The commands of this step on a state.
    pub fn commands(&self, state: &State) -> Vec<Command> {
        match self {
            Self::Do(command) => vec![command.clone()],
            Self::WithRevision(command) => vec![functions::with_revision(command.clone(), state).into()],
            Self::Settle(well) => state
                .unsettled
                .iter()
                .map(|((key, version), deployment)| FunctionCommand::SettleFunction {
                    key: key.clone(),
                    version: *version,
                    deployment: *deployment,
                    failure: (!well)
                        .then(|| Failure { reason: "no such runtime".into(), code: "InvalidRuntime".into() }),
                })
                .map(Command::from)
                .collect(),
        }
    }
}

/// The stamp of the `index`-th command.
pub fn stamp(index: usize) -> Stamp {
    Stamp { time: Timestamp(1_000 + index as u64), seed: Uuid::from_u128(index as u128 + 1) }
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..60)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => functions::command().prop_map(|command| Step::Do(command.into())),
        2 => functions::command().prop_map(Step::WithRevision),
        3 => logs::command().prop_map(|command| Step::Do(command.into())),
        4 => any::<bool>().prop_map(|badly| Step::Settle(!badly)),
    ]
}
