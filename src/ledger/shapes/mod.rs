//! The stored shapes, schema 4, and the conversions to and from the model.
//!
//! A shape written to disk is a promise to every old file: it never changes once released. A new
//! version of one raises its number in its area's table, and the old one moves to `migrations/`, which lifts
//! its bytes to the next. Field order is the format.

// Their macros are in scope below these lines only.
#[macro_use]
mod stored;
#[macro_use]
mod events;

mod capacity_providers;
mod checkpoint;
mod code_signing;
mod concurrency;
mod event_invoke;
mod event_sources;
mod function_settings;
mod functions;
mod history;
mod iam;
mod layers;
mod logs;
mod policies;
mod tags;
mod text;
mod urls;

pub(super) use checkpoint::{decode_state, encode_state};
pub(super) use events::{decode, encode, to_json};
pub(super) use history::{resource_from_json, resource_to_json};
