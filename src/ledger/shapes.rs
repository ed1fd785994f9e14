//! The stored shapes, version 1, and the conversions to and from the model.
//!
//! A shape written to disk is a promise to every old file: it never changes. A new version gets a
//! shape of its own here, and the old one moves to a migration. Field order is the format.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::codec::{self, Frame, FrameError};
use crate::model::alias;
use crate::model::blob::BlobId;
use crate::model::event::{self, Event};
use crate::model::function;
use crate::model::names::{self, RevisionId};
use crate::model::qualifier;
use crate::model::state::State;
use crate::model::time::Timestamp;

/// A stored shape and the model type it stands for.
trait Stored<M> {
    /// The shape of a value.
    fn store(model: &M) -> Self;
    /// The value of a shape.
    fn load(self) -> M;
}

/// Shapes that are the value itself.
macro_rules! as_is {
    ($($ty:ty),*) => {$(
        impl Stored<$ty> for $ty {
            fn store(model: &$ty) -> Self {
                model.clone()
            }
            fn load(self) -> $ty {
                self
            }
        }
    )*};
}
as_is!(bool, u32, u64, f64, String, BTreeMap<String, String>, [u8; 32]);

impl<M, S: Stored<M>> Stored<Option<M>> for Option<S> {
    fn store(model: &Option<M>) -> Self {
        model.as_ref().map(S::store)
    }
    fn load(self) -> Option<M> {
        self.map(S::load)
    }
}

impl<M, S: Stored<M>> Stored<Vec<M>> for Vec<S> {
    fn store(model: &Vec<M>) -> Self {
        model.iter().map(S::store).collect()
    }
    fn load(self) -> Vec<M> {
        self.into_iter().map(S::load).collect()
    }
}

/// A shared or boxed value is stored as the value.
macro_rules! pointer {
    ($($pointer:ident),*) => {$(
        impl<M, S: Stored<M>> Stored<$pointer<M>> for S {
            fn store(model: &$pointer<M>) -> Self {
                S::store(&**model)
            }
            fn load(self) -> $pointer<M> {
                $pointer::new(S::load(self))
            }
        }
    )*};
}
pointer!(Arc, Box);

/// Ids are stored as what they wrap.
macro_rules! id {
    ($($model:ty: $stored:ty, $store:expr, $load:expr;)*) => {$(
        impl Stored<$model> for $stored {
            fn store(model: &$model) -> Self {
                let store: fn(&$model) -> $stored = $store;
                store(model)
            }
            fn load(self) -> $model {
                let load: fn($stored) -> $model = $load;
                load(self)
            }
        }
    )*};
}
id! {
    names::AccountId: String, |id| id.to_string(), Into::into;
    names::Region: String, |id| id.to_string(), Into::into;
    names::FunctionName: String, |id| id.to_string(), Into::into;
    names::AliasName: String, |id| id.to_string(), Into::into;
    RevisionId: [u8; 16], |id| *id.0.as_bytes(), |bytes| RevisionId(Uuid::from_bytes(bytes));
    Timestamp: u64, |time| time.0, Timestamp;
    BlobId: [u8; 32], |id| id.0, BlobId;
    qualifier::Version: u64, |version| match version {
        qualifier::Version::Latest => 0,
        qualifier::Version::Number(number) => *number,
    }, |number| match number {
        0 => qualifier::Version::Latest,
        number => qualifier::Version::Number(number),
    };
    function::Variables: BTreeMap<String, String>, |variables| variables.0.clone(), function::Variables;
}

