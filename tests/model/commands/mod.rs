//! Random commands over few names, so that they meet each other. One file an area.

mod capacity_providers;
mod code_signing;
pub mod concurrency;
mod event_invoke;
mod event_sources;
mod function_settings;
pub mod functions;
mod iam;
mod layers;
mod logs;
mod policies;
mod queues;
mod tags;
mod urls;

use larder::model::command::{Command, Stamp};
use larder::model::functions::Failure;
use larder::model::functions::command::FunctionCommand;
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
    /// Something with one of the mappings there are.
    OfMapping(event_sources::OfMapping),
    /// Settles whatever waits, well or badly.
    Settle(bool),
}

impl Step {
    /// The commands of this step on a state.
    pub fn commands(&self, state: &State) -> Vec<Command> {
        match self {
            Self::Do(command) => vec![command.clone()],
            Self::WithRevision(command) => vec![functions::with_revision(command.clone(), state).into()],
            Self::OfMapping(of) => of.commands(state),
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
                .chain(concurrency::settle(state, *well).map(Command::from))
                .chain(capacity_providers::settling(state))
                .collect(),
        }
    }
}

/// The stamp of the `index`-th command.
pub fn stamp(index: usize) -> Stamp {
    Stamp { time: Timestamp(1_000 + index as u64), seed: Uuid::from_u128(index as u128 + 1) }
}

/// A few functions first: most commands are about one.
pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let functions = prop::collection::vec(functions::command().prop_map(|command| Step::Do(command.into())), 0..12);
    let rest = prop::collection::vec(step(), 1..80);
    (functions, rest).prop_map(|(functions, rest)| [functions, rest].concat())
}

/// Functions and what they shall read: few mappings that are tried can be made.
pub fn mappings() -> impl Strategy<Value = Vec<Step>> {
    let functions = prop::collection::vec(functions::command().prop_map(|command| Step::Do(command.into())), 4..12);
    let mappings = prop::collection::vec(event_sources::create().prop_map(|command| Step::Do(command.into())), 40..80);
    (functions, mappings).prop_map(|(functions, mappings)| [functions, mappings].concat())
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => functions::command().prop_map(|command| Step::Do(command.into())),
        2 => functions::command().prop_map(Step::WithRevision),
        4 => any::<bool>().prop_map(|badly| Step::Settle(!badly)),
        3 => event_sources::of_mapping().prop_map(Step::OfMapping),
        28 => areas().prop_map(Step::Do),
    ]
}

/// A command of any other area, with its weight.
fn areas() -> impl Strategy<Value = Command> {
    prop::strategy::Union::new_weighted(vec![
        (2, concurrency::command().prop_map(Command::from).boxed()),
        (1, tags::command().prop_map(Command::from).boxed()),
        (2, code_signing::command().prop_map(Command::from).boxed()),
        (2, urls::command().prop_map(Command::from).boxed()),
        (2, event_invoke::command().prop_map(Command::from).boxed()),
        (1, function_settings::command().prop_map(Command::from).boxed()),
        (2, policies::command().prop_map(Command::from).boxed()),
        (2, layers::command().prop_map(Command::from).boxed()),
        (3, layers::used().prop_map(Command::from).boxed()),
        (3, capacity_providers::command().prop_map(Command::from).boxed()),
        (3, event_sources::create().prop_map(Command::from).boxed()),
        (3, logs::command().prop_map(Command::from).boxed()),
        (3, queues::command().prop_map(Command::from).boxed()),
        (5, iam::command().prop_map(Command::from).boxed()),
    ])
}
