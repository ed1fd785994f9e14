//! SIGKILL among events that wait: what was dropped stays dropped, and a load or a rewind does all of it or nothing.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use super::{ask, number};
use crate::queue::with_many;
use crate::support::functions::create_some;
use crate::support::{Options, Server, http};

/// Events of the pod: not more than a page has.
const EVENTS: usize = 60;

/// Request ids of events that wait.
type Waiting = BTreeSet<String>;

/// A client that drops events, loads them again and rewinds: what is known, and what may be.
struct Client {
    known: Waiting,
    /// With the call whose answer did not come.
    in_flight: Option<Waiting>,
    pod: Vec<u8>,
    random: StdRng,
    calls: u64,
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_dropped_and_loaded_whole_or_not_at_all() {
    let (kills, seed) = (number("LARDER_CRASH_KILLS", 6), number("LARDER_CRASH_SEED", 1));
    let mut random = StdRng::seed_from_u64(seed);
    let pod = pod().await;
    let mut server = Server::start(Options::any().with("LARDER_CHECKPOINT_EVENTS", 20));
    let random_of_client = StdRng::seed_from_u64(seed + 1);
    let mut client = Client { known: Waiting::new(), in_flight: None, pod, random: random_of_client, calls: 0 };
    for kill in 1..=kills {
        let (port, killed) = (server.port(), Arc::new(AtomicBool::new(false)));
        let (ended, mut running) = (Arc::clone(&killed), client);
        let work = std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) && running.step(port) {}
            running
        });
        tokio::time::sleep(Duration::from_millis(random.random_range(20..500))).await;
        server.kill();
        killed.store(true, Ordering::Relaxed);
        client = work.join().expect("the client");
        server.restart();
        client.check(server.port());
        let report = http::get(server.port(), "/_larder/verify?deep=true").json();
        assert_eq!(report["whole"], true, "kill {kill}: {report:#}");
        println!("kill {kill}: {} calls, {} events wait", client.calls, client.known.len());
    }
    assert!(client.calls > kills, "{} calls are too few to show anything", client.calls);
}

/// A pod of a function and its events.
async fn pod() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let pod = folder.path().join("events.pod");
    let server = Server::start(Options::any());
    create_some(&server.client(), "f").await;
    let mut save = Command::new(env!("CARGO_BIN_EXE_larder"));
    let save = save.args(["pod", "save", "--with-events", "--endpoint", &server.url()]).arg(&pod);
    assert!(save.output().expect("larder runs").status.success());
    with_many(&pod, EVENTS);
    std::fs::read(&pod).expect("reads")
}

/// The events that wait, with their ids; `None` without an answer.
fn listed(port: u16) -> Option<Vec<(u64, String)>> {
    let answer = ask(port, "GET", "/_larder/queue?limit=100", "").ok()?;
    let page: Value = serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()?;
    let event = |event: &Value| Some((event["id"].as_u64()?, event["request_id"].as_str()?.to_owned()));
    page["events"].as_array()?.iter().map(event).collect()
}

impl Client {
    /// Does something; whether it was answered.
    fn step(&mut self, port: u16) -> bool {
        let Some(listed) = listed(port) else { return false };
        let choice = self.random.random_range(0..20);
        if choice == 0 {
            let rewind = json!({ "to": 0, "drop_events": true }).to_string();
            return self.call(port, "/_larder/rewind", rewind.as_bytes(), Waiting::new());
        }
        if choice < 3 || listed.is_empty() {
            let pod = self.pod.clone();
            let all = (0..EVENTS).map(|number| format!("r-{number}")).collect();
            return self.call(port, "/_larder/pods/load?merge=service", &pod, all);
        }

        let (id, request_id) = &listed[self.random.random_range(0..listed.len())];
        let mut after = self.known.clone();
        assert!(after.remove(request_id), "{request_id} was dropped, and waits");
        self.call(port, "/_larder/queue/drop", json!({ "id": id }).to_string().as_bytes(), after)
    }

    /// Whether a call was answered; if not, what waits may be as it is `after` it.
    fn call(&mut self, port: u16, path: &str, body: &[u8], after: Waiting) -> bool {
        self.in_flight = Some(after.clone());
        let Some(answer) = ask(port, "POST", path, body).ok().filter(|answer| !answer.is_empty()) else {
            return false;
        };
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        self.known = after;
        self.in_flight = None;
        self.calls += 1;
        true
    }

    /// What waits is what is known, or what the call made of it that was not answered.
    fn check(&mut self, port: u16) {
        let found: Waiting = listed(port).expect("an answer").into_iter().map(|(_, request_id)| request_id).collect();
        let is_possible = found == self.known || self.in_flight.take() == Some(found.clone());
        assert!(is_possible, "{found:?} is not {:?}, nor what the last call made of it", self.known);
        self.known = found;
    }
}
