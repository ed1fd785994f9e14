//! From the start of the process to the first answer over HTTP.

use crate::report::Row;
use crate::samples::Samples;
use crate::server::Server;
use crate::{Context, Outcome, floors, store};

/// Starts that are measured.
const STARTS: usize = 12;

/// Functions of the larger store.
const FUNCTIONS: usize = 1000;

/// Functions of the largest, and updates of each, which make its history long.
const MANY: usize = 10_000;
const UPDATES: usize = 4;
const EVENTS: usize = MANY * (2 + 2 * UPDATES);

pub fn run(context: &Context) -> Outcome {
    let floor = floors::process(env!("CARGO_BIN_EXE_larder"), &["--version"])?.median_ms();
    for executor in &context.executors {
        let folder = tempfile::tempdir()?;
        let empty = starts(STARTS, |number| Server::start(&folder.path().join(number.to_string()), executor))?;
        Row::median(format!("{executor}: ready on an empty store"), &empty).below(100.0).floor(floor).print();
        let full = restarts(executor, FUNCTIONS, 0)?;
        Row::median(format!("{executor}: ready with {FUNCTIONS} functions"), &full).below(60.0).floor(floor).print();
        let long = restarts(executor, MANY, UPDATES)?;
        let name = format!("{executor}: ready with {MANY} functions, {EVENTS} events");
        Row::median(name, &long).below(500.0).floor(floor).print();
    }
    Row::figure("floor, `larder --version`", "ms", floor).print();
    Ok(())
}

fn restarts(executor: &str, functions: usize, updates: usize) -> Outcome<Samples> {
    let folder = tempfile::tempdir()?;
    store::prepare(&folder.path().join("store"), functions, updates)?;
    // The first start makes what a store has once: folders, the init.
    drop(Server::start(folder.path(), executor)?);
    starts(STARTS, |_| Server::start(folder.path(), executor))
}

fn starts(count: usize, start: impl Fn(usize) -> Outcome<Server>) -> Outcome<Samples> {
    let times = (0..count).map(|number| start(number).map(|server| server.ready_after));
    Ok(Samples::new(times.collect::<Outcome<_>>()?))
}
