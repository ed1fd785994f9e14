//! The stored state: what a checkpoint holds.

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
use crate::model::state::State;

/// Kind of a checkpoint's frame. One in bincode, of schema 4, is not migrated but skipped, as the events say all of it.
const CHECKPOINT: u16 = 1000;

/// Declares the checkpoint: the maps of the state that are not derived from others.
macro_rules! checkpoint {
    ($($(#[$meta:meta])* $map:ident: $stored:ty),* $(,)?) => {
        /// The state at a sequence. What is derived is rebuilt.
        #[derive(Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Checkpoint {
            sequence: u64,
            $($(#[$meta])* $map: $stored,)*
        }

        impl Checkpoint {
            fn of(state: &State) -> Self {
                Self { sequence: state.sequence, $($map: Stored::store(&state.$map)),* }
            }

            fn state(self) -> State {
                State { sequence: self.sequence, $($map: self.$map.load(),)* ..State::default() }.rederived()
            }
        }
    };
}
checkpoint! {
    functions: Vec<(FunctionKey, Function)>,
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
    frame::frame_named(CHECKPOINT, &Checkpoint::of(state))
}

/// Reads a checkpoint's frame.
pub(in crate::ledger) fn decode_state(bytes: &[u8]) -> Result<State, FrameError> {
    let frame = frame::unframe(bytes)?;
    match (frame.kind, frame.version) {
        (CHECKPOINT, frame::NAMED) => Ok(frame::large_named_payload::<Checkpoint>(frame.payload)?.state()),
        (CHECKPOINT, version) => Err(FrameError::UnknownVersion { kind: CHECKPOINT, version }),
        (kind, _) => Err(FrameError::UnknownKind(kind)),
    }
}
