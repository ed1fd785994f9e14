//! A data dir that is moved, removed or replaced while a server has it: what the server could still write would be
//! nobody's, so it takes nothing more, and says so.

use std::fs;

use base64::Engine as _;
use rand::distr::{Alphanumeric, SampleString as _};
use serde_json::json;

use crate::support::functions::{create_some, some};
use crate::support::http::{Request, get};
use crate::support::{Options, Server};

/// Text that does not shrink much.
fn random(length: usize) -> String {
    Alphanumeric.sample_string(&mut rand::rng(), length)
}

/// The server answers a change that it cannot keep, and says what is wrong.
fn refuses(server: &Server) {
    let package = |length: usize| base64::engine::general_purpose::STANDARD.encode(some(&random(length)));
    let layer = |length: usize| json!({ "Content": { "ZipFile": package(length) } });
    let before = server.sequence();
    for request in [
        Request::new("DELETE", "/2015-03-31/functions/kept"),
        Request::json("POST", "/2018-10-31/layers/small/versions", &layer(10)),
        Request::json("POST", "/2018-10-31/layers/large/versions", &layer(3_000_000)),
    ] {
        let answer = request.send(server.port());
        assert_eq!((answer.status, answer.error()), (500, "ServiceException"), "{answer:?}");
    }
    assert_eq!(server.sequence(), before);

    let health = server.health();
    let said = health["problems"].to_string();
    assert!(health["status"] == "degraded" && said.contains("while the server runs"), "{health}");
    assert!(server.log().contains("while the server runs"), "the log says it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_dir_that_is_moved_is_missed_until_it_is_back() {
    let mut server = Server::start(Options::any());
    create_some(&server.client(), "kept").await;
    let away = server.data_dir().with_file_name("away");
    fs::rename(server.data_dir(), &away).expect("is moved");
    refuses(&server);
    assert_eq!(get(server.port(), "/2015-03-31/functions/kept").status, 200, "what is known is told");

    fs::rename(&away, server.data_dir()).expect("is moved back");
    create_some(&server.client(), "later").await;
    assert_eq!(server.health()["status"], "ok");
    server.kill();
    server.restart();
    for name in ["kept", "later"] {
        assert_eq!(get(server.port(), &format!("/2015-03-31/functions/{name}")).status, 200, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_dir_that_is_removed_takes_no_change() {
    let mut server = Server::start(Options::any());
    create_some(&server.client(), "kept").await;
    fs::remove_dir_all(server.data_dir()).expect("is removed");
    refuses(&server);
    server.kill();
    server.restart();
    assert_eq!(server.sequence(), 0, "a new one");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_one_in_its_place_is_none_of_its() {
    let mut server = Server::start(Options::any());
    create_some(&server.client(), "kept").await;
    let copied = server.data_dir().with_file_name("copied");
    let status = std::process::Command::new("cp").arg("-a").args([server.data_dir(), copied.clone()]).status();
    assert!(status.expect("cp runs").success());
    fs::remove_dir_all(server.data_dir()).expect("is removed");
    fs::rename(&copied, server.data_dir()).expect("takes its place");
    refuses(&server);
    server.kill();
    server.restart();
    assert_eq!(get(server.port(), "/2015-03-31/functions/kept").status, 200);
}
