//! What can be done with a store beside calling its services: history, invocations, rewinds, pods, events that wait, upkeep. No HTTP: the console,
//! the command line and the server's start and end ask here, and get the same answers.

pub mod answers;
pub mod denials;
pub mod events;
pub mod functions;
pub mod history;
pub mod init_hooks;
pub mod invocation_metrics;
pub mod invocations;
pub mod log;
pub mod log_lines;
pub mod long;
pub mod mappings;
pub mod pods;
pub mod queue;
pub mod replay;
pub mod report;
pub mod upkeep;
pub mod upstream_calls;
pub mod urls;
pub mod words;
