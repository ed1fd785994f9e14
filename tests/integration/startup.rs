//! How a server starts and ends: exit codes, one clear line each.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::functions::create_some;
use crate::support::{Options, PATIENCE, Server, http};

/// What a server says that cannot start with what it was given: one line.
fn refused(command: &mut Command) -> String {
    refused_with(2, command)
}

/// The same with another exit code.
fn refused_with(code: i32, command: &mut Command) -> String {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("larder is built");
    let Output { status, stdout, stderr } = child.wait_with_output().expect("ended");
    let stderr = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!(status.code(), Some(code), "{stderr}");
    assert_eq!(String::from_utf8_lossy(&stdout), "", "no banner");
    let complaints: Vec<_> = stderr.lines().filter(|line| line.starts_with("larder: ")).collect();
    assert_eq!(complaints.len(), 1, "one clear line: {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    complaints[0].to_owned()
}

fn serve(data_dir: &Path, listen: &str) -> Command {
    Options::any().command(data_dir, listen)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_data_dir_is_refused() {
    let server = Server::start(Options::any());
    create_some(&server.client(), "kept").await;
    let complaint = refused_with(7, &mut serve(&server.data_dir(), "127.0.0.1:0"));
    let data_dir = server.data_dir().display().to_string();
    assert!(complaint.contains("in use") && complaint.contains(&data_dir), "{complaint}");
    server.client().get_function().function_name("kept").send().await.expect("the first one serves on");
}

#[test]
fn a_port_in_use_is_refused_and_leaves_the_data_dir_alone() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let data_dir = folder.path().join("data");
    let complaint = refused_with(7, &mut serve(&data_dir, &address));
    assert!(complaint.contains(&address), "{complaint}");
    assert!(!data_dir.exists());
}

#[test]
fn a_data_dir_that_cannot_be_one_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "not a folder").expect("written");
    for data_dir in [file.clone(), file.join("below")] {
        let complaint = refused(&mut serve(&data_dir, "127.0.0.1:0"));
        assert!(complaint.contains(&file.display().to_string()), "{complaint}");
    }
    let complaint = refused(&mut serve(Path::new("/proc/larder"), "127.0.0.1:0"));
    assert!(complaint.contains("/proc/larder"), "{complaint}");
    assert_eq!(fs::read_to_string(&file).expect("is there"), "not a folder");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_a_newer_schema_is_refused_and_untouched() {
    let mut server = Server::start(Options::any());
    create_some(&server.client(), "future").await;
    assert_eq!(server.stop().code(), Some(0));
    let set_schema = |schema: u32| {
        let store = sled::open(server.data_dir().join("store/sled")).expect("a store");
        let meta = store.open_tree("meta").expect("a tree");
        let before = meta.insert("schema", schema.to_be_bytes().as_slice()).expect("written").expect("was set");
        store.flush().expect("flushed");
        u32::from_be_bytes(before.as_ref().try_into().expect("four bytes"))
    };
    let own = set_schema(9999);
    for _ in 0..2 {
        let complaint = refused(&mut serve(&server.data_dir(), "127.0.0.1:0"));
        assert!(complaint.contains("9999") && complaint.contains(&own.to_string()), "{complaint}");
    }
    assert_eq!(set_schema(own), 9999, "still the newer one");
    server.restart();
    server.client().get_function().function_name("future").send().await.expect("is still there");
}

