//! Chaos: under load of many functions, processes of environments are killed and links are cut at random. Each call
//! ends with a defined answer in time, the pool heals, and nothing is left at the end.
//!
//! `LARDER_CHAOS_SEED` plays what was chosen before once more, as far as the machine's own timing lets it. The engine
//! that is killed is one of the test's own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::Runtime;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::on_each_executor;
use crate::support::cut_link::CutLink;
use crate::support::functions::{active, creation, extension, python};
use crate::support::invoke::invoke;
use crate::support::private_engine::PrivateEngine;
use crate::support::{Executor, Options, Server, eventually};

const FUNCTIONS: usize = 50;

/// Those of an engine that has just begun, which takes long for each.
const FEW: usize = 12;

/// How many call at the same time.
const CALLERS: u64 = 6;

/// How long it goes on, at least; and at most, where a slow engine makes few environments meanwhile.
const DURATION: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(60);

/// Calls that have to end well beside the strikes: else only the dead were struck.
const WELL: usize = 20;

/// The functions' timeout in seconds.
const TIMEOUT: i32 = 3;

/// What a call may take beyond that: a start of its environment, or several, on a busy machine.
const MARGIN: Duration = Duration::from_secs(30);

const SLEEPER: &str = "
import time
def handler(event, context):
    time.sleep(event['s'])
    return event
";

/// What can be killed, by its command line.
#[derive(Debug, Clone, Copy)]
enum Victim {
    Init,
    Runtime,
    Extension,
    Link,
}

impl Victim {
    fn is(self, line: &str) -> bool {
        let init = line.starts_with("/run/larder/init") || line.ends_with("/larder-init ");
        let extension = line.contains("/opt/extensions/");
        match self {
            Self::Init => init,
            Self::Extension => extension,
            Self::Runtime => line.contains("bootstrap") && !init && !extension,
            Self::Link => false,
        }
    }
}

/// How calls ended, counted.
type Ends = BTreeMap<String, usize>;

/// What calls are refused with while there is no engine to make environments with.
const WITHOUT_ENGINE: [&str; 2] = ["InvalidRuntimeException", "ServiceException"];

/// Callers of the functions, and how to end them.
struct Load {
    callers: Vec<tokio::task::JoinHandle<Ends>>,
    stop: Arc<AtomicBool>,
    /// Calls that ended well so far.
    well: Arc<AtomicUsize>,
}

impl Load {
    /// Begins; calls may be refused with `refusals`.
    fn begin(client: &Client, seed: u64, functions: usize, refusals: &'static [&'static str]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let well = Arc::new(AtomicUsize::new(0));
        let callers = (0..CALLERS).map(|number| {
            let choice = StdRng::seed_from_u64(seed.wrapping_add(number));
            let flags = (Arc::clone(&stop), Arc::clone(&well));
            tokio::spawn(call(client.clone(), choice, functions, flags, refusals))
        });
        Self { callers: callers.collect(), stop, well }
    }

    fn well(&self) -> usize {
        self.well.load(Ordering::Relaxed)
    }

    /// Ends the calls; how all of them ended.
    async fn end(self) -> Ends {
        self.stop.store(true, Ordering::Relaxed);
        let mut ends = Ends::new();
        for caller in self.callers {
            for (end, count) in caller.await.expect("each call had a defined answer") {
                *ends.entry(end).or_default() += count;
            }
        }
        ends
    }
}

/// Waits until nothing runs, and calls each function: whatever was struck has healed.
async fn heals(server: &Server, client: &Client, functions: usize) {
    // One that was struck at last may still be found out by the next call.
    eventually("nothing runs any more", || async {
        let counts = &server.health()["counts"];
        (counts["environments"] == counts["idle_environments"]).then_some(())
    })
    .await;
    for number in 0..functions {
        let event = json!({ "s": 0, "n": number });
        assert_eq!(invoke(client, &format!("f{number}"), event.clone()).await.response(), event);
    }
}

