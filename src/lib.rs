//! Larder: a local AWS Lambda service that keeps what you put in it.
//!
//! The rooms, from the outside in; an arrow between them never runs back (`tests/arrows.rs`):
//! - [`cli`] — one file per subcommand
//! - [`server`] — puts the rooms together and serves them on one port
//! - [`config`] — what a user can set
//! - [`front`] — the one door: who may come in
//! - [`console`] — Larder's own endpoints, `/_larder/…`
//! - [`desk`] — what can be done with a store beside calling its services
//! - [`services`] — AWS services served here: Lambda, IAM, STS, `CloudWatch` Logs
//! - [`protocol`] — AWS's wire protocols, once for all services
//! - [`reactors`] — what watches published states and does what they leave to do
//! - [`invoke`] — invocations
//! - [`pods`] — the whole state as one portable file
//! - [`environments`] — the pool, the link, the executors
//! - [`upstream`] — other endpoints, which serve what Larder does not
//! - [`blobs`] — content-addressed bytes, code trees
//! - [`ledger`] — event log, current state, the single writer
//! - [`tls`] — connections that Larder opens
//! - [`disk`] — the operations on files that must not lose anything
//! - [`clock`] — what time it is
//! - [`runs`] — pure: what is under way, forgotten when it is done
//! - [`model`] — pure: names, resources, commands, events, state

pub mod blobs;
pub mod cli;
pub mod clock;
pub mod config;
pub mod console;
pub mod desk;
pub mod disk;
pub mod environments;
pub mod front;
pub mod invoke;
pub mod ledger;
pub mod model;
pub mod pods;
pub mod protocol;
pub mod reactors;
pub mod runs;
pub mod server;
pub mod services;
pub mod tls;
pub mod upstream;
