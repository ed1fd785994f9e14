//! Processor time of a server with functions and environments that nobody calls.

use std::time::{Duration, Instant};

use crate::report::Row;
use crate::server::Server;
use crate::{Context, Outcome, package, store};

/// Functions.
const FUNCTIONS: usize = 1000;

/// Functions that have an environment.
const ENVIRONMENTS: usize = 50;

/// Pause before it is measured: what creations left to do is done then.
const REST: Duration = Duration::from_secs(5);

/// How long it is measured.
const MEASURED: Duration = Duration::from_secs(30);

pub fn run(context: &Context) -> Outcome {
    let executor = context.executors[0];
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path(), executor)?;
    let mut connection = server.connect()?;
    for number in 0..FUNCTIONS {
        connection.succeed(&package::create_request(&store::name(number), number))?;
    }
    for number in 0..ENVIRONMENTS {
        connection.succeed(&package::invoke_request(&store::name(number)))?;
    }
    server.wait_for("environments", ENVIRONMENTS as u64)?;
    std::thread::sleep(REST);
    let (before, began) = (server.processor_s()?, Instant::now());
    std::thread::sleep(MEASURED);
    let share = (server.processor_s()? - before) / began.elapsed().as_secs_f64() * 100.0;
    let name = format!("{executor}: {FUNCTIONS} functions, {ENVIRONMENTS} environments");
    Row::figure(name, "%", share).below(1.0).print();
    Ok(())
}
