//! Pods by the command line, as users save and load them: time, and the memory of both processes.

use std::path::Path;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::report::Row;
use crate::samples::Samples;
use crate::server::{self, Server};
use crate::{Context, Outcome, package, store};

/// Functions of 1 KB each in the pod of many.
const FUNCTIONS: usize = 1000;

/// Runs of each.
const RUNS: usize = 5;

/// Bytes of a large package: nearly what a request may bring.
const LARGE: usize = 50 << 20;
const LARGE_MB: f64 = 52.4288;

/// Large packages in the pod whose memory is measured: about 1 GB.
const MANY_LARGE: u32 = 20;

pub fn run(context: &Context) -> Outcome {
    let executor = context.executors[0];
    let folder = tempfile::tempdir()?;
    let pod = folder.path().join("bench.pod");

    let many = folder.path().join("many");
    store::prepare(&many.join("store"), FUNCTIONS, 0)?;
    let (save, load) = save_and_load(&many, executor, &pod, RUNS)?;
    Row::median(format!("save {FUNCTIONS} functions of 1 KB"), &save.times).below(1000.0).print();
    Row::median(format!("load {FUNCTIONS} functions of 1 KB"), &load.times).below(1000.0).print();

    let one = folder.path().join("one");
    create_large(&one, executor, 0..1)?;
    let floor = megabytes_per_second(1, floor(&package::large(0, LARGE))?);
    let (save, load) = save_and_load(&one, executor, &pod, RUNS)?;
    for (what, measured) in [("save", save), ("load", load)] {
        let rate = megabytes_per_second(1, Duration::from_secs_f64(measured.times.median_ms() / 1000.0));
        Row::figure(format!("{what} one function of 50 MB"), "MB/s", rate).at_least(200.0).floor(floor).print();
    }
    Row::figure("floor, zstd and SHA-256 of it on one thread", "MB/s", floor).print();

    create_large(&one, executor, 1..MANY_LARGE as usize)?;
    let (save, load) = save_and_load(&one, executor, &pod, 1)?;
    for (what, measured) in [("save", save), ("load", load)] {
        let rate = megabytes_per_second(MANY_LARGE, Duration::from_secs_f64(measured.times.median_ms() / 1000.0));
        Row::figure(format!("{what} 1 GB"), "MB/s", rate).print();
        Row::figure(format!("{what} 1 GB, the server's memory"), "MB", measured.server_mb).below(200.0).print();
        Row::figure(format!("{what} 1 GB, the command's memory"), "MB", measured.command_mb).below(200.0).print();
    }
    Ok(())
}

/// Times of a command, and the most memory that it and its server had.
struct Measured {
    times: Samples,
    server_mb: f64,
    command_mb: f64,
}

/// Saves the pod of a data dir some times, and loads it into as many empty ones.
fn save_and_load(data_dir: &Path, executor: &str, pod: &Path, runs: usize) -> Outcome<(Measured, Measured)> {
    let from = Server::start(data_dir, executor)?;
    let saves = (0..runs).map(|_| timed(&from, "save", pod)).collect::<Outcome<Vec<_>>>()?;
    drop(from);
    let load = |_| {
        let folder = tempfile::tempdir()?;
        timed(&Server::start(folder.path(), executor)?, "load", pod)
    };
    let loads = (0..runs).map(load).collect::<Outcome<Vec<_>>>()?;
    Ok((measured(saves), measured(loads)))
}

/// Time, and peaks of the memory of server and command.
fn timed(server: &Server, what: &str, pod: &Path) -> Outcome<(Duration, f64, f64)> {
    let pod = pod.to_str().ok_or("a path in UTF-8")?;
    let began = Instant::now();
    let command_mb = server::command_peak_mb(&["pod", what, pod, "--endpoint", &format!("http://{}", server.address)])?;
    Ok((began.elapsed(), server.peak_mb()?, command_mb))
}

fn measured(runs: Vec<(Duration, f64, f64)>) -> Measured {
    let most = |figures: &mut dyn Iterator<Item = f64>| figures.fold(0.0, f64::max);
    let server_mb = most(&mut runs.iter().map(|run| run.1));
    let command_mb = most(&mut runs.iter().map(|run| run.2));
    Measured { times: Samples::new(runs.into_iter().map(|run| run.0).collect()), server_mb, command_mb }
}

fn create_large(data_dir: &Path, executor: &str, numbers: std::ops::Range<usize>) -> Outcome {
    let server = Server::start(data_dir, executor)?;
    let mut connection = server.connect()?;
    for number in numbers {
        let zip = package::large(number, LARGE);
        connection.succeed(&package::create_request_of(&store::name(number), &zip))?;
    }
    Ok(())
}

fn floor(bytes: &[u8]) -> Outcome<Duration> {
    let began = Instant::now();
    let compressed = zstd::bulk::compress(bytes, 3)?;
    let digest = Sha256::digest(bytes);
    let took = began.elapsed();
    if compressed.is_empty() || digest.is_empty() { Err("nothing was done".into()) } else { Ok(took) }
}

fn megabytes_per_second(packages: u32, time: Duration) -> f64 {
    f64::from(packages) * LARGE_MB / time.as_secs_f64()
}
