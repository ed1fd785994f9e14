//! What speed means here, measured: `cargo bench --bench speed [-- SECTION…] [--executor NAME] [--calls N]`.
//!
//! Every figure is taken from outside, on a real server process with a data dir of its own, and
//! stands beside its target and its floor: the least that the same work takes on the same machine
//! in the same minute, without Larder. docs/PERFORMANCE.md says how to read it.

mod docker;
mod floors;
mod http;
mod load;
mod package;
mod report;
mod runtime_api;
mod samples;
mod sections;
mod server;
mod store;

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

/// A failed measurement ends the run: a half table would be read as a whole one.
type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// A section: its name, what it is about, its code.
type Section = (&'static str, &'static str, fn(&Context) -> Outcome);

/// All sections, in the order of a whole run.
const SECTIONS: &[Section] = &[
    ("warm", "warm invocations, one after the other", sections::warm::run),
    ("urls", "a function behind its URL, beside its invocation", sections::urls::run),
    ("records", "what it costs an invocation that it is remembered", sections::records::run),
    ("cold", "cold starts: first invocation of a new environment", sections::cold::run),
    ("reload", "hot reload: from a save to the first answer of the new code", sections::reload::run),
    ("throughput", "warm invocations over many connections", sections::throughput::run),
    ("create", "CreateFunction of distinct 1 KB packages, durability always", sections::create::run),
    ("changes", "TagResource, durability always", sections::changes::run),
    ("read", "GetFunction and ListFunctions among 10,000 functions", sections::read::run),
    ("console", "the console's pages among 10,000 functions", sections::console::run),
    ("growth", "the same calls among few and among 10,000 functions", sections::growth::run),
    ("restart", "from the start of the process to the first answer", sections::restart::run),
    ("replay", "opening a store without its checkpoints", sections::replay::run),
    ("rewind", "POST /_larder/rewind to a mark", sections::rewind::run),
    ("pods", "`larder pod save` and `larder pod load` through a server", sections::pods::run),
    ("scale", "from 100 to 100,000 functions", sections::scale::run),
    ("memory", "resident memory of the server", sections::memory::run),
    ("waiting", "events that wait, as many as --calls says", sections::waiting::run),
    (
        "queues",
        "messages of queues, as many waiting as --calls says; and functions that read them",
        sections::queues::run,
    ),
    ("idle", "processor time of a server that nobody calls", sections::idle::run),
    ("init", "the init: size, and start to its hello", sections::init::run),
];

/// What all sections know.
struct Context {
    /// Executors that this machine has, as far as the caller wants them.
    executors: Vec<&'static str>,
    /// Warm calls after which the server's memory is measured.
    calls: usize,
}

/// Warm calls of `memory`, where nobody says otherwise: some seconds.
const CALLS: usize = 100_000;

/// What the command line asks for.
#[derive(Default)]
struct Arguments {
    sections: Vec<String>,
    executor: Option<String>,
    calls: Option<usize>,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("speed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome {
    let Arguments { sections: wanted, executor, calls } = arguments()?;
    let began = Instant::now();
    println!("{}", report::machine());
    let context = Context { executors: available(executor.as_deref())?, calls: calls.unwrap_or(CALLS) };
    for (name, about, section) in SECTIONS {
        if wanted.is_empty() || wanted.iter().any(|one| one == name) {
            report::heading(name, about);
            section(&context)?;
        }
    }
    println!("\n{} s in all", began.elapsed().as_secs());
    Ok(())
}

/// What the command line says. `--bench` is cargo's own.
fn arguments() -> Outcome<Arguments> {
    let mut read = Arguments::default();
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--executor" => read.executor = Some(arguments.next().ok_or("--executor takes docker or sandbox")?),
            "--calls" => read.calls = Some(arguments.next().ok_or("--calls takes a number")?.parse()?),
            name if SECTIONS.iter().any(|(section, ..)| *section == name) => read.sections.push(argument),
            _ => {
                let names: Vec<_> = SECTIONS.iter().map(|(name, ..)| *name).collect();
                return Err(format!("no section {argument}; there are: {}", names.join(", ")).into());
            }
        }
    }
    Ok(read)
}

/// The executors that a server starts with. A server that takes another one than it was asked for
/// does not have it.
fn available(only: Option<&str>) -> Outcome<Vec<&'static str>> {
    let names = ["sandbox", "docker"].into_iter().filter(|name| only.is_none_or(|only| only == *name));
    let there: Vec<_> = names.filter(|name| server::has_executor(name)).collect();
    println!("executors: {}", if there.is_empty() { "none".to_owned() } else { there.join(", ") });
    if there.is_empty() { Err("no executor is available".into()) } else { Ok(there) }
}
