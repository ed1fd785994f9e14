//! What it costs an invocation that it is remembered: a server that remembers all beside one that remembers nothing, in
//! turns.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::http::Connection;
use crate::package;
use crate::report::Row;
use crate::samples::Samples;
use crate::server::Server;
use crate::{Context, Outcome};

/// Pairs of calls that are measured, after some that warm up.
const PAIRS: usize = 5000;
const WARM_UP: usize = 300;

/// What a record may cost, in milliseconds.
const MOST_MORE: f64 = 0.02;

pub fn run(context: &Context) -> Outcome {
    for executor in &context.executors {
        let folders = [tempfile::tempdir()?, tempfile::tempdir()?];
        let silent = Server::start_with(folders[0].path(), executor, &["--record", "off"])?;
        let recording = Server::start_with(folders[1].path(), executor, &["--record", "all"])?;
        let mut connections = Vec::new();
        for server in [&silent, &recording] {
            server.create_active("echo", 0)?;
            connections.push(server.connect()?);
        }
        let [without, with] = measure(&mut connections)?;

        Row::times(format!("{executor}: invoke a Python echo, not remembered"), &without).print();
        let row = Row::times(format!("{executor}: the same, remembered"), &with);
        row.below(without.median_ms() + MOST_MORE).floor(without.median_ms()).print();
    }
    Ok(())
}

fn measure(connections: &mut [Connection<TcpStream>]) -> Outcome<[Samples; 2]> {
    let request = package::invoke_request("echo");
    let mut times: [Vec<Duration>; 2] = [Vec::new(), Vec::new()];
    for pair in 0..WARM_UP + PAIRS {
        for (connection, times) in connections.iter_mut().zip(&mut times) {
            let started = Instant::now();
            connection.succeed(&request)?;
            if pair >= WARM_UP {
                times.push(started.elapsed());
            }
        }
    }

    Ok(times.map(Samples::new))
}
