//! Hot reload: the runtime starts again when its files have changed, and says when it has read them.

use larder_init::link::{FromInit, Outcome, ToInit};

use crate::harness::{Connection, Environment, gone};

/// Answers with its process id; sleeps when the event says so.
const WHO: &str = "
def answer(event):
    time.sleep(float(event or b'0'))
    return str(os.getpid()).encode()
loop(answer)
";

fn pid(server: &mut Connection, request_id: &str) -> String {
    text(server.run(request_id, b"").outcome)
}

fn text(outcome: Outcome) -> String {
    match outcome {
        Outcome::Response(body) => String::from_utf8_lossy(&body).into_owned(),
        other => panic!("no response: {other:?}"),
    }
}

/// Waits until the init says that a runtime has read its code; what came before.
fn loaded(server: &mut Connection) -> (u64, Vec<FromInit>) {
    let mut before = Vec::new();
    loop {
        match server.receive() {
            FromInit::Loaded { change } => return (change, before),
            other => before.push(other),
        }
    }
}

#[test]
fn an_idle_runtime_starts_again() {
    let (_environment, mut server) = Environment::with(WHO);
    let first = pid(&mut server, "r1");
    server.send(&ToInit::Reload { change: 7 });
    let (change, before) = loaded(&mut server);
    assert!(change == 7 && before.iter().any(|frame| matches!(frame, FromInit::Ready { .. })), "{before:?}");
    gone(&first);
    let second = server.run("r2", b"");
    assert_ne!(text(second.outcome), first);
}

#[test]
fn a_running_invocation_ends_first_and_several_changes_are_one() {
    let (_environment, mut server) = Environment::with(WHO);
    let first = pid(&mut server, "r1");
    server.invoke("r2", b"0.5");
    server.send(&ToInit::Reload { change: 1 });
    server.send(&ToInit::Reload { change: 2 });
    let (change, before) = loaded(&mut server);
    let ended = before.into_iter().find_map(|frame| match frame {
        FromInit::Finished(finished) => Some(text(finished.outcome)),
        _ => None,
    });
    assert_eq!((change, ended), (2, Some(first.clone())), "it ended on the runtime that it began with");
    assert_ne!(pid(&mut server, "r3"), first);
}

#[test]
fn a_change_that_is_told_before_the_start_starts_nothing_twice() {
    let (environment, mut server, _) = Environment::new(30);
    server.send(&ToInit::Reload { change: 3 });
    server.send(&ToInit::Start(environment.start(WHO)));
    let (change, before) = loaded(&mut server);
    let ready = before.iter().filter(|frame| matches!(frame, FromInit::Ready { .. })).count();
    assert_eq!((change, ready), (3, 1), "{before:?}");
}

#[test]
fn a_runtime_that_cannot_begin_has_read_its_code_too() {
    let (environment, mut server, _) = Environment::new(30);
    server.send(&ToInit::Reload { change: 1 });
    server.send(&ToInit::Start(environment.start("sys.exit(3)")));
    assert_eq!(loaded(&mut server).0, 1);
    server.send(&ToInit::Reload { change: 2 });
    assert_eq!(loaded(&mut server).0, 2);
    let failed = server.run("r1", b"").outcome;
    assert!(matches!(failed, Outcome::Exited { init: true, .. }), "{failed:?}");
}
