//! `larder demo`: what Larder does, shown in a few seconds with a real server process.

mod client;
mod function;

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use client::Client;
use function::Sample;
use serde_json::{Value, json};

use crate::cli::server_process::{self, ServerProcess};
use crate::config::ExecutorChoice;

/// Name of the demo's function.
const NAME: &str = "hello";

/// Warm invocations that are timed.
const WARM: usize = 50;

/// How long the function may take to become `Active`: its image may have to be pulled.
const ACTIVE: Duration = Duration::from_secs(600);

/// After this it is said what takes so long.
const SAY_AFTER: Duration = Duration::from_secs(5);

/// Options of `larder demo`.
#[derive(Debug, Clone, clap::Args)]
pub struct DemoOptions {
    /// What runs the function; auto takes Docker where an engine answers, else the sandbox
    #[arg(long, env = "LARDER_EXECUTOR", default_value = "auto", value_enum)]
    executor: ExecutorChoice,
}

/// Runs the demo; its end is the process's.
pub async fn run(options: DemoOptions) -> ExitCode {
    let closed = std::fs::Permissions::from_mode(0o700);
    let folder = match tempfile::Builder::new().prefix("larder-demo-").permissions(closed).tempdir() {
        Ok(folder) => folder,
        Err(error) => return failed(&format!("no temporary folder: {error}"), ""),
    };
    let mut show = Show::default();
    let mut server = None;
    let outcome = steps(&options, folder.path(), &mut server, &mut show).await;
    let ended = match server {
        Some(server) => show.step("clean up", server.end()).await,
        None => Ok(()),
    };

    match outcome.and(ended) {
        Ok(()) => {
            line("\nEverything above ran for real. Now: larder serve");
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error, &server_process::log_tail(folder.path())),
    }
}

fn failed(error: &str, log: &str) -> ExitCode {
    eprintln!("\nlarder demo: {error}");
    if !log.is_empty() {
        eprintln!("\nThe server's log ends with:\n{log}");
    }
    ExitCode::FAILURE
}

/// The demo itself.
async fn steps(
    options: &DemoOptions,
    folder: &std::path::Path,
    server: &mut Option<ServerProcess>,
    show: &mut Show,
) -> Result<(), String> {
    let started = show.step("start a server", ServerProcess::start(folder, options.executor, &[])).await?;
    let running = server.insert(started);
    let client = Client::new(running.address());
    let health = client.get("/_larder/health").await?;
    let sample = Sample::choose(&client.get("/_larder/runtimes").await?);
    let executor = |name: &str| health["executor"][name].as_str().unwrap_or("?").to_owned();
    note(&format!("executor {} ({}), runtime {}", executor("name"), executor("reason"), sample.runtime));

    show.step("create a function", create(&client, &sample)).await?;
    show.step("wait until it is Active", active(&client)).await?;
    let first = show.step("invoke it, cold", invoke(&client)).await?;
    let mut times = Vec::with_capacity(WARM);
    for _ in 0..WARM {
        let begun = Instant::now();
        same_environment(&first, &invoke(&client).await?)?;
        times.push(begun.elapsed());
    }
    times.sort();
    show.done(&format!("invoke it, warm (median of {WARM})"), times[WARM / 2]);

    show.step("kill -9 the server, start it again", running.crash_and_restart()).await?;
    let again = show.step("invoke it", invoke(&client)).await?;
    same_environment(&first, &again)?;
    note("the same environment answered: still warm, adopted by the new server");
    let version = show.step("publish a version", publish(&client)).await?;
    note(&format!("version {version} is on disk, as is everything that was answered with 2xx"));
    show.step("delete the function", client.delete(&format!("/2015-03-31/functions/{NAME}"))).await
}

async fn create(client: &Client, sample: &Sample) -> Result<(), String> {
    let body = json!({
        "FunctionName": NAME,
        "Runtime": sample.runtime,
        "Handler": sample.handler,
        "Role": "arn:aws:iam::000000000000:role/demo",
        "Timeout": 30,
        "Code": { "ZipFile": sample.zip_base64()? },
    });
    client.post("/2015-03-31/functions", &body).await.map(drop)
}

async fn active(client: &Client) -> Result<(), String> {
    let begun = Instant::now();
    let mut said = false;
    loop {
        let configuration = client.get(&format!("/2015-03-31/functions/{NAME}/configuration")).await?;
        match configuration["State"].as_str() {
            Some("Active") => return Ok(()),
            Some("Pending") if begun.elapsed() < ACTIVE => {
                if !said && begun.elapsed() > SAY_AFTER {
                    said = true;
                    note("the image of its runtime is being pulled");
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            state => {
                let reason = configuration["StateReason"].as_str().unwrap_or("no reason was given");
                return Err(format!("the function is {}: {reason}", state.unwrap_or("in no state")));
            }
        }
    }
}

async fn invoke(client: &Client) -> Result<Value, String> {
    client.post(&format!("/2015-03-31/functions/{NAME}/invocations"), &json!({ "name": "larder" })).await
}

async fn publish(client: &Client) -> Result<String, String> {
    let published = client.post(&format!("/2015-03-31/functions/{NAME}/versions"), &json!({})).await?;
    Ok(published["Version"].as_str().unwrap_or("?").to_owned())
}

/// The function answers with an id that it makes when its environment starts.
fn same_environment(first: &Value, other: &Value) -> Result<(), String> {
    match (&first["environment"], &other["environment"]) {
        (Value::String(first), Value::String(other)) if first == other => Ok(()),
        _ => Err(format!("another environment answered, or an error: {first} first, then {other}")),
    }
}

/// Prints what happens, a line a step.
#[derive(Debug, Default)]
struct Show {
    steps: usize,
}

impl Show {
    /// Runs a step and prints how long it took.
    async fn step<T>(&mut self, name: &str, step: impl Future<Output = Result<T, String>>) -> Result<T, String> {
        let begun = Instant::now();
        let outcome = step.await.map_err(|error| format!("{name}: {error}"))?;
        self.done(name, begun.elapsed());
        Ok(outcome)
    }

    fn done(&mut self, name: &str, took: Duration) {
        if self.steps == 0 {
            line(&format!("{:<40} {:>10}", "step", "took"));
            line(&format!("{:-<40} {:->10}", "", ""));
        }
        self.steps += 1;
        let mut text = String::new();
        let _ = write!(text, "{name:<40} {:>7.1} ms", took.as_secs_f64() * 1000.0);
        line(&text);
    }
}

/// Prints what a step showed.
fn note(text: &str) {
    line(&format!("    {text}"));
}

/// A closed standard output is no reason to stop half-way: there is a server to end.
fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
