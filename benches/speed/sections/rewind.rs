//! A rewind between two tests of a suite, on a running server.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::report::Row;
use crate::samples::Samples;
use crate::server::Server;
use crate::{Context, Outcome, http, store};

/// Functions in the store.
const FUNCTIONS: usize = 1000;

/// Functions that a test changes before the state is brought back.
const CHANGED: usize = 100;

/// Rewinds that are measured.
const COUNT: usize = 50;

pub fn run(context: &Context) -> Outcome {
    let folder = tempfile::tempdir()?;
    store::prepare(&folder.path().join("store"), FUNCTIONS, 0)?;
    let server = Server::start(folder.path(), context.executors[0])?;
    let nothing = rewinds(&server, 0)?;
    Row::times("nothing changed", &nothing).print();
    let changed = rewinds(&server, CHANGED)?;
    Row::times(format!("{CHANGED} of {FUNCTIONS} functions changed"), &changed)
        .below(20.0)
        .floor(nothing.median_ms())
        .print();
    Ok(())
}

fn rewinds(server: &Server, changed: usize) -> Outcome<Samples> {
    let mut connection = server.connect()?;
    connection.succeed(&http::request("POST", "/_larder/marks/clean", b"{}"))?;
    let rewind = http::request("POST", "/_larder/rewind", br#"{"to":"mark:clean"}"#);
    let mut times: Vec<Duration> = Vec::with_capacity(COUNT);
    for number in 0..COUNT {
        for function in 0..changed {
            connection.succeed(&reserve(function, 1 + number % 2))?;
        }
        let began = Instant::now();
        let answer = connection.succeed(&rewind)?.json()?;
        times.push(began.elapsed());
        if answer["put"].as_array().map(Vec::len) != Some(changed) {
            return Err(format!("{changed} functions were to be brought back: {answer}").into());
        }
    }
    Ok(Samples::new(times))
}

/// A change that is done when it is answered: a new description would leave the function `InProgress` for a moment.
fn reserve(number: usize, executions: usize) -> Vec<u8> {
    let path = format!("/2017-10-31/functions/{}/concurrency", store::name(number));
    http::request("PUT", &path, json!({ "ReservedConcurrentExecutions": executions }).to_string().as_bytes())
}
