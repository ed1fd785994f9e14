//! The pure core: names, resources, commands, events, state. No I/O, no clock, no randomness.
//!
//! [`decide`](decide::decide) turns a [`Command`](command::Command) into [`Event`](event::Event)s
//! or an [`ApiError`](error::ApiError); [`State::apply`](state::State::apply) folds events.
//! Times and new ids come in with the command, so that a replay generates nothing.

pub mod alias;
pub mod arn;
pub mod blob;
pub mod command;
pub mod decide;
pub mod error;
pub mod event;
pub mod function;
pub mod limits;
pub mod logs;
pub mod names;
pub mod qualifier;
pub mod reference;
pub mod runtimes;
pub mod state;
pub mod time;
