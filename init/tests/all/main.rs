//! Drives the real init over its link: a stand-in server, and small Python runtimes.

mod extensions;
mod failures;
mod first_process;
mod harness;
mod http;
mod invocations;
mod life_cycle;
mod lost_link;
mod output;
mod preload;
mod reload;
#[path = "../../../tests/skipped/mod.rs"]
mod skipped;
mod speed;
