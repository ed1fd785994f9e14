//! How long a warm round trip takes. Not a check: figures for a person, with
//! `cargo test --release -p larder-init -- --ignored --nocapture speed`.

use std::time::Instant;

use larder_init::link::Outcome;

use crate::harness::{Environment, RESPONSE_LIMIT};

/// Rounds that are measured, after some that warm up.
const ROUNDS: usize = 5000;

#[test]
#[ignore = "a measurement"]
fn speed_of_a_warm_round_trip() {
    // Raw sockets: http.client itself takes more time than all the rest.
    let raw = r#"
s = socket.create_connection(API.split(":"))
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"
while True:
    s.sendall(NEXT)
    event = s.recv(65536)
    at = event.index(b"Request-Id: ") + 12
    id = event[at:event.index(b"\r", at)]
    s.sendall(b"POST /2018-06-01/runtime/invocation/" + id + b"/response HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
    s.recv(65536)
"#;
    for (name, script) in [("http.client", "loop(lambda event: b'{}')"), ("raw sockets", raw)] {
        let (_environment, mut server) = Environment::with(script);
        server.ready();
        let mut times: Vec<u128> = (0..ROUNDS + 500)
            .map(|round| {
                let begin = Instant::now();
                let finished = server.run(&format!("{round:036}"), b"{\"key\":\"value\"}");
                assert!(matches!(finished.outcome, Outcome::Response(_)));
                begin.elapsed().as_nanos() / 1000
            })
            .skip(500)
            .collect();
        times.sort_unstable();
        println!("{name}: p50 {} us, p99 {} us", times[ROUNDS / 2], times[ROUNDS * 99 / 100]);
    }
}

#[test]
#[ignore = "a measurement"]
fn speed_of_six_megabytes_there_and_back() {
    let (_environment, mut server) = Environment::with("loop(lambda event: event)");
    server.ready();
    let payload = vec![b'x'; usize::try_from(RESPONSE_LIMIT).expect("fits")];
    let mut times: Vec<u128> = (0..30)
        .map(|round| {
            let begin = Instant::now();
            server.run(&format!("r{round}"), &payload);
            begin.elapsed().as_micros()
        })
        .collect();
    times.sort_unstable();
    println!("6 MB: p50 {} us", times[15]);
}

#[test]
#[ignore = "a measurement"]
fn speed_of_a_start() {
    let mut times: Vec<u128> = (0..50)
        .map(|_| {
            let begin = Instant::now();
            let started = Environment::new(30);
            let time = begin.elapsed().as_micros();
            drop(started);
            time
        })
        .collect();
    times.sort_unstable();
    println!("start to hello: p50 {} us", times[25]);
}
