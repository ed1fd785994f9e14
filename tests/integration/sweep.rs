//! Every operation of AWS's model, called well and badly by tests/python/sweep, which judges all
//! answers by botocore's model; and what is there afterwards, after a kill and a replay of it all.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::python::{run, venv};
use crate::support::{Executor, Options, Server, eventually, http};

/// Listings that together show most of the state.
const LISTINGS: [&str; 5] = [
    "/2015-03-31/functions?FunctionVersion=ALL",
    "/2015-03-31/event-source-mappings",
    "/2018-10-31/layers",
    "/2020-04-22/code-signing-configs",
    "/2025-11-30/capacity-providers",
];

/// States that end by themselves.
const PASSING: [&str; 7] = ["Pending", "InProgress", "Creating", "Enabling", "Disabling", "Updating", "Deleting"];

#[test]
fn the_tables_of_requests_are_those_of_the_model() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/aws-model");
    run(Command::new(script).arg("--check"));
}

#[tokio::test]
async fn every_operation_answers_as_the_model_says_and_all_is_kept() {
    let Some(executor) = [Executor::Sandbox, Executor::Docker].into_iter().find(|executor| executor.is_here()) else {
        return;
    };
    let mut server = Server::start(Options::new(executor).with("LARDER_STATE_DELAY_MS", 0));
    let sweep = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/sweep");
    let output = run(Command::new(venv("model").join("python")).arg(sweep).arg(server.url()));
    assert!(output.contains("all as expected"), "{output}");
    println!("{output}");

    let before = eventually("nothing is going on any more", || async {
        let listed = listings(&server);
        let text = serde_json::to_string(&listed).expect("JSON");
        (!PASSING.iter().any(|state| text.contains(&format!("\"{state}\"")))).then_some(listed)
    })
    .await;
    server.kill();
    std::fs::remove_dir_all(server.data_dir().join("store/checkpoints")).expect("a cache");
    server.restart();
    eventually("all is as before", || async { (listings(&server) == before).then_some(()) }).await;
}

/// The answers to the listings: all pages, without what differs from one answer to the next.
fn listings(server: &Server) -> Vec<Value> {
    let mut pages = Vec::new();
    for path in LISTINGS {
        let mut next = Some(path.to_owned());
        while let Some(path_of_page) = next {
            let page = http::get(server.port(), &path_of_page).json();
            let joint = if path.contains('?') { '&' } else { '?' };
            next = page["NextMarker"].as_str().map(|marker| format!("{path}{joint}Marker={marker}"));
            pages.push(page);
        }
    }
    pages
}
