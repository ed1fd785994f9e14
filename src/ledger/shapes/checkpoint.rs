//! The stored state: what a checkpoint holds.

use bytes::Bytes;
use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use super::capacity_providers::{CapacityProvider, CapacityProviderKey};
use super::code_signing::{CodeSigningConfig, CodeSigningKey};
use super::event_sources::{EventSourceMapping, MappingKey};
use super::function_parts;
use super::functions::Function;
use super::history::Mark;
use super::iam::{EntityKey, Group, InstanceProfile, Policy, Role, User};
use super::layers::{Layer, LayerKey};
use super::logs::{LogGroup, LogGroupKey, LogStream, LogStreamKey};
use super::queues::{Queue, QueueKey};
use super::stored::{FunctionKey, Stored};
use crate::ledger::frame;
use crate::ledger::frame::{FrameError, Head};
use crate::model::state::{Functions, State};

/// Kind of a checkpoint's frame. One in bincode, of schema 4, is not migrated but skipped, as the events say all of it.
const CHECKPOINT: u16 = 1000;

/// Kind of the frame of a checkpoint's quick form, and its version.
const QUICK: u16 = 1001;
const QUICK_VERSION: u16 = 1;

/// What the shapes of this build are, in a word: their sources, hashed when it is built.
const SHAPES: &str = env!("LARDER_SHAPES");

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
            /// The same.
            function_parts: Option<Vec<Bytes>>,
            /// The functions; `None` in checkpoints of earlier builds, and in the quick form, which has its own.
            packed_parts: Option<Vec<Bytes>>,
            $($(#[$meta])* $map: $stored,)*
        }

        impl Checkpoint {
            /// All of a state but its functions.
            fn of(state: &State) -> Self {
                Self {
                    sequence: state.sequence,
                    functions: Vec::new(),
                    function_parts: None,
                    packed_parts: None,
                    $($map: Stored::store(&state.$map)),*
                }
            }

            /// The state with these functions.
            fn state(self, functions: Functions) -> State {
                let state =
                    State { sequence: self.sequence, functions, $($map: self.$map.load(),)* ..State::default() };
                state.rederived()
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
    let packed_parts = Some(function_parts::named(&state.functions)?);
    frame::frame_named(CHECKPOINT, &Checkpoint { packed_parts, ..Checkpoint::of(state) })
}

/// Writes the quick form of the checkpoint whose frame begins so.
pub(in crate::ledger) fn encode_quick_state(state: &State, head: &Head) -> Result<Vec<u8>, FrameError> {
    let parts = function_parts::quick(&state.functions)?;
    frame::frame(QUICK, QUICK_VERSION, &(SHAPES, head, Checkpoint::of(state), parts))
}

/// Reads the quick form; `None` where it is another checkpoint's, or another build's.
pub(in crate::ledger) fn decode_quick_state(bytes: &[u8], head: &Head) -> Result<Option<State>, FrameError> {
    let frame = frame::unframe(bytes)?;
    if (frame.kind, frame.version) != (QUICK, QUICK_VERSION) {
        return Ok(None);
    }

    let ((shapes, of), rest): ((String, Head), _) = frame::leading_payload(frame.payload)?;
    if shapes != SHAPES || of != *head {
        return Ok(None);
    }
    let (checkpoint, parts): (Checkpoint, Vec<&[u8]>) = frame::payload(rest)?;
    let mut functions = Functions::default();
    function_parts::read_quick(parts, &mut functions)?;
    Ok(Some(checkpoint.state(functions)))
}

/// Reads a checkpoint's frame.
pub(in crate::ledger) fn decode_state(bytes: &[u8]) -> Result<State, FrameError> {
    let frame = frame::unframe(bytes)?;
    match (frame.kind, frame.version) {
        (CHECKPOINT, frame::NAMED) => {
            let mut checkpoint: Checkpoint = frame::large_named_payload(frame.payload)?;
            let first: OrdMap<_, _> = std::mem::take(&mut checkpoint.functions).load();
            let mut functions: Functions = first.into_iter().collect();
            function_parts::read_plain(checkpoint.function_parts.take().unwrap_or_default(), &mut functions)?;
            function_parts::read_named(checkpoint.packed_parts.take().unwrap_or_default(), &mut functions)?;
            Ok(checkpoint.state(functions))
        }
        (CHECKPOINT, version) => Err(FrameError::UnknownVersion { kind: CHECKPOINT, version }),
        (kind, _) => Err(FrameError::UnknownKind(kind)),
    }
}
