//! The crash test: clients that create, update, publish, alias and delete in a loop while the server
//! is killed with SIGKILL at random instants. After each restart everything that was acknowledged is
//! there, and what was in flight is there whole or not at all.
//!
//! Ten kills by default; at full length:
//! `LARDER_CRASH_KILLS=60 cargo test --test integration crash:: -- --nocapture`.
//! `LARDER_CRASH_SEED` gives other sequences of changes.

mod client;
mod events;
mod model;
mod pods;
mod queue;
mod rewind;
mod streams;
mod upkeep;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use client::Worker;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::support::{Options, Server};

/// Clients at once; each has functions of its own.
const WORKERS: usize = 4;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// An answer as it comes; empty where the server was killed meanwhile.
fn ask(port: u16, method: &str, path: &str, body: impl AsRef<[u8]>) -> std::io::Result<String> {
    let headers = "X-Larder-Request: 1\r\nContent-Type: application/json\r\n";
    ask_with(port, (method, path), headers, body.as_ref())
}

/// The same with these headers, each of which ends its line.
fn ask_with(port: u16, (method, path): (&str, &str), headers: &str, body: &[u8]) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(body)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost() {
    let (kills, seed) = (number("LARDER_CRASH_KILLS", 10), number("LARDER_CRASH_SEED", 1));
    let mut random = StdRng::seed_from_u64(seed);
    let mut server = Server::start(Options::any().with("LARDER_STATE_DELAY_MS", 5));
    let mut workers: Vec<_> = (0..WORKERS).map(|index| Worker::new(index, seed)).collect();
    let mut last = 0;
    for kill in 1..=kills {
        let client = server.client();
        let running: Vec<_> = workers
            .into_iter()
            .map(|worker| {
                let client = client.clone();
                tokio::spawn(worker.work_until_the_kill(client))
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(random.random_range(5..700))).await;
        server.kill();
        workers = Vec::new();
        for worker in running {
            workers.push(worker.await.expect("a worker"));
        }
        if random.random_bool(0.25) {
            server.start_and_kill(Duration::from_millis(random.random_range(0..80)));
        }
        let start = Instant::now();
        server.restart();
        let restart = start.elapsed();
        let sequence = server.sequence();
        assert!(sequence >= last, "history went back from {last} to {sequence}");
        last = sequence;
        let client = server.client();
        for worker in &mut workers {
            worker.check(&client, &server).await;
        }
        let known: usize = workers.iter().map(Worker::functions).sum();
        assert_eq!(server.health()["counts"]["functions"], known, "no function beyond those");
        let changes: u64 = workers.iter().map(Worker::changes).sum();
        println!("kill {kill}: {changes} changes acknowledged, sequence {sequence}, restart in {restart:?}");
    }
    assert_history_is_whole(&server);
    let changes: u64 = workers.iter().map(Worker::changes).sum();
    assert!(changes > kills, "{changes} changes are too few to show anything");
}

/// Every sequence once, and as many changes as the state says.
fn assert_history_is_whole(server: &Server) {
    let sequences: Vec<_> = server.events().iter().map(|event| event["sequence"].as_u64().expect("a number")).collect();
    assert_eq!(sequences, (1..=server.sequence()).collect::<Vec<_>>());
}
