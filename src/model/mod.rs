//! The pure core: names, resources, commands, events, state. No I/O, no clock, no randomness.
//!
//! [`decide`](decide::decide) turns a [`Command`](command::Command) into [`Event`](event::Event)s
//! or an [`ApiError`](error::ApiError); [`State::apply`](state::State::apply) folds events.
//! Times and new ids come in with the command, so that a replay generates nothing.

pub mod areas;
pub mod arn;
pub mod blob;
pub mod command;
pub mod credentials;
pub mod decide;
pub mod error;
pub mod event;
pub mod folded;
pub mod hot_folder;
pub mod limits;
pub mod merge;
pub mod names;
pub mod qualifier;
pub mod reference;
pub mod resource;
pub mod resource_pattern;
pub mod runtimes;
pub mod state;
pub mod time;
pub mod uses;

// The areas: see `areas.rs`.
pub mod capacity_providers;
pub mod code_signing;
pub mod concurrency;
pub mod event_invoke;
pub mod event_sources;
pub mod function_settings;
pub mod functions;
pub mod history;
pub mod iam;
pub mod layers;
pub mod logs;
pub mod policies;
pub mod queues;
pub mod tags;
pub mod urls;
