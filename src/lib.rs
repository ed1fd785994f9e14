//! Larder: a local AWS Lambda service that keeps what you put in it.
//!
//! The rooms, from the outside in; an arrow between them never runs back (`tests/arrows.rs`):
//! - `cli` — one file per subcommand
//! - `server` — puts the rooms together and serves them on one port
//! - `config` — what a user can set
//! - `front` — the one door: who may come in
//! - `console` — Larder's own endpoints, `/_larder/…`
//! - `desk` — what can be done with a store beside calling its services
//! - `services` — AWS services served here: Lambda, IAM, STS, `CloudWatch` Logs, SQS
//! - `protocol` — AWS's wire protocols, once for all services
//! - `reactors` — what watches published states and does what they leave to do
//! - `invoke` — invocations
//! - `pods` — the whole state as one portable file
//! - `environments` — the pool, the link, the executors
//! - `upstream` — other endpoints, which serve what Larder does not
//! - `blobs` — content-addressed bytes, code trees
//! - `messages` — the house's own queues, for whoever sends or receives
//! - `ledger` — event log, current state, the single writer
//! - `tls` — connections that Larder opens
//! - `disk` — the operations on files that must not lose anything
//! - `clock` — what time it is
//! - `runs` — pure: what is under way, forgotten when it is done
//! - `model` — pure: names, resources, commands, events, state
//!
//! Larder is a program: what it offers as a library is [`main()`]. The rooms that tests, benches and fuzz targets look into
//! are public for them; with the feature `sealed`, which CI lints with, they are not, so that the compiler names what
//! nothing uses.

#[cfg(not(feature = "sealed"))]
pub mod blobs;
#[cfg(feature = "sealed")]
mod blobs;
mod cli;
mod clock;
mod config;
mod console;
#[cfg(not(feature = "sealed"))]
pub mod desk;
#[cfg(feature = "sealed")]
mod desk;
mod disk;
#[cfg(not(feature = "sealed"))]
pub mod environments;
#[cfg(feature = "sealed")]
mod environments;
#[cfg(not(feature = "sealed"))]
pub mod front;
#[cfg(feature = "sealed")]
mod front;
mod invoke;
#[cfg(not(feature = "sealed"))]
pub mod ledger;
#[cfg(feature = "sealed")]
mod ledger;
mod memory;
mod messages;
#[cfg(not(feature = "sealed"))]
pub mod model;
#[cfg(feature = "sealed")]
mod model;
#[cfg(not(feature = "sealed"))]
pub mod pods;
#[cfg(feature = "sealed")]
mod pods;
#[cfg(not(feature = "sealed"))]
pub mod protocol;
#[cfg(feature = "sealed")]
mod protocol;
mod reactors;
#[cfg(not(feature = "sealed"))]
pub mod runs;
#[cfg(feature = "sealed")]
mod runs;
mod server;
#[cfg(not(feature = "sealed"))]
pub mod services;
#[cfg(feature = "sealed")]
mod services;
mod tls;
mod upstream;

pub use cli::main;
