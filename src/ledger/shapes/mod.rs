//! The stored shapes, schema 5, and the conversions to and from the model.
//!
//! A shape written to disk is a promise to every old file. Payloads have the names of their members: one that is added
//! as an `Option` needs no step, and is `None` in what was written before it. What else changes raises the schema, with
//! a file in `migrations/`. (Until schema 4 payloads were bincode: `migrations/v4_to_v5.rs`.)

// Their macros are in scope below these lines only.
#[macro_use]
mod stored;
#[macro_use]
mod events;

mod capacity_providers;
mod checkpoint;
mod code_signing;
mod concurrency;
mod cursors;
mod event_invoke;
mod event_sources;
mod folded;
mod function_parts;
mod function_settings;
mod functions;
mod history;
mod iam;
mod layers;
mod logs;
mod messages;
mod move_tasks;
mod policies;
mod queues;
mod runs;
mod tags;
pub(in crate::ledger) mod text;
mod urls;

pub(super) use checkpoint::{decode_quick_state, decode_state, encode_quick_state, encode_state};
pub(super) use events::{decided, decode, encode, to_json};
pub(super) use history::{resource_from_json, resource_to_json, serialize_resource};
pub(super) use messages::{message_from_json, message_to_json};
pub(super) use runs::{decode_run, decode_runs, encode_run, encode_runs, run_from_json, run_to_json};
