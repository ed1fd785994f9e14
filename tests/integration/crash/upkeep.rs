//! SIGKILL inside compaction and garbage collection under load: what was acknowledged is there, with the code
//! that it needs, and the store is whole.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::client::Worker;
use super::{ask, number};
use crate::support::{Options, Server, http};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_to_a_kill_inside_compact_and_gc() {
    let (kills, seed) = (number("LARDER_CRASH_KILLS", 5), number("LARDER_CRASH_SEED", 1));
    let mut random = StdRng::seed_from_u64(seed);
    let mut server = Server::start(Options::any().with("LARDER_STATE_DELAY_MS", 5));
    let mut workers: Vec<_> = (0..3).map(|index| Worker::new(index, seed)).collect();
    for kill in 1..=kills {
        let client = server.client();
        let running: Vec<_> =
            workers.into_iter().map(|worker| tokio::spawn(worker.work_until_the_kill(client.clone()))).collect();
        let port = server.port();
        let upkeep = std::thread::spawn(move || keep_up(port));
        tokio::time::sleep(Duration::from_millis(random.random_range(100..900))).await;
        server.kill();
        let rounds = upkeep.join().expect("the upkeep");
        workers = Vec::new();
        for worker in running {
            workers.push(worker.await.expect("a worker"));
        }
        server.restart();
        let client = server.client();
        for worker in &mut workers {
            worker.check(&client, &server).await;
        }
        let report = http::get(server.port(), "/_larder/verify?deep=true").json();
        assert_eq!(report["whole"], true, "kill {kill}: {report:#}");
        println!("kill {kill}: after {rounds} rounds of compact and gc, history begins at {}", report["begins"]);
    }
    // What is kept is enough to make everything else anew.
    server.stop();
    std::fs::remove_dir_all(server.data_dir().join("store/sled")).expect("removed");
    server.restart();
    let client = server.client();
    for worker in &mut workers {
        worker.check(&client, &server).await;
    }
}

/// Compacts and collects until the server is gone; returns how often.
fn keep_up(port: u16) -> u64 {
    for round in 0.. {
        for (path, body) in [("compact", r#"{"keep_events":5}"#), ("gc", "{}")] {
            let Ok(answer) = ask(port, "POST", &format!("/_larder/{path}"), body) else { return round };
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        }
    }
    unreachable!("the server is killed some time")
}