/// That of the run before where it is given, else a new one.
fn seed() -> u64 {
    let seed = std::env::var("LARDER_CHAOS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("LARDER_CHAOS_SEED={seed}");
    seed
}

/// Calls functions at random until it is told to stop; counts what ended well as it goes.
async fn call(
    client: Client,
    mut choice: StdRng,
    functions: usize,
    (stop, well): (Arc<AtomicBool>, Arc<AtomicUsize>),
    refusals: &[&str],
) -> Ends {
    let mut ends = Ends::new();
    while !stop.load(Ordering::Relaxed) {
        let name = format!("f{}", choice.random_range(0..functions));
        let event = json!({ "s": choice.random_range(0.0..0.3), "n": choice.random::<u32>() });
        let request = client.invoke().function_name(&name).payload(Blob::new(event.to_string())).send();
        let limit = Duration::from_secs(TIMEOUT.unsigned_abs().into()) + MARGIN;
        let Ok(answer) = tokio::time::timeout(limit, request).await else { panic!("{name} gave no answer in time") };
        let end = end(answer, &event, refusals);
        well.fetch_add(usize::from(end == "response"), Ordering::Relaxed);
        *ends.entry(end).or_default() += 1;
    }
    ends
}

/// What an answer is called; panics where it is none of those that are defined.
fn end(
    answer: Result<
        aws_sdk_lambda::operation::invoke::InvokeOutput,
        SdkError<aws_sdk_lambda::operation::invoke::InvokeError>,
    >,
    event: &Value,
    refusals: &[&str],
) -> String {
    let output = match answer {
        Ok(output) => output,
        Err(error) => match error.code().filter(|code| refusals.contains(code)) {
            Some(code) => return code.to_owned(),
            None => panic!("refused: {:?} {error:?}", error.code()),
        },
    };
    let payload: Value = serde_json::from_slice(output.payload().map(Blob::as_ref).unwrap_or_default()).expect("JSON");
    if output.function_error().is_none() {
        assert_eq!(&payload, event, "an answer to another event");
        return "response".to_owned();
    }
    let error = payload["errorType"].as_str().unwrap_or_default();
    let defined = ["Runtime.ExitError", "Extension.Crash", "Sandbox.Timedout"];
    assert!(defined.contains(&error), "{payload}");
    error.to_owned()
}

/// Kills or cuts something at random, and tells what.
fn strike(server: &Server, link: &CutLink, choice: &mut StdRng) -> Option<&'static str> {
    let victims = [Victim::Init, Victim::Runtime, Victim::Runtime, Victim::Extension, Victim::Link];
    let victim = *victims.choose(choice)?;
    if let Victim::Link = victim {
        return link.cut(|count| choice.random_range(0..count)).then_some("link");
    }
    let processes: Vec<_> = server.processes().into_iter().filter(|(_, line)| victim.is(line)).collect();
    let (pid, _) = processes.choose(choice)?;
    kill(Pid::from_raw(i32::try_from(*pid).ok()?), Signal::SIGKILL).ok()?;
    Some(match victim {
        Victim::Init => "init",
        Victim::Runtime => "runtime",
        Victim::Extension => "extension",
        Victim::Link => "link",
    })
}

/// Creates all functions; each fifth has an extension.
async fn create_all(client: &Client, functions: usize) {
    let layer = extension(client, "keeper").await;
    for number in 0..functions {
        let creation = creation(client, &format!("f{number}"), Runtime::Python311, python(SLEEPER)).timeout(TIMEOUT);
        let layers = (number % 5 == 0).then(|| vec![layer.clone()]);
        creation.set_layers(layers).send().await.expect("created");
    }
    for number in 0..functions {
        active(client, &format!("f{number}")).await;
    }
}

on_each_executor! {
    async fn each_call_ends_and_nothing_is_left(executor) {
        let seed = seed();
        let mut choice = StdRng::seed_from_u64(seed);
        // Fewer than there are functions, so that some end to make room.
        let server = Server::start(Options::new(executor).with("LARDER_MAX_ENVIRONMENTS", 30));
        let client = server.client();
        create_all(&client, FUNCTIONS).await;
        let link = CutLink::before(&server);
        let load = Load::begin(&client, seed, FUNCTIONS, &[]);
        let begin = Instant::now();
        let mut strikes = Ends::new();
        let goes_on = |kinds: usize| {
            let is_enough = kinds == 4 && load.well() >= WELL;
            begin.elapsed() < if is_enough { DURATION } else { LONGEST }
        };
        while goes_on(strikes.len()) {
            tokio::time::sleep(Duration::from_millis(choice.random_range(20..150))).await;
            if let Some(what) = strike(&server, &link, &mut choice) {
                *strikes.entry(what.to_owned()).or_default() += 1;
            }
        }
        let ends = load.end().await;
        println!("struck {strikes:?}; calls ended with {ends:?}");
        assert_eq!(strikes.len(), 4, "each kind was struck: {strikes:?}");
        assert!(ends.get("response").is_some_and(|count| *count >= WELL), "calls end well beside them: {ends:?}");

        heals(&server, &client, FUNCTIONS).await;
        assert!(server.environments() <= 30);
        // The server's end checks that it stops in good order, and counts processes and containers.
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_ends_though_the_engine_is_killed() {
    if !Executor::Docker.is_here() {
        return;
    }
    let Some(mut engine) = PrivateEngine::start(&["public.ecr.aws/lambda/python:3.11"]) else { return };
    let options = Options::new(Executor::Docker).with("DOCKER_HOST", engine.host());
    let mut server = Server::start(options.with("LARDER_MAX_ENVIRONMENTS", 6));
    let client = server.client();
    create_all(&client, FEW).await;

    let load = Load::begin(&client, seed(), FEW, &WITHOUT_ENGINE);
    let enough = |count: usize| {
        let load = &load;
        eventually("calls end well", move || async move { (load.well() >= count).then_some(()) })
    };
    enough(WELL).await;
    engine.kill();
    // What is warm goes on without it, and the rest is refused.
    tokio::time::sleep(Duration::from_secs(3)).await;
    engine.restart();
    enough(load.well() + WELL).await;
    let ends = load.end().await;
    println!("calls ended with {ends:?}");
    assert!(WITHOUT_ENGINE.iter().any(|code| ends.contains_key(*code)), "some were made without an engine: {ends:?}");

    heals(&server, &client, FEW).await;
    assert!(server.environments() <= 6);
    assert_eq!(server.stop().code(), Some(0));
    assert_eq!(engine.containers(), Vec::<String>::new());
}
