//! Schema 4 to 5: payloads are self-describing from here on, so that an optional member needs no step any more.
//!
//! What stood in frames until then is bincode, whose shapes are frozen here; a payload is read by its shape and written
//! again with the names of its members. How digests, ids and maps are written is in `ledger/shapes/text.rs`, which may
//! not change either.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ledger::frame::{self, FrameError};

/// When and by whom: the head of each event's payload.
#[derive(Serialize, Deserialize)]
struct Head {
    time: u64,
    origin: Origin,
}

#[derive(Serialize, Deserialize)]
struct Origin {
    request_id: String,
    access_key_id: String,
    user_agent: String,
}

macro_rules! shape {
    ($($name:ident { $($field:ident: $ty:ty),* $(,)? })*) => {$(
        #[derive(Serialize, Deserialize)]
        pub struct $name { $(pub $field: $ty),* }
    )*};
}

macro_rules! words {
    ($($name:ident { $($variant:ident),* $(,)? })*) => {$(
        #[derive(Serialize, Deserialize)]
        pub enum $name { $($variant),* }
    )*};
}

macro_rules! status {
    ($($name:ident { $($variant:ident),* $(,)? })*) => {$(
        #[derive(Serialize, Deserialize)]
        pub enum $name { $($variant,)* Failed(Failure) }
    )*};
}

macro_rules! resources {
    ($($name:literal $kind:ident($key:ty, $value:ty),)*) => {
        #[derive(Serialize, Deserialize)]
        pub enum ResourceKey {
            $(#[serde(rename = $name)] $kind($key),)*
        }

        #[derive(Serialize, Deserialize)]
        pub enum Resource {
            $(#[serde(rename = $name)] $kind { at: $key, is: Box<$value> },)*
        }
    };
}

/// Declares the events of an area: kind, last version in bincode, members.
macro_rules! events {
    ($($kind:literal / $version:literal $name:ident { $($field:ident: $ty:ty),* $(,)? })*) => {
        /// The last version of a kind's payload in bincode, and the step from there.
        pub fn step(kind: u16) -> Option<(u16, super::Step)> {
            match kind {
                $($kind => {
                    #[derive(Serialize, Deserialize)]
                    struct $name { head: super::Head, $($field: $ty),* }
                    Some(($version, super::named::<$name>))
                })*
                _ => None,
            }
        }
    };
}

// The macros above are in scope below this line only.
mod capacity_providers;
mod code_signing;
mod concurrency;
mod event_invoke;
mod event_sources;
mod function_settings;
mod functions;
mod history;
mod iam;
mod keys;
mod layers;
mod logs;
mod policies;
mod tags;
mod urls;

/// From bincode to names.
type Step = fn(&[u8]) -> Result<Vec<u8>, FrameError>;

fn named<T: Serialize + DeserializeOwned>(payload: &[u8]) -> Result<Vec<u8>, FrameError> {
    frame::named(&frame::payload::<T>(payload)?)
}

/// The last version of a kind's payload in bincode, and the step from there; `None` for a kind that had none.
pub fn step(kind: u16) -> Option<(u16, Step)> {
    let areas = [
        functions::step,
        policies::step,
        layers::step,
        urls::step,
        event_invoke::step,
        concurrency::step,
        function_settings::step,
        tags::step,
        code_signing::step,
        event_sources::step,
        capacity_providers::step,
        iam::step,
        logs::step,
        history::step,
    ];
    areas.iter().find_map(|area| area(kind))
}
