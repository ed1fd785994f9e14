//! The spawner: `larder-init sandbox <spec>` makes an execution environment out of Linux
//! namespaces, without a daemon, and starts the init proper in it as process 1.
//!
//! Two processes with one thread each:
//! - the **spawner** takes a mount namespace, builds the file system view ([`view`]) and makes it
//!   its root, makes the child, maps its users ([`identity`]), records its pid, and stays to wait
//!   for it, so that whoever started the spawner sees by its end that the environment ended;
//! - the **child** ([`first`]) is in namespaces of its own for users, processes, mounts, IPC, host
//!   name and cgroups. It mounts its process table, gives up its rights and becomes the init.
//!
//! The network is the environment's own, with a way out through a program of the host ([`network`]), or without one; or
//! it is the host's, as the spec says.
//! No process here dies with its parent: environments live on when the server is killed.
//!
//! On stdout the spawner writes one line, `started <pid> <start time> <root|user>` or `failed
//! <why>`, and closes it; stderr is handed to the init.

mod cgroup;
mod first;
mod identity;
mod network;
pub mod raw;
mod seal;
mod view;

use std::ffi::OsString;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, dup2_stdout, pipe2, setsid};

use cgroup::Group;
use identity::Rights;
use larder_init::spawn::SpawnSpec;
use network::Waiter;

/// Name of the pid record in an environment's folder: pid and start time.
const PID_RECORD: &str = "pid";

/// A step that did not work, and why.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step}: {cause}")]
pub struct Fault {
    step: String,
    cause: String,
}

impl Fault {
    fn new(step: impl Into<String>, cause: impl Display) -> Self {
        Fault { step: step.into(), cause: cause.to_string() }
    }

    fn io(step: &str, path: &Path, cause: impl Into<io::Error>) -> Self {
        let cause = cause.into();
        let cause =
            cause.raw_os_error().map_or(cause.to_string(), |code| nix::errno::Errno::from_raw(code).desc().to_owned());
        Fault::new(format!("{step} {}", path.display()), cause)
    }
}

/// Runs the spawner; `arguments` are those after `sandbox`: the path of a spec, or `--probe` and a spec without an `argv`,
/// which makes a sandbox, ends it before the init, and says `ok <root|user>`; or `--way-out`, for a process of the
/// spawner's own.
pub fn run(arguments: &[OsString]) -> ExitCode {
    let done = match arguments {
        [flag, path] if flag == "--probe" => probe(Path::new(path)),
        [flag, rest @ ..] if flag == "--way-out" => network::wait_and_become(rest).map(|never| match never {}),
        [path] => start(Path::new(path)),
        _ => Err(Fault::new("read the arguments", "usage: larder-init sandbox <spec>")),
    };
    match done {
        Ok(code) => code,
        Err(fault) => {
            say(&format!("failed {fault}"));
            ExitCode::FAILURE
        }
    }
}

/// Starts the environment, says so, and stays until it ended.
fn start(path: &Path) -> Result<ExitCode, Fault> {
    raw::close_all_on_exec().map_err(|error| Fault::new("close descriptors", error))?;
    setsid().map_err(|error| Fault::new("make a session", error))?;
    let null = open(Path::new("/dev/null"))?;
    let sandbox = Sandbox::make(&read_spec(path)?)?;
    let Sandbox { child, start_time, rights, .. } = &sandbox;
    say(&format!("started {child} {start_time} {}", rights.word()));

    // The reader waits for the end of the output, not of the environment.
    dup2_stdout(&null).map_err(|error| Fault::new("close the output", error))?;
    Ok(ExitCode::from(sandbox.wait()))
}

fn read_spec(path: &Path) -> Result<SpawnSpec, Fault> {
    let text = std::fs::read(path).map_err(|error| Fault::io("read", path, error))?;
    serde_json::from_slice(&text).map_err(|error| Fault::new(format!("decode {}", path.display()), error))
}

