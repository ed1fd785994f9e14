//! What a function in the sandbox cannot do to this machine, to Larder and to other functions: what docs/executors.md
//! promises.

use crate::skipped::skipped;
use std::process::{Child, Command};

use aws_sdk_lambda::Client;
use serde_json::{Value, json};

use crate::support::functions::{ECHO, active, create_python, creation, python};
use crate::support::invoke::invoke;
use crate::support::{Executor, Options, Server};

/// Does what the event says, and tells how the kernel took it.
const INTRUDER: &str = r#"
import ctypes, errno, os, signal
libc = ctypes.CDLL(None, use_errno=True)

def kernel(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)

DEEDS = {
    "read": lambda path: open(path, "rb").read(1),
    "list": os.listdir,
    "write": lambda path: open(path, "w").close(),
    "append": lambda path: open(path, "a").close(),
    "remove": os.remove,
    "chmod": lambda path: os.chmod(path, 0o777),
    "signal": lambda pid: os.kill(pid, signal.SIGKILL),
    "mount": lambda path: kernel("mount", b"none", path.encode(), b"tmpfs", 0, None),
    "umount": lambda path: kernel("umount2", path.encode(), 2),
    "unshare": lambda flags: kernel("unshare", flags),
    "ptrace": lambda pid: kernel("ptrace", 16, pid, 0, 0),
    "setuid": os.setuid,
    "setgid": os.setgid,
    "chroot": os.chroot,
    "mknod": lambda path: os.mknod(path, 0o600 | 0o020000, os.makedev(1, 1)),
    "hostname": lambda name: kernel("sethostname", name.encode(), len(name)),
    "nice": lambda to: os.setpriority(os.PRIO_PROCESS, 0, to),
    "limit": lambda files: __import__("resource").setrlimit(7, (files, files)),
}

def status(name):
    for line in open("/proc/self/status"):
        if line.startswith(name + ":"):
            return line.split(":")[1].strip()

def forks():
    children = []
    try:
        while len(children) < 5000:
            child = os.fork()
            if child == 0:
                signal.pause()
            children.append(child)
    except OSError as error:
        reason = errno.errorcode[error.errno]
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return [len(children), reason]

def handler(event, context):
    if event == "status":
        return {name: status(name) for name in ["NoNewPrivs", "CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"]}
    if event == "forks":
        return forks()
    if event == "setuid programs":
        mounts = [line.split() for line in open("/proc/self/mountinfo")]
        return [mount[4] for mount in mounts if "nosuid" not in mount[5].split(",")]
    if event == "secret":
        open("/tmp/secret", "w").write("mine")
        return sorted(os.listdir("/tmp"))
    answers = []
    for deed, target in event:
        try:
            DEEDS[deed](target)
            answers.append("done")
        except OSError as error:
            answers.append(errno.errorcode[error.errno])
        except ValueError as error:
            # What setrlimit says of a limit beyond the hard one.
            answers.append("EPERM")
    return answers
"#;

struct Stage {
    server: Server,
    client: Client,
}

impl Stage {
    async fn set() -> Option<Self> {
        Some(Self::on(Server::in_sandbox()?).await)
    }

    async fn on(server: Server) -> Self {
        let client = server.client();
        create_python(&client, "intruder", INTRUDER).await;
        Self { server, client }
    }

    async fn ask(&self, event: Value) -> Value {
        invoke(&self.client, "intruder", event).await.response()
    }

    /// Tries all of it; each must have one of the wanted ends.
    async fn fails(&self, deeds: &[(&str, Value)], wanted: &[&str]) {
        let answers = self.ask(json!(deeds)).await;
        for ((deed, target), answer) in deeds.iter().zip(answers.as_array().expect("answers")) {
            assert!(answer.as_str().is_some_and(|answer| wanted.contains(&answer)), "{deed} {target}: {answer}");
        }
    }
}

/// A process of this machine that is none of the function's.
struct Bystander(Child);

