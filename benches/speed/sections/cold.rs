//! Cold starts: each of some new functions is invoked for the first time.

use std::time::{Duration, Instant};

use crate::package::{self, Language, NODE, PYTHON};
use crate::report::Row;
use crate::samples::Samples;
use crate::server::Server;
use crate::{Context, Outcome, floors};

/// Functions that are measured, after one that warms the machine's caches.
const FUNCTIONS: usize = 20;

/// Bytes of the large function.
const LARGE: usize = 200 * 1024 * 1024;

/// Pause before a start out of a standby environment.
const QUIET: Duration = Duration::from_millis(300);

pub fn run(context: &Context) -> Outcome {
    for executor in &context.executors {
        let started = starts(executor, PYTHON, &["--standby", "0"])?;
        let folder = tempfile::tempdir()?;
        let floor = floors::environment(executor, folder.path(), FUNCTIONS)?;
        let target = if *executor == "docker" { 350.0 } else { 90.0 };
        Row::median(format!("{executor}: first invoke of a Python echo, where none stands by"), &started)
            .below(target)
            .floor(floor.median_ms())
            .print();
        let target = if *executor == "docker" { 45.0 } else { 6.0 };
        let started = starts(executor, PYTHON, &[])?;
        Row::median(format!("{executor}: the same out of the box, in a standby one"), &started).below(target).print();
        let alone = starts(executor, NODE, &["--standby", "0"])?;
        Row::median(format!("{executor}: first invoke of a {} echo, where none stands by", NODE.name), &alone).print();
        let standby = starts(executor, NODE, &[])?;
        Row::median(format!("{executor}: the same out of the box, in a standby one"), &standby).below(target).print();
        let (small, large) = again(executor)?;
        Row::median(format!("{executor}: another environment of a function of 200 MB; floor: of one of 1 KB"), &large)
            .below(small.median_ms() * 1.25)
            .floor(small.median_ms())
            .print();
        Row::median(format!("{executor}: floor, a bare one until Python's hello"), &floor).print();
    }
    Ok(())
}

/// Further environments of two functions, a small and a large one, whose code is there already.
fn again(executor: &str) -> Outcome<(Samples, Samples)> {
    let folder = tempfile::tempdir()?;
    // No environment is kept, and none stands by: each invocation makes one.
    let server = Server::start_with(folder.path(), executor, &["--keepalive-ms", "0", "--standby", "0"])?;
    let packages = [("small", package::zip(0)), ("large", package::spacious(LARGE))];
    for (name, zip) in &packages {
        server.create_active_with(name, &package::create_request_of(name, zip))?;
    }
    let mut times = [Vec::new(), Vec::new()];
    // By turns, so that what else the machine does meets both alike.
    for _ in 0..=FUNCTIONS {
        for (times, (name, _)) in times.iter_mut().zip(&packages) {
            let mut connection = server.connect()?;
            let began = Instant::now();
            connection.succeed(&package::invoke_request(name))?;
            times.push(began.elapsed());
            std::thread::sleep(QUIET);
        }
    }
    let [mut small, mut large] = times;
    Ok((Samples::new(small.split_off(1)), Samples::new(large.split_off(1))))
}

fn starts(executor: &str, language: Language, options: &[&str]) -> Outcome<Samples> {
    let folder = tempfile::tempdir()?;
    let server = Server::start_with(folder.path(), executor, options)?;
    let mut times = Vec::new();
    for number in 0..=FUNCTIONS {
        let name = format!("echo-{number}");
        server.create_active_with(&name, &package::create_request_in(language, &name, number))?;
        if options.is_empty() {
            server.wait_for("standby_environments", 1)?;
            // What stands by has begun a moment ago: the engine and the disk are busy with it.
            std::thread::sleep(QUIET);
        }
        let mut connection = server.connect()?;
        let began = Instant::now();
        connection.succeed(&package::invoke_request(&name))?;
        times.push(began.elapsed());
    }
    Ok(Samples::new(times.split_off(1)))
}