/// Declares a stored struct and its conversions, field by field.
macro_rules! shape {
    ($($stored:ident = $model:path { $($field:ident: $ty:ty),* $(,)? })*) => {$(
        #[derive(Serialize, Deserialize)]
        struct $stored { $($field: $ty),* }

        impl Stored<$model> for $stored {
            fn store(model: &$model) -> Self {
                Self { $($field: Stored::store(&model.$field)),* }
            }
            fn load(self) -> $model {
                $model { $($field: Stored::load(self.$field)),* }
            }
        }
    )*};
}
shape! {
    Scope = names::Scope { account: String, region: String }
    FunctionKey = names::FunctionKey { scope: Scope, name: String }
    Code = function::Code { blob: [u8; 32], size: u64 }
    Failure = function::Failure { reason: String, code: String }
    Logging = function::Logging {
        format: String, application_level: Option<String>, system_level: Option<String>, group: String,
    }
    Vpc = function::Vpc { subnets: Vec<String>, security_groups: Vec<String>, ipv6: bool }
    FileSystem = function::FileSystem { arn: String, mount_path: String }
    FunctionConfig = function::FunctionConfig {
        runtime: String, role: String, handler: String, description: String, timeout_s: u32, memory_mib: u32,
        ephemeral_storage_mib: u32, environment: Option<BTreeMap<String, String>>, architecture: String,
        tracing_mode: String, logging: Logging, snap_start: String, layers: Vec<String>,
        kms_key_arn: Option<String>, dead_letter_target: Option<String>, vpc: Option<Vpc>,
        file_systems: Vec<FileSystem>,
    }
    FunctionVersion = function::FunctionVersion {
        version: u64, code: Code, config: FunctionConfig, description: Option<String>, state: FunctionState,
        last_update: Option<UpdateStatus>, revision: [u8; 16], deployment: [u8; 16], modified: u64,
    }
    Routing = alias::Routing { version: u64, weight: f64 }
    Alias = alias::Alias {
        name: String, version: u64, description: String, routing: Option<Routing>, revision: [u8; 16],
    }
    Origin = event::Origin { request_id: String, access_key_id: String, user_agent: String }
}

/// Declares a stored enum of unit variants and one with a failure.
macro_rules! status {
    ($($stored:ident = $model:path { $($variant:ident),* })*) => {$(
        #[derive(Serialize, Deserialize)]
        enum $stored { $($variant,)* Failed(Failure) }

        impl Stored<$model> for $stored {
            fn store(model: &$model) -> Self {
                use $model as Model;
                match model {
                    $(Model::$variant => Self::$variant,)*
                    Model::Failed(failure) => Self::Failed(Stored::store(failure)),
                }
            }
            fn load(self) -> $model {
                use $model as Model;
                match self {
                    $(Self::$variant => Model::$variant,)*
                    Self::Failed(failure) => Model::Failed(failure.load()),
                }
            }
        }
    )*};
}
status! {
    FunctionState = function::FunctionState { Pending, Active }
    UpdateStatus = function::UpdateStatus { Successful, InProgress }
}

/// When and by whom: the head of each event's payload.
#[derive(Serialize, Deserialize)]
struct Head {
    time: u64,
    origin: Origin,
}

/// Declares the stored events: kind, version, fields in order.
macro_rules! events {
    ($($kind:literal / $version:literal $name:ident { $($field:ident: $ty:ty),* $(,)? })*) => {
        /// Writes an event's frame.
        pub(super) fn encode(recorded: &event::Recorded) -> Result<Vec<u8>, FrameError> {
            let head = Head { time: recorded.time.0, origin: Stored::store(&recorded.origin) };
            match &recorded.event {
                $(Event::$name { $($field),* } => {
                    #[derive(Serialize)]
                    struct Payload { head: Head, $($field: $ty),* }
                    codec::frame($kind, $version, &Payload { head, $($field: Stored::store($field)),* })
                })*
            }
        }

        /// Reads an event of a checked frame.
        pub(super) fn decode(sequence: u64, frame: &Frame<'_>) -> Result<event::Recorded, FrameError> {
            let (head, event) = match (frame.kind, frame.version) {
                $(($kind, $version) => {
                    #[derive(Deserialize)]
                    struct Payload { head: Head, $($field: $ty),* }
                    let payload: Payload = codec::payload(frame.payload)?;
                    (payload.head, Event::$name { $($field: Stored::load(payload.$field)),* })
                })*
                $(($kind, version) => return Err(FrameError::UnknownVersion { kind: $kind, version }),)*
                (kind, _) => return Err(FrameError::UnknownKind(kind)),
            };
            Ok(event::Recorded { sequence, time: Timestamp(head.time), origin: head.origin.load(), event })
        }
    };
}
// Kinds are never given again; a removed one stays here as a note.
events! {
    1 / 1 FunctionCreated { key: FunctionKey, latest: FunctionVersion, tags: BTreeMap<String, String> }
    2 / 1 FunctionCodeUpdated {
        key: FunctionKey, code: Code, config: FunctionConfig, revision: [u8; 16], modified: u64,
    }
    3 / 1 FunctionConfigurationUpdated { key: FunctionKey, config: FunctionConfig, revision: [u8; 16], modified: u64 }
    4 / 1 FunctionSettled { key: FunctionKey, version: u64, revision: [u8; 16], failure: Option<Failure> }
    5 / 1 FunctionDeleted { key: FunctionKey }
    6 / 1 VersionPublished { key: FunctionKey, version: FunctionVersion, latest_revision: [u8; 16] }
    7 / 1 VersionDeleted { key: FunctionKey, number: u64 }
    8 / 1 AliasPut { key: FunctionKey, alias: Alias }
    9 / 1 AliasDeleted { key: FunctionKey, name: String }
}

