//! A folder with a function, and ways to run a shell in a sandbox over it.

use crate::skipped::skipped;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill as send};
use nix::unistd::Pid;
use serde_json::json;

/// Becomes the runtime's user, as the init does.
const AS_RUNTIME: &str = "setpriv --reuid=993 --regid=990 --clear-groups --";

/// Says why a test did not run; fails where it must run.
pub fn skip(why: &str) {
    skipped(why);
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "this must run in CI");
}

/// `root` or `user`: what the spawner says of this machine; else its words.
pub fn rights() -> &'static str {
    static RIGHTS: OnceLock<String> = OnceLock::new();
    RIGHTS.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let spec = folder.path().join("spec.json");
        let trial = json!({
            "folder": folder.path(), "binds": [], "hidden": [], "tmp_mib": 1, "has_ulimits": false, "network": "Host",
            "argv": [],
        });
        fs::write(&spec, trial.to_string()).expect("written");
        let output = Command::new(env!("CARGO_BIN_EXE_larder-init"))
            .args(["sandbox", "--probe"])
            .arg(spec)
            .output()
            .expect("the spawner runs");
        let answer = String::from_utf8_lossy(&output.stdout).into_owned();
        answer.trim_end().trim_start_matches("ok ").to_owned()
    })
}

pub fn is_root() -> bool {
    rights() == "root"
}

/// A function's folder and an environment's.
pub struct Stage {
    folder: tempfile::TempDir,
    init: PathBuf,
    out: Mutex<Option<BufReader<ChildStdout>>>,
}

impl Stage {
    /// Makes one; `None`, with a line, where sandboxes cannot be made.
    pub fn set() -> Option<Self> {
        if !["root", "user"].contains(&rights()) {
            skip(rights());
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let stage = Stage { folder, init: env!("CARGO_BIN_EXE_larder-init").into(), out: Mutex::default() };
        fs::create_dir(stage.code()).expect("created");
        fs::set_permissions(stage.code(), fs::Permissions::from_mode(0o755)).expect("set");
        fs::write(stage.code().join("function.txt"), "code\n").expect("written");
        Some(stage)
    }

    /// The same for another user, with a copy of the init that this user can reach.
    pub fn owned_by(mut self, user: u32) -> Self {
        let copy = self.folder().join("larder-init");
        fs::copy(&self.init, &copy).expect("copied");
        self.init = copy;
        for path in [self.folder().to_owned(), self.code(), self.init.clone()] {
            chown(path, Some(user), Some(user)).expect("root may");
        }
        self
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn code(&self) -> PathBuf {
        self.folder().join("code")
    }

    pub fn init(&self) -> &Path {
        &self.init
    }

    /// Writes a spec with the code as /var/task.
    pub fn spec(&self, argv: &[&str]) -> PathBuf {
        self.spec_with(argv, "/var/task")
    }

    /// Writes a spec with the code at a place.
    pub fn spec_with(&self, argv: &[&str], place: &str) -> PathBuf {
        self.limited_spec(argv, place, None)
    }

    /// The same with a limit for all memory.
    pub fn limited_spec(&self, argv: &[&str], place: &str, memory_limit_bytes: Option<u64>) -> PathBuf {
        let spec = json!({
            "memory_limit_bytes": memory_limit_bytes,
            "folder": self.folder(),
            "binds": [{ "from": self.code(), "to": place }],
            "hidden": ["/usr/share/doc", "/no/such/place"],
            "tmp_mib": 2,
            "has_ulimits": true,
            "network": "Host",
            "argv": argv,
        });
        let path = self.folder().join("spec.json");
        fs::write(&path, spec.to_string()).expect("written");
        path
    }

    /// Runs a program to its end.
    pub fn output(&self, argv: &[&str]) -> Output {
        let spec = self.spec(argv);
        Command::new(&self.init).arg("sandbox").arg(spec).output().expect("the spawner runs")
    }

    /// Runs a script as the init; gives all it wrote.
    pub fn run(&self, script: &str) -> String {
        let output = self.output(&["/bin/sh", "-c", script]);
        let line = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(line.starts_with("started "), "{line}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Runs a script as the runtime, under an init that stays.
    pub fn run_as_runtime(&self, script: &str) -> String {
        let quoted = script.replace('\'', "'\\''");
        let become_user = if is_root() { AS_RUNTIME } else { "" };
        self.run(&format!("{become_user} sh -c '{quoted}'; true"))
    }

    /// Starts a script as the init and leaves it running.
    pub fn start(&self, script: &str) -> Child {
        let spec = self.spec(&["/bin/sh", "-c", script]);
        let mut command = Command::new(&self.init);
        command.arg("sandbox").arg(spec).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the spawner runs");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        *self.out.lock().expect("one thread") = Some(out);
        child
    }

    /// What the spawner said; returns when it closed its output.
    pub fn started(&self) -> String {
        let mut out = self.out.lock().expect("one thread").take().expect("it was started");
        let (mut line, mut rest) = (String::new(), String::new());
        out.read_line(&mut line).expect("text");
        out.read_to_string(&mut rest).expect("text");
        assert_eq!(rest, "");
        line.trim_end().to_owned()
    }

    /// The pid record, once it is whole.
    pub fn record(&self) -> (i32, String) {
        let path = self.folder().join("pid");
        until("a record", || fs::read_to_string(&path).is_ok_and(|text| text.ends_with('\n')));
        let text = fs::read_to_string(&path).expect("there");
        let (pid, start_time) = text.trim_end().split_once(' ').expect("two words");
        (pid.parse().expect("a number"), start_time.to_owned())
    }
}

/// Waits for something that comes soon.
pub fn until(what: &str, done: impl Fn() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < Duration::from_secs(10), "{what} did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn kill(pid: i32) {
    send(Pid::from_raw(pid), Signal::SIGKILL).expect("it is ours");
}

pub fn exists(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// How many processes have a command line.
pub fn alive(command: &str) -> usize {
    let processes = fs::read_dir("/proc").expect("proc").flatten();
    let lines = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).trim_end_matches('\0').replace('\0', " ") == command).count()
}

/// Mounts of this process's namespace that lie in a folder.
pub fn mounts_of(folder: &Path) -> usize {
    let table = fs::read_to_string("/proc/self/mountinfo").expect("proc");
    table.lines().filter(|line| line.contains(&*folder.to_string_lossy())).count()
}
