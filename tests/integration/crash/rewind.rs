//! SIGKILL inside rewinds and checkpoints: a rewind is whole or not at all, and so is every change around it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use super::{ask, number};
use crate::support::functions::create_some;
use crate::support::{Options, Server, http};

/// Functions that are changed, and brought back together.
const FUNCTIONS: usize = 12;

/// What is reserved for each function.
type Reserved = [Option<u64>; FUNCTIONS];

/// A client that changes and rewinds in turn: what is known, and what may be.
#[derive(Clone)]
struct Rewinder {
    known: Reserved,
    /// With the call whose answer did not come.
    in_flight: Option<Reserved>,
    random: StdRng,
    rewinds: u64,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rewind_is_whole_or_not_at_all() {
    let (kills, seed) = (number("LARDER_CRASH_KILLS", 6), number("LARDER_CRASH_SEED", 1));
    let mut random = StdRng::seed_from_u64(seed);
    // So few events a checkpoint that one is always being written.
    let mut server = Server::start(Options::any().with("LARDER_CHECKPOINT_EVENTS", 3));
    for index in 0..FUNCTIONS {
        create_some(&server.client(), &name(index)).await;
    }
    http::Request::json("POST", "/_larder/marks/clean", &json!({})).send(server.port());
    let random_of_client = StdRng::seed_from_u64(seed + 1);
    let mut client = Rewinder { known: [None; FUNCTIONS], in_flight: None, random: random_of_client, rewinds: 0 };
    for kill in 1..=kills {
        let (port, killed) = (server.port(), Arc::new(AtomicBool::new(false)));
        let (ended, mut running) = (Arc::clone(&killed), client);
        let work = std::thread::spawn(move || {
            running.work(port, &ended);
            running
        });
        tokio::time::sleep(Duration::from_millis(random.random_range(20..400))).await;
        server.kill();
        killed.store(true, Ordering::Relaxed);
        client = work.join().expect("the client");
        server.restart();
        client.check(server.port());
        let report = http::get(server.port(), "/_larder/verify?deep=true").json();
        assert_eq!(report["whole"], true, "kill {kill}: {report:#}");
        println!("kill {kill}: {} rewinds, {} checkpoints are whole", client.rewinds, report["checkpoints"]);
    }
    assert!(client.rewinds >= kills, "{} rewinds are too few to show anything", client.rewinds);
}

impl Rewinder {
    /// Changes some, rewinds all, until a call has no answer.
    fn work(&mut self, port: u16, killed: &AtomicBool) {
        while !killed.load(Ordering::Relaxed) {
            for _ in 0..self.random.random_range(1..FUNCTIONS) {
                let (index, value) = (self.random.random_range(0..FUNCTIONS), self.random.random_range(1..9));
                let mut after = self.known;
                after[index] = Some(value);
                let path = format!("/2017-10-31/functions/{}/concurrency", name(index));
                if !self.call(port, ("PUT", &path, json!({ "ReservedConcurrentExecutions": value })), after) {
                    return;
                }
            }
            if !self.call(port, ("POST", "/_larder/rewind", json!({ "to": "mark:clean" })), [None; FUNCTIONS]) {
                return;
            }
            self.rewinds += 1;
        }
    }

    /// Whether a call was answered; if not, the state may be `after` it.
    fn call(&mut self, port: u16, (method, path, body): (&str, &str, Value), after: Reserved) -> bool {
        self.in_flight = Some(after);
        let Ok(answer) = ask(port, method, path, body.to_string()) else { return false };
        if answer.is_empty() {
            return false;
        }
        assert!(answer.starts_with("HTTP/1.1 200"), "{method} {path}: {answer}");
        self.known = after;
        self.in_flight = None;
        true
    }

    /// The state is that of the answered calls, or that with the one that was not answered.
    fn check(&mut self, port: u16) {
        let found = std::array::from_fn(|index| {
            let path = format!("/2019-09-30/functions/{}/concurrency", name(index));
            http::get(port, &path).json()["ReservedConcurrentExecutions"].as_u64()
        });
        let possible = [Some(self.known), self.in_flight.take()];
        assert!(possible.contains(&Some(found)), "{found:?} is none of {possible:?}");
        self.known = found;
    }
}

fn name(index: usize) -> String {
    format!("function-{index}")
}