impl Bystander {
    fn start() -> Self {
        Self(Command::new("sleep").arg("600").spawn().expect("starts"))
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().expect("is ours").is_none()
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_larder_and_of_other_functions_are_out_of_sight() {
    let Some(stage) = Stage::set().await else { return };
    create_python(&stage.client, "other", INTRUDER).await;
    assert_eq!(invoke(&stage.client, "other", json!("secret")).await.response(), json!(["secret"]));
    let data_dir = stage.server.data_dir().canonicalize().expect("is there");
    let mut deeds =
        vec![("read", json!("/tmp/secret")), ("list", json!(data_dir)), ("list", json!(data_dir.join("trees")))];
    // Every folder of the data dir, and every file of other functions' code.
    for entry in std::fs::read_dir(&data_dir).expect("a folder").flatten() {
        deeds.push(("list", json!(entry.path())));
    }
    // (A language that lies in a home folder is shown there, alone.)
    deeds.push(("read", json!(std::path::Path::new("/root").join(".profile"))));
    for place in ["/home", "/var/lib/docker", "/boot", "/run/docker.sock"] {
        deeds.push(("list", json!(place)));
    }
    stage.fails(&deeds, &["ENOENT", "EACCES"]).await;
    assert_eq!(stage.ask(json!([["list", "/tmp"]])).await, json!(["done"]), "its own is there");
    if nix::unistd::geteuid().is_root() {
        // The init's own: its token would open the link.
        let deeds =
            [("read", json!("/proc/1/environ")), ("list", json!("/run/larder")), ("read", json!("/proc/1/mem"))];
        stage.fails(&deeds, &["EACCES", "EPERM"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_outside_get_no_signal() {
    let Some(stage) = Stage::set().await else { return };
    let mut bystander = Bystander::start();
    create_python(&stage.client, "other", ECHO).await;
    invoke(&stage.client, "other", json!({})).await.response();
    let outside = [bystander.0.id(), stage.server.pid(), std::process::id()];
    let others = stage.server.processes().into_iter().map(|(pid, _)| pid);
    // Numbers of the host's that mean something inside too would be its own processes, or the init.
    let targets: Vec<_> =
        outside.into_iter().chain(others).filter(|pid| *pid > 50).map(|pid| ("signal", json!(pid))).collect();
    stage.fails(&targets, &["ESRCH"]).await;
    let traced: Vec<_> = outside.iter().map(|pid| ("ptrace", json!(pid))).collect();
    stage.fails(&traced, &["ESRCH", "EPERM"]).await;
    if nix::unistd::geteuid().is_root() {
        stage.fails(&[("signal", json!(1)), ("ptrace", json!(1))], &["EPERM"]).await;
    }
    assert!(bystander.lives());
    assert_eq!(stage.server.health()["status"], "ok");
    assert_eq!(invoke(&stage.client, "other", json!(1)).await.response(), json!(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_right_can_be_gained() {
    let Some(stage) = Stage::set().await else { return };
    let status = stage.ask(json!("status")).await;
    assert_eq!(status["NoNewPrivs"], "1", "setuid programs give nothing: {status}");
    for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
        assert_eq!(status[set], "0000000000000000", "{status}");
    }
    // An ordinary user's init has the function's user, and sees what that uses without a capability.
    let needed = if nix::unistd::geteuid().is_root() { "00000000000800e4" } else { "00000000000000e0" };
    assert_eq!(status["CapBnd"], needed, "what the init needs, and no more: {status}");
    // CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID.
    let spaces = [0x1000_0000, 0x0002_0000, 0x2000_0000].map(|flags| ("unshare", json!(flags)));
    stage.fails(&spaces, &["EPERM", "ENOSPC", "EUSERS"]).await;
    let deeds = [
        ("mount", json!("/tmp")),
        ("umount", json!("/proc")),
        ("umount", json!("/var/task")),
        ("setuid", json!(0)),
        ("setgid", json!(0)),
        ("chroot", json!("/tmp")),
        ("mknod", json!("/tmp/mem")),
        ("hostname", json!("mine")),
        ("nice", json!(-5)),
        ("limit", json!(4096)),
    ];
    stage.fails(&deeds, &["EPERM", "EACCES", "EINVAL"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_tmp_can_be_changed() {
    let Some(stage) = Stage::set().await else { return };
    let mut deeds = vec![];
    for folder in
        ["/", "/var/task", "/opt", "/etc", "/usr", "/usr/bin", "/var/runtime", "/var", "/run/larder/link", "/proc"]
    {
        deeds.push(("write", json!(format!("{}/larder-was-here", folder.trim_end_matches('/')))));
    }
    for file in
        ["/var/task/handler.py", "/etc/passwd", "/usr/bin/env", "/proc/sys/kernel/hostname", "/proc/sysrq-trigger"]
    {
        deeds.push(("append", json!(file)));
    }
    for file in ["/var/task/handler.py", "/etc/passwd"] {
        deeds.push(("chmod", json!(file)));
        deeds.push(("remove", json!(file)));
    }
    stage.fails(&deeds, &["EROFS", "EACCES", "EPERM", "ENOENT"]).await;
    assert_eq!(stage.ask(json!([["write", "/tmp/mine"], ["remove", "/tmp/mine"]])).await, json!(["done", "done"]));
    for place in ["/etc", "/usr", "/"] {
        assert!(!std::path::Path::new(place).join("larder-was-here").exists(), "{place}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tmp_has_the_size_that_the_function_asks_for() {
    let Some(stage) = Stage::set().await else { return };
    let code = "
import os
def handler(event, context):
    written = 0
    try:
        with open('/tmp/large', 'wb') as file:
            for _ in range(700):
                written += file.write(b'x' * (1 << 20))
                file.flush()
    except OSError as error:
        return [written >> 20, error.errno]
    finally:
        os.remove('/tmp/large')
";
    creation(&stage.client, "hoarder", aws_sdk_lambda::types::Runtime::Python311, python(code))
        .send()
        .await
        .expect("created");
    active(&stage.client, "hoarder").await;
    let answer = invoke(&stage.client, "hoarder", json!({})).await.response();
    assert_eq!(answer[1], 28, "ENOSPC: {answer}");
    assert!((500..=512).contains(&answer[0].as_u64().expect("MB")), "{answer}");
}

/// The control groups of a server's environments.
fn groups(server: &Server) -> Vec<std::path::PathBuf> {
    let folders = std::fs::read_dir(server.data_dir().join("run/environments")).into_iter().flatten().flatten();
    folders.filter_map(|folder| Some(std::fs::read_to_string(folder.path().join("cgroup")).ok()?.into())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn control_groups_end_with_their_environments_also_those_of_a_killed_server() {
    if !Executor::Sandbox.is_here() {
        return;
    }
    // All that there are are counted.
    let mut stage = Stage::on(Server::start(Options::new(Executor::Sandbox).with("LARDER_STANDBY", 0))).await;
    stage.ask(json!([["list", "/tmp"]])).await;
    let first = groups(&stage.server);
    stage.server.kill();
    stage.server.restart();
    stage.client = stage.server.client();
    assert_eq!(stage.ask(json!([["list", "/tmp"]])).await, json!(["done"]));
    assert_eq!(groups(&stage.server), first, "the environment was adopted");
    if first.is_empty() {
        skipped("no control group for memory can be made here");
    }
    assert!(first.iter().all(|group| group.is_dir()), "{first:?}");
    stage.server.stop();
    assert!(first.iter().all(|group| !group.exists()), "{first:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn forks_without_end_stay_within_the_limit() {
    let Some(stage) = Stage::set().await else { return };
    // An ordinary user's sandbox has the limit of that user, which may be any.
    if !nix::unistd::geteuid().is_root() {
        skipped("only where Larder runs as root has the sandbox a limit of its own");
        return;
    }
    let answer = stage.ask(json!("forks")).await;
    assert_eq!(answer[1], "EAGAIN", "{answer}");
    let count = answer[0].as_u64().expect("a count");
    assert!((100..742).contains(&count), "{answer}");
    assert!(Command::new("true").status().expect("others can fork").success());
    create_python(&stage.client, "other", ECHO).await;
    assert_eq!(invoke(&stage.client, "other", json!(1)).await.response(), json!(1));
}