/// Tries everything but the init.
fn probe(path: &Path) -> Result<ExitCode, Fault> {
    let sandbox = Sandbox::make(&read_spec(path)?)?;
    let rights = sandbox.rights;
    match sandbox.wait() {
        0 => say(&format!("ok {}", rights.word())),
        code => say(&format!("failed the trial ended with status {code}")),
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells the server; one that is gone is not missed.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// A made sandbox, seen from its spawner.
struct Sandbox {
    /// Its process 1, by the spawner's count.
    child: Pid,
    /// When that started, in clock ticks since boot: tells it from a later process of that pid.
    start_time: String,
    /// By what right it was made.
    rights: Rights,
    /// What leads out of its network; ended with it.
    _way_out: Waiter,
    /// Its control group, where it has one.
    group: Option<Group>,
}

impl Sandbox {
    /// Makes the namespaces and the view, and returns when the child became the init.
    fn make(spec: &SpawnSpec) -> Result<Self, Fault> {
        let mut record = create(&spec.folder.join(PID_RECORD))?;
        let group = spec.memory_limit_bytes.and_then(|limit| Group::make(&spec.folder, limit));
        let made = Self::make_in(spec, group.as_ref(), &mut record);
        match made {
            Ok(sandbox) => Ok(Sandbox { group, ..sandbox }),
            Err(fault) => {
                group.iter().for_each(Group::remove);
                Err(fault)
            }
        }
    }

    fn make_in(spec: &SpawnSpec, group: Option<&Group>, record: &mut File) -> Result<Self, Fault> {
        let is_trial = spec.argv.is_empty();
        let mut way_out = Waiter::start(&spec.network, is_trial)?;
        let rights = Rights::take()?;
        view::enter(spec, group.map(|group| group.path.as_path()))?;
        let (child, wires) = fork(rights, spec)?;
        if let Some(group) = group {
            group.take(child).map_err(|error| Fault::new("enter the control group", error))?;
        }
        let start_time = start_time(child)?;
        writeln!(record, "{child} {start_time}").map_err(|error| Fault::new("record the pid", error))?;
        rights.map(child)?;
        way_out.open(child)?;
        if is_trial {
            way_out.opened(child)?;
        }
        wires.release()?;

        Ok(Sandbox { child, start_time, rights, _way_out: way_out, group: None })
    }

    /// Waits until the environment ended; gives its exit status.
    fn wait(&self) -> u8 {
        let status = waitpid(self.child, None);
        self.group.iter().for_each(Group::remove);
        match status {
            Ok(WaitStatus::Exited(_, code)) => u8::try_from(code).unwrap_or(1),
            Ok(WaitStatus::Signaled(..)) => 137,
            _ => 1,
        }
    }
}

/// The spawner's ends of the two pipes between it and the child.
struct Wires {
    /// One byte lets the child go on; its end without one ends the child.
    go: File,
    /// The child's fault; closed by its exec.
    faults: File,
}

impl Wires {
    /// Lets the child go on, and returns when it became the init or said why not.
    fn release(mut self) -> Result<(), Fault> {
        self.go.write_all(b"!").map_err(|error| Fault::new("release the child", error))?;
        let mut text = String::new();
        self.faults.read_to_string(&mut text).map_err(|error| Fault::new("hear from the child", error))?;
        if text.is_empty() {
            return Ok(());
        }
        Err(Fault::new("set up the inside", text))
    }
}

/// Makes the child, which waits for its release.
fn fork(rights: Rights, spec: &SpawnSpec) -> Result<(Pid, Wires), Fault> {
    let (go_read, go) = pipe()?;
    let (faults, faults_write) = pipe()?;
    let mut childs = Some((go_read, faults_write));
    let mut ours = Some(Wires { go, faults });
    let child = raw::clone_child(rights.namespaces(&spec.network), || {
        drop(ours.take());
        childs.take().map_or(1, |(go, faults)| run_child(rights, go, faults, spec))
    })
    .map_err(|error| Fault::new("make the namespaces", error))?;
    let ours = ours.ok_or_else(|| Fault::new("make the namespaces", "this is not the child"))?;

    Ok((child, ours))
}

/// The child's body: becomes the init or tells the spawner why not.
fn run_child(rights: Rights, go: File, mut faults: File, spec: &SpawnSpec) -> isize {
    match first::become_init(rights, go, spec) {
        Ok(_) => 0,
        Err(fault) => {
            let _ = write!(faults, "{fault}");
            1
        }
    }
}

/// Field 22 of `/proc/<pid>/stat`, counted after the name, which may hold spaces and brackets.
fn start_time(pid: Pid) -> Result<String, Fault> {
    let path = PathBuf::from(format!("/proc/{pid}/stat"));
    let stat = std::fs::read_to_string(&path).map_err(|error| Fault::io("read", &path, error))?;
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let field = after_name.split_whitespace().nth(19);
    Ok(field.ok_or_else(|| Fault::new("read a start time", stat.clone()))?.to_owned())
}

fn pipe() -> Result<(File, File), Fault> {
    let (read, write) = pipe2(nix::fcntl::OFlag::O_CLOEXEC).map_err(|error| Fault::new("make a pipe", error))?;
    Ok((read.into(), write.into()))
}

fn open(path: &Path) -> Result<File, Fault> {
    File::options().write(true).open(path).map_err(|error| Fault::io("open", path, error))
}

fn create(path: &Path) -> Result<File, Fault> {
    File::create(path).map_err(|error| Fault::io("create", path, error))
}
