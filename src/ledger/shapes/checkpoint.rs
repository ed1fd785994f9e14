//! The stored state: what a checkpoint holds.

use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use imbl::OrdMap;
use serde::de::DeserializeOwned;
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
use crate::ledger::frame::{FrameError, Head};
use crate::model::functions;
use crate::model::names;
use crate::model::state::State;

/// Kind of a checkpoint's frame. One in bincode, of schema 4, is not migrated but skipped, as the events say all of it.
const CHECKPOINT: u16 = 1000;

/// Kind of the frame of a checkpoint's quick form, and its version.
const QUICK: u16 = 1001;
const QUICK_VERSION: u16 = 1;

/// What the shapes of this build are, in a word: their sources, hashed when it is built.
const SHAPES: &str = env!("LARDER_SHAPES");

/// Functions of one part: what is decoded apart from others should be worth a thread.
const PART: usize = 500;

/// How the members of a checkpoint are told apart.
#[derive(Debug, Clone, Copy)]
enum Members {
    /// By their names: later builds read it.
    Named,
    /// By their places, in bincode: read faster, and by the same shapes only.
    InPlace,
}

impl Members {
    fn encode(self, payload: &impl Serialize) -> Result<Bytes, FrameError> {
        let encoded = match self {
            Self::Named => frame::named(payload),
            Self::InPlace => frame::encoded(payload),
        };
        encoded.map(Bytes::from)
    }

    fn decode<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<T, FrameError> {
        match self {
            Self::Named => frame::large_named_payload(bytes),
            Self::InPlace => frame::payload(bytes),
        }
    }
}

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
            fn of(state: &State, members: Members) -> Result<Self, FrameError> {
                Ok(Self {
                    sequence: state.sequence,
                    functions: Vec::new(),
                    function_parts: Some(parts(&state.functions, members)?),
                    $($map: Stored::store(&state.$map)),*
                })
            }

            fn state(self, members: Members) -> Result<State, FrameError> {
                let mut functions: OrdMap<_, _> = self.functions.load();
                functions.extend(read_parts(&self.function_parts.unwrap_or_default(), members)?);
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
    frame::frame_named(CHECKPOINT, &Checkpoint::of(state, Members::Named)?)
}

/// Writes the quick form of the checkpoint whose frame begins so.
pub(in crate::ledger) fn encode_quick_state(state: &State, head: &Head) -> Result<Vec<u8>, FrameError> {
    frame::frame(QUICK, QUICK_VERSION, &(SHAPES, head, Checkpoint::of(state, Members::InPlace)?))
}

/// Reads the quick form; `None` where it is another checkpoint's, or another build's.
pub(in crate::ledger) fn decode_quick_state(bytes: &[u8], head: &Head) -> Result<Option<State>, FrameError> {
    let frame = frame::unframe(bytes)?;
    if (frame.kind, frame.version) != (QUICK, QUICK_VERSION) {
        return Ok(None);
    }

    let ((shapes, of), checkpoint): ((String, Head), _) = frame::leading_payload(frame.payload)?;
    if shapes != SHAPES || of != *head {
        return Ok(None);
    }
    Members::InPlace.decode::<Checkpoint>(checkpoint)?.state(Members::InPlace).map(Some)
}

/// A function and its place.
type Entry = (names::FunctionKey, Arc<functions::Function>);

/// Functions as payloads.
fn parts(
    functions: &OrdMap<names::FunctionKey, Arc<functions::Function>>,
    members: Members,
) -> Result<Vec<Bytes>, FrameError> {
    let all: Vec<_> = functions.iter().collect();
    let stored = |(key, function): (&names::FunctionKey, &Arc<functions::Function>)| -> (FunctionKey, Function) {
        (Stored::store(key), Stored::store(&**function))
    };
    let part = |part: &[_]| members.encode(&part.iter().copied().map(stored).collect::<Vec<_>>());
    all.chunks(PART).map(part).collect()
}

/// The functions of payloads, read by as many threads as there are processors.
fn read_parts(parts: &[Bytes], members: Members) -> Result<Vec<Entry>, FrameError> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let share = parts.len().div_ceil(processors).max(1);
    thread::scope(|scope| {
        let threads: Vec<_> =
            parts.chunks(share).map(|share| scope.spawn(move || read_share(share, members))).collect();
        let mut functions = Vec::new();
        for thread in threads {
            let gone = |_| FrameError::Thread;
            functions.extend(thread.join().map_err(gone)??);
        }
        Ok(functions)
    })
}

fn read_share(parts: &[Bytes], members: Members) -> Result<Vec<Entry>, FrameError> {
    let mut functions = Vec::with_capacity(parts.len() * PART);
    for part in parts {
        let stored: Vec<(FunctionKey, Function)> = members.decode(part)?;
        let entry = |(key, function): (FunctionKey, Function)| (key.load(), Arc::new(function.load()));
        functions.extend(stored.into_iter().map(entry));
    }
    Ok(functions)
}

/// Reads a checkpoint's frame.
pub(in crate::ledger) fn decode_state(bytes: &[u8]) -> Result<State, FrameError> {
    let frame = frame::unframe(bytes)?;
    match (frame.kind, frame.version) {
        (CHECKPOINT, frame::NAMED) => Members::Named.decode::<Checkpoint>(frame.payload)?.state(Members::Named),
        (CHECKPOINT, version) => Err(FrameError::UnknownVersion { kind: CHECKPOINT, version }),
        (kind, _) => Err(FrameError::UnknownKind(kind)),
    }
}
