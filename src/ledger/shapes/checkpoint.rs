//! The stored state: what a checkpoint holds.

use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use super::capacity_providers::{CapacityProvider, CapacityProviderKey};
use super::code_signing::{CodeSigningConfig, CodeSigningKey};
use super::event_sources::{EventSourceMapping, MappingKey};
use super::functions::Function;
use super::history::Mark;
use super::iam::{EntityKey, Group, InstanceProfile, Policy, Role, User};
use super::layers::{Layer, LayerKey};
use super::logs::{LogGroup, LogGroupKey, LogStream, LogStreamKey};
use super::queues::{Queue, QueueKey};
use super::stored::{FunctionKey, Stored};
use crate::ledger::frame;
use crate::ledger::frame::FrameError;
use crate::model::functions;
use crate::model::names;
use crate::model::state::State;

/// Kind of a checkpoint's frame. One in bincode, of schema 4, is not migrated but skipped, as the events say all of it.
const CHECKPOINT: u16 = 1000;

/// Functions of one part: what is decoded apart from others should be worth a thread.
const PART: usize = 500;

/// Declares the checkpoint: the maps of the state that are not derived from others.
macro_rules! checkpoint {
    ($($(#[$meta:meta])* $map:ident: $stored:ty),* $(,)?) => {
        /// The state at a sequence. What is derived is rebuilt.
        #[derive(Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Checkpoint {
            sequence: u64,
            /// Those of checkpoints of earlier builds.
            functions: Vec<(FunctionKey, Function)>,
            /// The functions, in parts of some hundred, each a payload of its own: they are most of a checkpoint, and are read
            /// by all processors at once.
            function_parts: Option<Vec<Bytes>>,
            $($(#[$meta])* $map: $stored,)*
        }

        impl Checkpoint {
            fn of(state: &State) -> Result<Self, FrameError> {
                Ok(Self {
                    sequence: state.sequence,
                    functions: Vec::new(),
                    function_parts: Some(parts(&state.functions)?),
                    $($map: Stored::store(&state.$map)),*
                })
            }

            fn state(self) -> Result<State, FrameError> {
                let mut functions: OrdMap<_, _> = self.functions.load();
                functions.extend(read_parts(&self.function_parts.unwrap_or_default())?);
                let state =
                    State { sequence: self.sequence, functions, $($map: self.$map.load(),)* ..State::default() };
                Ok(state.rederived())
            }
        }
    };
}
checkpoint! {
    code_signing_configs: Vec<(CodeSigningKey, CodeSigningConfig)>,
    layers: Vec<(LayerKey, Layer)>,
    capacity_providers: Vec<(CapacityProviderKey, CapacityProvider)>,
    event_source_mappings: Vec<(MappingKey, EventSourceMapping)>,
    iam_roles: Vec<(EntityKey, Role)>,
    iam_policies: Vec<(EntityKey, Policy)>,
    iam_profiles: Vec<(EntityKey, InstanceProfile)>,
    iam_users: Vec<(EntityKey, User)>,
    iam_groups: Vec<(EntityKey, Group)>,
    log_groups: Vec<(LogGroupKey, LogGroup)>,
    log_streams: Vec<(LogStreamKey, LogStream)>,
    marks: Vec<(String, Mark)>,
    // Checkpoints of earlier builds have none.
    #[serde(default)]
    queues: Vec<(QueueKey, Queue)>,
}

/// Writes a checkpoint's frame.
pub(in crate::ledger) fn encode_state(state: &State) -> Result<Vec<u8>, FrameError> {
    frame::frame_named(CHECKPOINT, &Checkpoint::of(state)?)
}

/// A function and its place.
type Entry = (names::FunctionKey, Arc<functions::Function>);

/// Functions as payloads.
fn parts(functions: &OrdMap<names::FunctionKey, Arc<functions::Function>>) -> Result<Vec<Bytes>, FrameError> {
    let all: Vec<_> = functions.iter().collect();
    let stored = |(key, function): (&names::FunctionKey, &Arc<functions::Function>)| -> (FunctionKey, Function) {
        (Stored::store(key), Stored::store(&**function))
    };
    let part = |part: &[_]| frame::named(&part.iter().copied().map(stored).collect::<Vec<_>>()).map(Bytes::from);
    all.chunks(PART).map(part).collect()
}

/// The functions of payloads, read by as many threads as there are processors.
fn read_parts(parts: &[Bytes]) -> Result<Vec<Entry>, FrameError> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let share = parts.len().div_ceil(processors).max(1);
    thread::scope(|scope| {
        let threads: Vec<_> = parts.chunks(share).map(|share| scope.spawn(|| read_share(share))).collect();
        let mut functions = Vec::new();
        for thread in threads {
            let gone = |_| FrameError::Thread;
            functions.extend(thread.join().map_err(gone)??);
        }
        Ok(functions)
    })
}

fn read_share(parts: &[Bytes]) -> Result<Vec<Entry>, FrameError> {
    let mut functions = Vec::with_capacity(parts.len() * PART);
    for part in parts {
        let stored: Vec<(FunctionKey, Function)> = frame::large_named_payload(part)?;
        let entry = |(key, function): (FunctionKey, Function)| (key.load(), Arc::new(function.load()));
        functions.extend(stored.into_iter().map(entry));
    }
    Ok(functions)
}

/// Reads a checkpoint's frame.
pub(in crate::ledger) fn decode_state(bytes: &[u8]) -> Result<State, FrameError> {
    let frame = frame::unframe(bytes)?;
    match (frame.kind, frame.version) {
        (CHECKPOINT, frame::NAMED) => frame::large_named_payload::<Checkpoint>(frame.payload)?.state(),
        (CHECKPOINT, version) => Err(FrameError::UnknownVersion { kind: CHECKPOINT, version }),
        (kind, _) => Err(FrameError::UnknownKind(kind)),
    }
}
