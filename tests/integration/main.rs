//! Integration tests: the real server process, spoken to by the real AWS SDK and by raw HTTP.
//!
//! One test binary, so that it links once. Tests that run functions run once for each executor of
//! this machine; see `support::executors` for how that is chosen. Every test's server is stopped at
//! its end, which checks that it exits with 0 and leaves no container and no process behind.

// Tests speak of what they expect by `expect` and panics; items of a test crate have no readers
// outside of it.
#![allow(missing_docs)]
// A test reads best in one piece, from top to bottom.
#![allow(clippy::too_many_lines)]

#[path = "../skipped/mod.rs"]
mod skipped;
mod support;

mod adoption;
mod api;
mod authorization;
mod background;
mod bad_input;
mod bad_packages;
mod between_invocations;
mod boto3;
mod capacity_providers;
mod chaos;
mod cli;
mod code_signing;
mod concurrency;
mod console;
mod container_images;
mod container_settings;
mod crash;
mod data_dir_gone;
mod deadlines;
mod destinations;
mod disk_full;
mod door;
mod durable_executions;
mod environments;
mod event_invoke;
mod event_sources;
mod exec_wrapper;
mod exit_codes;
mod extensions;
mod failures;
mod files;
mod function_settings;
mod function_urls;
mod guard;
mod hard_functions;
mod history;
mod hot_reload;
mod introspection;
mod invocation_kinds;
mod invocations;
mod invoke_command;
mod isolation;
#[cfg(feature = "kafka")]
mod kafka_sources;
mod layers;
mod lifecycle;
mod log_formats;
mod logs;
mod lost_files;
mod memory;
mod move_tasks;
mod names;
mod neighbours;
mod networks;
mod not_found;
mod pod_files;
mod pod_library;
mod pod_upstream;
mod pods;
mod policies;
mod provisioned;
mod queue;
mod queues;
#[cfg(feature = "rabbitmq")]
mod rabbitmq_sources;
mod records;
mod remotes;
mod retries;
mod shadows;
mod snap_start;
mod sources;
mod sources_here;
mod standby;
mod startup;
mod strangers;
mod stream_failures;
mod stream_shards;
mod stream_sources;
mod stream_windows;
mod streaming;
mod surroundings;
mod sweep;
mod tags;
mod telemetry;
mod terraform;
mod testing_crate;
mod tls;
mod upkeep;
mod upstream;
mod urls;
mod xray;