#[test]
fn options_that_are_none_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, value) in [
        ("LAMBDA_KEEPALIVE_MS", "soon"),
        ("LARDER_EXECUTOR", "abacus"),
        ("LARDER_DURABILITY", "interval:0"),
        ("LARDER_LISTEN", "here"),
        ("LAMBDA_LIMITS_CONCURRENT_EXECUTIONS", "-1"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
        let output = command.env_clear().env(name, value).arg("serve").current_dir(folder.path()).output();
        let output = output.expect("larder is built");
        assert_eq!(output.status.code(), Some(2), "{name}={value}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(value), "{name}={value}");
        assert!(fs::read_dir(folder.path()).expect("readable").next().is_none(), "{name}={value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_signals_end_a_server_in_good_order_and_its_state_is_kept() {
    let mut server = Server::start(Options::any());
    create_some(&server.client(), "kept").await;
    let (store, sequence) = (server.field("store").to_owned(), server.sequence());
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let pid = Pid::from_raw(server.pid().try_into().expect("a process id"));
        // A connection that says nothing must not hold the server up.
        let silent = std::net::TcpStream::connect(("127.0.0.1", server.port())).expect("connects");
        kill(pid, signal).expect("signalled");
        let status = server.wait().expect("ends");
        drop(silent);
        assert_eq!(status.code(), Some(0), "{signal}");
        server.restart();
        assert_eq!(server.field("store"), store);
        assert_eq!(server.sequence(), sequence);
        assert_eq!(server.field("sequence"), format!("{sequence} (1 functions)"));
    }
}

#[test]
fn a_server_is_ready_at_once_and_says_what_it_is() {
    let start = Instant::now();
    let server = Server::start(Options::any());
    let took = start.elapsed();
    // The goal is 100 ms; this is a debug build on a busy machine.
    assert!(took.as_secs() < 5, "{took:?}");
    let health = server.health();
    assert_eq!(health["status"], "ok");
    assert_eq!(health["sequence"], 0);
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(health["store"], server.field("store"));
    let executor = format!(
        "{} ({})",
        health["executor"]["name"].as_str().expect("a name"),
        health["executor"]["reason"].as_str().expect("a reason")
    );
    assert_eq!(server.field("executor"), executor);
    assert_eq!(
        health["counts"],
        serde_json::json!({
            "functions": 0, "versions": 0, "aliases": 0, "queues": 0, "environments": 0, "idle_environments": 0,
            "provisioned_environments": 0, "standby_environments": 0, "waiting_events": 0, "running_events": 0,
        })
    );
    assert!(PATIENCE.as_secs() > 0 && http::get(server.port(), "/_larder/nothing").status == 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interval_durability_is_flushed_at_the_stop() {
    let mut server = Server::start(Options::any().with("LARDER_DURABILITY", "interval:60000"));
    create_some(&server.client(), "flushed").await;
    assert_eq!(server.stop().code(), Some(0));
    server.restart();
    server.client().get_function().function_name("flushed").send().await.expect("is there");
}

#[test]
fn a_closed_standard_output_is_no_reason_not_to_serve() {
    let mut server = Server::start(Options::any());
    server.kill();
    // The next one is started with the port of the first, and without anyone who reads its banner.
    server.start_unheard();
    assert_eq!(server.health()["status"], "ok");
}

/// What cannot be written is no success, and no panic; where nobody reads any more is nothing to say.
#[test]
fn output_that_is_not_written_is_an_error() {
    let server = Server::start(Options::any());
    let larder = |arguments: &str, output: &str| {
        let program = env!("CARGO_BIN_EXE_larder");
        let ran = Command::new("bash").args(["-c", &format!("{program} {arguments} {output}")]).output();
        let ran = ran.expect("bash runs");
        (ran.status.code(), String::from_utf8_lossy(&ran.stderr).into_owned())
    };
    let state = format!("state --json --endpoint {}", server.url());
    let (code, said) = larder(&state, ">/dev/full");
    assert!(code == Some(2) && said.contains("the output cannot be written: No space left"), "{code:?}: {said}");
    let (code, said) = larder(&state, "| true; exit ${PIPESTATUS[0]}");
    assert!(code == Some(0) && said.is_empty(), "{code:?}: {said}");
    let (code, said) = larder("log --endpoint nowhere", "");
    assert!(code == Some(2) && said.contains("is no address of a server: write http://HOST:PORT"), "{code:?}: {said}");
    let (code, said) = larder(&format!("recover --data-dir {}", server.data_dir().display()), "");
    assert!(code == Some(7) && said.contains("in use by another larder"), "{code:?}: {said}");
}

/// With `--ephemeral` the folder is gone at the end, and a data dir beside it is a contradiction.
#[test]
fn an_ephemeral_server_leaves_nothing() {
    let parent = tempfile::tempdir().expect("a folder");
    let server = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
        command.args(["serve", "--ephemeral", "--listen", "127.0.0.1:0", "--executor", "sandbox"]);
        command.env("TMPDIR", parent.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env_remove("LARDER_DATA_DIR");
        command
    };
    let started = || {
        let mut child = server().spawn().expect("larder is built");
        let mut banner = std::io::BufReader::new(child.stdout.take().expect("is piped"));
        let mut line = String::new();
        while !line.contains("  executor ") {
            assert!(std::io::BufRead::read_line(&mut banner, &mut line).expect("a banner") > 0, "it starts: {line}");
        }
        child
    };
    let made = || fs::read_dir(parent.path()).expect("reads").count();
    let mut killed = started();
    let folder = fs::read_dir(parent.path()).expect("reads").next().expect("one").expect("is there").path();
    let rights = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&folder).expect("is there").permissions());
    assert_eq!(rights & 0o777, 0o700, "it is its owner's alone");
    killed.kill().expect("killed");
    killed.wait().expect("waited for");
    assert_eq!(made(), 1, "a killed one cannot clean up");
    let (mut child, beside) = (started(), started());
    let start = Instant::now();
    while made() > 2 && start.elapsed() < PATIENCE {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(made(), 2, "one folder for each that runs, and none of the killed one");
    kill(Pid::from_raw(i32::try_from(beside.id()).expect("a pid")), Signal::SIGTERM).expect("signalled");
    assert!({ beside }.wait().expect("waited for").success());
    kill(Pid::from_raw(i32::try_from(child.id()).expect("a pid")), Signal::SIGTERM).expect("signalled");
    assert!(child.wait().expect("waited for").success());
    assert_eq!(made(), 0, "and none after");
    let both = server().arg("--data-dir").arg(parent.path()).output().expect("runs");
    assert!(!both.status.success() && String::from_utf8_lossy(&both.stderr).contains("cannot be used with"));
}
