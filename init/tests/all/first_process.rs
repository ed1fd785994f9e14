//! The init as the first process of a PID namespace, as it is in a real environment.

use crate::skipped::skipped;
use std::process::Command;

use larder_init::link::{Outcome, ToInit};

use crate::harness::{Connection, Environment};

/// Starts an environment in a PID namespace of its own; `None` where this machine does not allow it.
fn first_process(script: &str) -> Option<(Environment, Connection)> {
    let unshare = ["--pid", "--fork", "--mount-proc", "--kill-child"];
    let allowed = Command::new("unshare").args(unshare).arg("true").status();
    if !allowed.is_ok_and(|status| status.success()) {
        skipped("no PID namespaces here");
        return None;
    }
    let (environment, mut server, _) = Environment::launched_by(30, |init| {
        let mut command = Command::new("unshare");
        command.args(unshare).arg(init);
        command
    });
    server.send(&ToInit::Start(Box::new(environment.start(script))));
    Some((environment, server))
}

fn text(outcome: Outcome) -> String {
    match outcome {
        Outcome::Response(body) => String::from_utf8_lossy(&body).into_owned(),
        other => panic!("no response: {other:?}"),
    }
}

#[test]
fn orphans_are_collected_and_killed() {
    let script = r#"
def processes():
    return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
def handler(event):
    if event == b"spawn":
        # An orphan that ends at once, and one in a session of its own that stays.
        subprocess.run(["/bin/sh", "-c", "sleep 0.1 &"])
        subprocess.run(["/bin/sh", "-c", "setsid sleep 60 &"])
        time.sleep(0.5)
    if event == b"hang":
        time.sleep(60)
    names = [open(f"/proc/{pid}/comm").read().strip() for pid in processes()]
    return " ".join("python" if name.startswith("python") else name for name in names)
loop(handler)
"#;
    let Some((_environment, mut server)) = first_process(script) else {
        return;
    };
    assert_eq!(text(server.run("r1", b"spawn").outcome), "larder-init python sleep");
    server.invoke_within("r2", b"hang", 200);
    assert_eq!(server.finished().outcome, Outcome::TimedOut);
    assert_eq!(text(server.run("r3", b"").outcome), "larder-init python");
}

#[test]
fn memory_is_that_of_all_processes() {
    let script = r#"
def handler(event):
    code = "x = bytearray(100_000_000); import time; time.sleep(1)"
    subprocess.Popen([sys.executable, "-S", "-c", code])
    time.sleep(0.7)
    return b""
loop(handler)
"#;
    let Some((_environment, mut server)) = first_process(script) else {
        return;
    };
    let finished = server.run("r1", b"");
    assert!(finished.max_memory_bytes > 100_000_000, "{finished:?}");
}
