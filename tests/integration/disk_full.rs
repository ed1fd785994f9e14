//! A disk without room: changes are refused with AWS's error, nothing is half there, reading goes on, and so does
//! everything when there is room again.
//!
//! It needs a small file system of its own, which only root can mount; elsewhere it says so and passes.

use crate::skipped::skipped;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::unistd::geteuid;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::support::functions::{create_some, some};
use crate::support::http::{self, Request};
use crate::support::{Options, Server};

/// Bytes of the file system.
const SIZE: u64 = 48 << 20;

/// A small file system that ends with the test.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: &Path) -> Self {
        let size = format!("size={SIZE}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder).status();
        assert!(mounted.expect("mount runs").success());
        Self(folder.to_owned())
    }

    /// Takes all the room there is.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = File::create(&path).expect("a file");
        for bytes in [vec![1; 1 << 20], vec![1; 4096], vec![1]] {
            while file.write_all(&bytes).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// A server whose data dir is a small disk; none where nobody can make one.
fn on_a_small_disk() -> Option<(Server, SmallDisk)> {
    if !geteuid().is_root() {
        skipped("only root can mount the small disk that this needs");
        return None;
    }
    let mut server = Server::start(Options::any());
    server.stop();
    let disk = SmallDisk::mount(&server.data_dir());
    server.restart();
    Some((server, disk))
}

#[tokio::test]
async fn a_full_disk_refuses_changes_and_loses_nothing() {
    let Some((mut server, disk)) = on_a_small_disk() else { return };
    create_some(&server.client(), "kept").await;
    let mut tags = 0;
    assert_eq!(tag(&server, tags), 204);
    let filler = disk.fill();
    // What lies ready takes some changes more; then each is refused.
    let mut refused = 0;
    for number in 1..20_000 {
        match tag(&server, number) {
            204 => tags = number,
            status => {
                assert_eq!(status, 500);
                refused += 1;
            }
        }
        if refused == 5 {
            break;
        }
    }
    assert_eq!(refused, 5, "the disk never was full");
    let answer = create(&server, "too-large");
    assert_eq!((answer.status, answer.error()), (500, "ServiceException"), "{}", answer.message());
    assert_eq!(current_tag(&server), json!(tags.to_string()), "reading goes on, and shows what was acknowledged");
    assert_eq!(http::get(server.port(), "/2015-03-31/functions/too-large").status, 404);
    std::fs::remove_file(filler).expect("is removed");
    tags += 1;
    assert_eq!(tag(&server, tags), 204, "there is room again");
    assert_eq!(create(&server, "fits").status, 201);
    let log = http::get(server.port(), "/_larder/log?since=1");
    assert_eq!(log.status, 200, "history is read: {}", log.json());
    server.kill();
    server.restart();
    assert_eq!(current_tag(&server), json!(tags.to_string()));
    for (name, status) in [("kept", 200), ("fits", 200), ("too-large", 404)] {
        assert_eq!(http::get(server.port(), &format!("/2015-03-31/functions/{name}")).status, status, "{name}");
    }
    let report = http::get(server.port(), "/_larder/verify?deep=true").json();
    assert_eq!(report["whole"], true, "{report:#}");
    server.stop();
    drop(disk);
}

/// The engine fails when its disk is full, and stays so until it is opened anew, while the journal still has room: what
/// is acknowledged in between stays, with its code, through compaction, collection and a restart.
#[tokio::test]
async fn a_disk_that_was_full_once_costs_nothing() {
    let Some((mut server, disk)) = on_a_small_disk() else { return };
    let filler = disk.fill();
    let (mut names, mut refused) = (Vec::new(), 0);
    for number in 0..2000 {
        let name = format!("f{number}");
        match create_small(&server, &name).status {
            201 => names.push(name),
            status => {
                assert_eq!(status, 500);
                refused += 1;
            }
        }
        if refused == 5 {
            break;
        }
        // The engine's own writes come later.
        std::thread::sleep(Duration::from_millis(15));
    }
    assert_eq!(refused, 5, "the disk never was full");
    assert!(names.len() > 20, "{} functions fit into what lay ready", names.len());
    assert_eq!(server.health()["status"], "degraded", "{}", server.health());
    expect_code(&server, &names);
    std::fs::remove_file(filler).expect("is removed");
    names.push("later".to_owned());
    assert_eq!(create_small(&server, "later").status, 201, "there is room again");
    expect_code(&server, &names);
    let deadline = Instant::now() + Duration::from_secs(90);
    while server.health()["status"] != "ok" {
        assert!(Instant::now() < deadline, "{}", server.health());
        std::thread::sleep(Duration::from_millis(100));
    }
    expect_code(&server, &names);
    let compacted = Request::json("POST", "/_larder/compact", &json!({})).send(server.port());
    assert_eq!(compacted.status, 200, "{}", compacted.json());
    server.kill();
    let data_dir = server.data_dir();
    for arguments in [&["gc"][..], &["verify", "--deep"]] {
        let done = Command::new(env!("CARGO_BIN_EXE_larder")).args(arguments).arg("--data-dir").arg(&data_dir).output();
        let done = done.expect("larder runs");
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
    server.restart();
    expect_code(&server, &names);
    server.stop();
    drop(disk);
}

/// A start on a full disk refuses or serves; nothing is taken for damaged, and nothing is lost.
#[tokio::test]
async fn a_start_on_a_full_disk_sets_nothing_aside() {
    let Some((mut server, disk)) = on_a_small_disk() else { return };
    let names: Vec<_> = (0..20).map(|number| format!("f{number}")).collect();
    for name in &names {
        assert_eq!(create_small(&server, name).status, 201);
    }
    server.kill();
    let filler = disk.fill();
    for _ in 0..2 {
        server.start_and_kill(Duration::from_millis(1500));
    }
    let store = server.data_dir().join("store");
    let aside = || store.join("sled.damaged").exists() || store.join("journal.damaged").exists();
    assert!(!aside(), "a full disk is no damage");
    std::fs::remove_file(filler).expect("is removed");
    server.restart();
    expect_code(&server, &names);
    assert!(!aside(), "a full disk is no damage");
    server.stop();
    drop(disk);
}

/// Every function is there, and its code can be fetched.
fn expect_code(server: &Server, names: &[String]) {
    for name in names {
        let found = http::get(server.port(), &format!("/2015-03-31/functions/{name}"));
        assert_eq!(found.status, 200, "{name}");
        let location = found.json()["Code"]["Location"].as_str().expect("a location").to_owned();
        let path = location.split_once("://").and_then(|(_, rest)| rest.split_once('/')).expect("a path").1;
        assert_eq!(http::get(server.port(), &format!("/{path}")).status, 200, "the code of {name}");
    }
}

fn create_small(server: &Server, name: &str) -> http::Answer {
    use base64::Engine as _;
    let zip = base64::engine::general_purpose::STANDARD.encode(some(&format!("{name}{}", "x".repeat(2000))));
    let body = json!({
        "FunctionName": name, "Runtime": "python3.11", "Role": "arn:aws:iam::000000000000:role/any",
        "Handler": "handler.handler", "Code": { "ZipFile": zip },
    });
    Request::json("POST", "/2015-03-31/functions", &body).send(server.port())
}

const TAGS: &str = "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Akept";

fn tag(server: &Server, number: u64) -> u16 {
    let answer = Request::json("POST", TAGS, &json!({ "Tags": { "number": number.to_string() } })).send(server.port());
    if answer.status >= 500 {
        assert_eq!(answer.error(), "ServiceException", "{}", answer.message());
    }
    answer.status
}

fn current_tag(server: &Server) -> Value {
    http::get(server.port(), TAGS).json()["Tags"]["number"].clone()
}

fn create(server: &Server, name: &str) -> http::Answer {
    use base64::Engine as _;
    // Noise, which stays a file of its own when it is packed.
    let mut random = StdRng::seed_from_u64(1);
    let noise: String = (0..300_000).map(|_| char::from(random.random_range(b' '..b'~'))).collect();
    let zip = base64::engine::general_purpose::STANDARD.encode(some(&noise));
    let body = json!({
        "FunctionName": name, "Runtime": "python3.11", "Role": "arn:aws:iam::000000000000:role/any",
        "Handler": "handler.handler", "Code": { "ZipFile": zip },
    });
    Request::json("POST", "/2015-03-31/functions", &body).send(server.port())
}
