//! Warm invocations over many connections, as many environments busy.

use std::time::{Duration, Instant};

use crate::package;
use crate::report::Row;
use crate::runtime_api::BareRuntime;
use crate::samples::Samples;
use crate::server::Server;
use crate::{Context, Outcome};

/// How long each connection invokes without a pause.
const DURATION: Duration = Duration::from_secs(2);

/// Invocations a second at 8 connections, on two processors.
const TARGET: f64 = 2000.0;

/// Bare clients of the floor. More would not do more: the processors are busy.
const BARE: usize = 8;

pub fn run(context: &Context) -> Outcome {
    for executor in &context.executors {
        let folder = tempfile::tempdir()?;
        let server = Server::start(folder.path(), executor)?;
        server.create_active("echo", 0)?;
        let few = larder(&server, 8)?;
        let many = larder(&server, 32)?;
        drop(server);
        let floor = bare(executor)?;
        for (connections, measured) in [(8, few), (32, many)] {
            let target = (connections == 8).then_some(TARGET);
            print(&format!("{executor}: {connections} connections"), measured, target, Some(floor.0));
        }
        print(&format!("{executor}: floor, {BARE} clients behind bare APIs"), floor, None, None);
    }
    Ok(())
}

fn print(name: &str, (rate, times): (f64, Samples), target: Option<f64>, floor: Option<f64>) {
    let row = Row::figure(format!("{name}, invokes"), "/s", rate);
    let row = target.into_iter().fold(row, Row::at_least);
    floor.into_iter().fold(row, Row::floor).print();
    Row::times(format!("{name}, latency"), &times).print();
}

/// Rate and latencies of `connections` callers of one function.
fn larder(server: &Server, connections: usize) -> Outcome<(f64, Samples)> {
    let request = package::invoke_request("echo");
    let mut callers = (0..connections).map(|_| server.connect()).collect::<Outcome<Vec<_>>>()?;
    // Cold starts end before the clock starts: once all at once, then until hardly one more is needed.
    together(&mut callers, Duration::ZERO, |caller| caller.succeed(&request).map(drop))?;
    together(&mut callers, DURATION, |caller| caller.succeed(&request).map(drop))?;
    together(&mut callers, DURATION, |caller| caller.succeed(&request).map(drop))
}

fn bare(executor: &str) -> Outcome<(f64, Samples)> {
    let code = tempfile::tempdir()?;
    let request = package::invoke_request("echo");
    let mut clients = (0..BARE).map(|_| BareRuntime::start(executor, code.path())).collect::<Outcome<Vec<_>>>()?;
    together(&mut clients, Duration::ZERO, |client| client.invoke(&request))?;
    together(&mut clients, DURATION, |client| client.invoke(&request))
}

/// Has each of `all` call in a thread of its own, once at least and until `duration` is over.
fn together<T: Send>(
    all: &mut [T],
    duration: Duration,
    call: impl Fn(&mut T) -> Outcome + Sync,
) -> Outcome<(f64, Samples)> {
    let began = Instant::now();
    let times = std::thread::scope(|scope| {
        let threads: Vec<_> = all
            .iter_mut()
            .map(|one| scope.spawn(|| repeat(duration, || call(one)).map_err(|error| error.to_string())))
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join().expect("a caller does not panic"));
        joined.collect::<Result<Vec<_>, String>>()
    })?;
    let times = times.concat();
    let rate = f64::from(u32::try_from(times.len())?) / began.elapsed().as_secs_f64();
    Ok((rate, Samples::new(times)))
}

fn repeat(duration: Duration, mut call: impl FnMut() -> Outcome) -> Outcome<Vec<Duration>> {
    let (end, mut times) = (Instant::now() + duration, Vec::new());
    loop {
        let began = Instant::now();
        call()?;
        times.push(began.elapsed());
        if Instant::now() >= end {
            return Ok(times);
        }
    }
}
