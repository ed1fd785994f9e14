//! The pure core: names, resources, commands, events, state. No I/O, no clock, no randomness.
//!
//! [`decide`](decide::decide) turns a [`Command`](command::Command) into [`Event`](event::Event)s
//! or an [`ApiError`](error::ApiError); [`State::apply`](state::State::apply) folds events.
//! Times and new ids come in with the command, so that a replay generates nothing.

pub mod alias;
pub mod arn;
pub mod blob;
pub mod capacity_provider;
pub mod code_signing;
pub mod command;
pub mod concurrency;
pub mod credentials;
pub mod decide;
pub mod error;
pub mod event;
pub mod event_invoke;
pub mod event_sources;
pub mod function;
pub mod function_settings;
pub mod history;
pub mod hot_folder;
pub mod iam;
pub mod layer;
pub mod limits;
pub mod logs;
pub mod merge;
pub mod names;
pub mod policy;
pub mod policy_document;
pub mod qualifier;
pub mod reference;
pub mod resource;
pub mod resource_pattern;
pub mod runtimes;
pub mod state;
pub mod tags;
pub mod time;
pub mod urls;
