//! Properties of the model, over random sequences of commands.

mod checkpoints;
mod commands;
mod history;
mod hot_pods;
mod ledger;
mod merge;
mod messages;
mod pod_contents;
#[path = "../../fuzz/targets/pod_file.rs"]
mod pod_file;
mod pod_fuzz;
mod pods;
mod properties;
mod provisioned;
mod queue;
mod segments;
