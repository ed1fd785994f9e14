//! A runtime that is started before its function is known, and becomes that of the one that it fits.

use std::time::{Duration, Instant};

use larder_init::link::{Outcome, Preload, Start, ToInit};

use crate::harness::{Connection, Environment, PATIENCE, gone};

/// Notes its process; waits for its variables where it stands by; answers with its process and one of them.
const SCRIPT: &str = "
def answer(event):
    return json.dumps([os.getpid(), os.environ.get('NAME'), sys.stdin.read()]).encode()
loop(answer)
";

/// What a client does before anything else.
const STAND_BY: &str = r#"
import json, os
if os.environ.get("_LARDER_STANDS_BY"):
    with open(os.environ["NOTE"] + ".new", "w") as note:
        note.write(str(os.getpid()))
    os.rename(os.environ["NOTE"] + ".new", os.environ["NOTE"])
    text = b""
    while part := os.read(0, 65536):
        text += part
    os.close(0)
    os.open("/dev/null", os.O_RDONLY)
    os.environ.clear()
    os.environ.update(json.loads(text))
"#;

/// A start whose runtime can stand by, and its process that does.
fn preloaded(environment: &Environment, server: &mut Connection) -> (Start, String) {
    let mut start = environment.start(SCRIPT);
    let path = environment.folder.path().join("runtime.py");
    let script = std::fs::read_to_string(&path).expect("just written");
    std::fs::write(&path, format!("{STAND_BY}{script}")).expect("written");

    let note = environment.folder.path().join("note");
    let mut variables = start.variables.clone();
    variables.push(("NOTE".to_owned(), note.display().to_string()));
    server.send(&ToInit::Preload(Box::new(Preload {
        argv: start.argv.clone(),
        variables,
        working_dir: start.working_dir.clone(),
        user: start.user,
    })));
    let end = Instant::now() + PATIENCE;
    let pid = loop {
        match std::fs::read_to_string(&note) {
            Ok(pid) => break pid,
            Err(error) => assert!(Instant::now() < end, "it does not stand by: {error}"),
        }
        std::thread::sleep(Duration::from_millis(2));
    };

    start.variables.push(("NAME".to_owned(), "f".to_owned()));
    (start, pid)
}

/// Process and variable of who answers, and what its standard input has.
fn answer(server: &mut Connection) -> (String, String, String) {
    let Outcome::Response(body) = server.run("r1", b"").outcome else { panic!("no response") };
    let answer: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    (answer[0].to_string(), answer[1].as_str().unwrap_or_default().into(), answer[2].as_str().unwrap_or("none").into())
}

#[test]
fn the_runtime_that_stood_by_becomes_the_functions() {
    let (environment, mut server, _) = Environment::new(30);
    let (start, pid) = preloaded(&environment, &mut server);
    server.send(&ToInit::Start(Box::new(start)));
    assert_eq!(answer(&mut server), (pid, "f".to_owned(), String::new()));
}

#[test]
fn one_that_an_interpreter_would_start_otherwise_gets_its_own() {
    let (environment, mut server, _) = Environment::new(30);
    let (mut start, pid) = preloaded(&environment, &mut server);
    start.variables.push(("PYTHONHASHSEED".to_owned(), "0".to_owned()));
    server.send(&ToInit::Start(Box::new(start)));
    let (other, name, _) = answer(&mut server);
    assert_ne!(other, pid);
    assert_eq!(name, "f");
    gone(&pid);
}

#[test]
fn one_that_has_ended_is_replaced() {
    let (environment, mut server, _) = Environment::new(30);
    let (start, pid) = preloaded(&environment, &mut server);
    let process = nix::unistd::Pid::from_raw(pid.parse().expect("a process id"));
    nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGKILL).expect("it runs");
    server.send(&ToInit::Start(Box::new(start)));
    assert_ne!(answer(&mut server).0, pid);
}

#[test]
fn it_ends_with_its_environment() {
    let (mut environment, mut server, _) = Environment::new(30);
    let (_, pid) = preloaded(&environment, &mut server);
    server.send(&ToInit::Shutdown);
    assert!(environment.ended().success());
    gone(&pid);
}
