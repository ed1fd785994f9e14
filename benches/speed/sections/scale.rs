//! How time, disk and memory grow from 100 to 100,000 functions, and with versions: as many as calls are asked for, ten
//! of each function. The floor is the figure among 100.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Instant;

use serde_json::json;

use crate::report::Row;
use crate::samples::Samples;
use crate::server::{self, Server};
use crate::{Context, Outcome, http, store};

/// Functions in the stores.
const FUNCTIONS: [usize; 4] = [100, 1000, 10_000, 100_000];

/// Versions of each function in the last of them.
const VERSIONS: usize = 10;

/// Measurements of a call.
const COUNT: usize = 200;

/// A figure: its name, its unit, its value.
type Figure = (&'static str, &'static str, f64);

pub fn run(context: &Context) -> Outcome {
    let mut least: Option<Vec<Figure>> = None;
    let sizes = FUNCTIONS.map(|functions| (functions, 0)).into_iter().chain([(context.calls / VERSIONS, VERSIONS)]);
    for (functions, versions) in sizes {
        let figures = measure(functions, versions, context.executors[0])?;
        let floors = least.get_or_insert_with(|| figures.clone());
        for ((name, unit, figure), (_, _, floor)) in figures.iter().zip(floors.iter()) {
            let of = if versions == 0 { String::new() } else { format!(" of {versions} versions") };
            Row::figure(format!("{functions} functions{of}: {name}"), unit, *figure).floor(*floor).print();
        }
    }
    Ok(())
}

fn measure(functions: usize, versions: usize, executor: &str) -> Outcome<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    store::prepare(&folder.path().join("store"), functions, 0)?;
    store::publish(&folder.path().join("store"), functions, versions)?;
    // The first start makes what a store has once.
    drop(Server::start(folder.path(), executor)?);
    let server = Server::start(folder.path(), executor)?;
    let ready = server.ready_after.as_secs_f64() * 1000.0;
    let get = call(&server, |number| {
        http::request("GET", &format!("/2015-03-31/functions/{}", store::name(number * 7919 % functions)), b"")
    })?;
    let list = call(&server, |_| http::request("GET", "/2015-03-31/functions?MaxItems=50", b""))?;
    let change = call(&server, reserve)?;
    let rewind = rewind(&server)?;
    let disk = bytes(folder.path())?;
    let resident = server.resident_mb()?;
    let each = |bytes: u64| u32::try_from(bytes / functions as u64).map(f64::from);
    let mut figures = vec![
        ("ready", "ms", ready),
        ("GetFunction", "ms", get),
        ("ListFunctions of 50", "ms", list),
        ("PutFunctionConcurrency", "ms", change),
        ("rewind of one function", "ms", rewind),
        ("resident memory", "MB", resident),
        ("data dir, for each", "B", each(disk)?),
    ];

    // A pod has a limit.
    match save(&server, &folder.path().join("scale.pod")) {
        Ok((ms, size)) => figures.extend([
            ("pod save", "ms", ms),
            ("the same, memory of the server", "MB", server.peak_mb()?),
            ("pod, for each", "B", each(size)?),
        ]),
        Err(error) => println!("{error}"),
    }
    Ok(figures)
}

/// Milliseconds that a pod took, and its bytes.
fn save(server: &Server, pod: &Path) -> Outcome<(f64, u64)> {
    let (target, began) = (pod.to_str().ok_or("a path in UTF-8")?, Instant::now());
    server::command_peak_mb(&["pod", "save", target, "--endpoint", &format!("http://{}", server.address)])?;
    Ok((began.elapsed().as_secs_f64() * 1000.0, std::fs::metadata(pod)?.len()))
}

/// The median of a call, in milliseconds.
fn call(server: &Server, request: impl Fn(usize) -> Vec<u8>) -> Outcome<f64> {
    let requests: Vec<_> = (0..COUNT).map(request).collect();
    let mut connection = server.connect()?;
    Ok(Samples::of(COUNT, |number| connection.succeed(&requests[number]).map(drop))?.median_ms())
}

fn rewind(server: &Server) -> Outcome<f64> {
    let mut connection = server.connect()?;
    connection.succeed(&http::request("POST", "/_larder/marks/clean", b"{}"))?;
    let rewind = http::request("POST", "/_larder/rewind", br#"{"to":"mark:clean"}"#);
    let mut times = Vec::with_capacity(COUNT);
    for number in 0..COUNT {
        connection.succeed(&reserve(COUNT + 1 + number))?;
        let began = Instant::now();
        connection.succeed(&rewind)?;
        times.push(began.elapsed());
    }
    Ok(Samples::new(times).median_ms())
}

/// The smallest change of a function.
fn reserve(number: usize) -> Vec<u8> {
    let path = format!("/2017-10-31/functions/{}/concurrency", store::name(0));
    http::request("PUT", &path, json!({ "ReservedConcurrentExecutions": number }).to_string().as_bytes())
}

/// What a folder takes on the disk.
fn bytes(folder: &Path) -> Outcome<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        sum += if about.is_dir() { bytes(&entry.path())? } else { about.blocks() * 512 };
    }
    Ok(sum)
}