/// A function in a checkpoint.
#[derive(Serialize, Deserialize)]
struct Function {
    key: FunctionKey,
    latest: FunctionVersion,
    versions: Vec<FunctionVersion>,
    last_version: u64,
    aliases: Vec<Alias>,
    tags: BTreeMap<String, String>,
}

/// Kind of a checkpoint's frame.
const CHECKPOINT: u16 = 1000;
/// Version of [`Checkpoint`].
const CHECKPOINT_VERSION: u16 = 1;

/// The state at a sequence. What is derived is rebuilt.
#[derive(Serialize, Deserialize)]
struct Checkpoint {
    sequence: u64,
    functions: Vec<Function>,
}

/// Writes a checkpoint's frame.
pub(super) fn encode_state(state: &State) -> Result<Vec<u8>, FrameError> {
    let functions = state.functions.values().map(|function| Function {
        key: Stored::store(&function.key),
        latest: Stored::store(&function.latest),
        versions: function.versions.values().map(Stored::store).collect(),
        last_version: function.last_version,
        aliases: function.aliases.values().map(Stored::store).collect(),
        tags: function.tags.clone(),
    });
    let checkpoint = Checkpoint { sequence: state.sequence, functions: functions.collect() };
    codec::frame(CHECKPOINT, CHECKPOINT_VERSION, &checkpoint)
}

/// Reads a checkpoint's frame.
pub(super) fn decode_state(bytes: &[u8]) -> Result<State, FrameError> {
    let frame = codec::unframe(bytes)?;
    match (frame.kind, frame.version) {
        (CHECKPOINT, CHECKPOINT_VERSION) => {}
        (CHECKPOINT, version) => return Err(FrameError::UnknownVersion { kind: CHECKPOINT, version }),
        (kind, _) => return Err(FrameError::UnknownKind(kind)),
    }
    let checkpoint: Checkpoint = codec::payload(frame.payload)?;
    Ok(State::from_functions(checkpoint.sequence, checkpoint.functions.into_iter().map(load_function)))
}

fn load_function(stored: Function) -> function::Function {
    let versions: Vec<Arc<function::FunctionVersion>> = stored.versions.load();
    let aliases: Vec<Arc<alias::Alias>> = stored.aliases.load();
    function::Function {
        key: stored.key.load(),
        latest: stored.latest.load(),
        versions: versions.into_iter().filter_map(|version| number(&version).map(|number| (number, version))).collect(),
        last_version: stored.last_version,
        aliases: aliases.into_iter().map(|alias| (alias.name.clone(), alias)).collect(),
        tags: stored.tags,
    }
}

fn number(version: &function::FunctionVersion) -> Option<u64> {
    match version.version {
        qualifier::Version::Number(number) => Some(number),
        qualifier::Version::Latest => None,
    }
}
