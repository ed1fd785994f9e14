//! The first process of an environment, found again by its record: pid and start time.
//!
//! It need not be this server's child: after a restart it is not.

use std::path::{Path, PathBuf};
use std::time::Duration;

use larder_init::memory_group;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// Name of the record in an environment's folder; written by the spawner.
const RECORD: &str = "pid";

/// Name of the file with the path of its control group; written by the spawner.
const GROUP_RECORD: &str = "cgroup";

/// How long a killed environment may take to be gone. Its end is asynchronous only by the time
/// the kernel needs to free its memory.
const END: Duration = Duration::from_secs(10);

/// Whether the environment in `folder` runs; a process that has ended and that nobody has collected yet does not.
pub fn is_running(folder: &Path) -> bool {
    read_record(folder).is_some_and(|(pid, start_time)| {
        read_stat(pid).is_some_and(|stat| stat.start_time == start_time && !matches!(stat.state.as_str(), "Z" | "X"))
    })
}

/// Kills the environment in `folder` with all its processes and waits until it is gone. One that
/// is gone already, or was never started, is no error.
pub async fn kill(folder: &Path) -> Result<(), String> {
    let Some((pid, start_time)) = read_record(folder) else {
        return Ok(());
    };
    // The descriptor stays on one process, whatever becomes of the number; so the start time is
    // compared after it was opened.
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else {
        return Ok(());
    };
    if read_stat(pid).is_none_or(|stat| stat.start_time != start_time) {
        return Ok(());
    }
    match pidfd_send_signal(&process, Signal::KILL) {
        Ok(()) => {}
        Err(rustix::io::Errno::SRCH) => return Ok(()),
        Err(error) => return Err(format!("cannot kill process {pid}: {error}")),
    }

    let wait = tokio::task::spawn_blocking(move || {
        let limit = Timespec::try_from(END).unwrap_or_default();
        poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&limit))
    });
    match wait.await {
        Ok(Ok(0)) => Err(format!("process {pid} did not end in {} s", END.as_secs())),
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(format!("cannot wait for process {pid}: {error}")),
        Err(error) => Err(format!("cannot wait for process {pid}: {error}")),
    }
}

/// Removes the control group of an environment that has ended, where it had one and its spawner has not done it.
pub async fn remove_group(folder: &Path) {
    let Some(group) = group(folder) else {
        return;
    };
    // Processes leave a group a moment after they have ended.
    for _ in 0..100 {
        match std::fs::remove_dir(&group) {
            Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => {}
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return tracing::warn!(group = %group.display(), %error, "a control group of an environment that ended stays");
            }
            _ => return,
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    tracing::warn!(group = %group.display(), "a control group of an environment that ended is still in use");
}

/// Gives the control group of a running environment another limit, where it has a group.
pub fn limit_group(folder: &Path, bytes: u64) -> Result<(), String> {
    let Some(group) = group(folder) else { return Ok(()) };
    memory_group::set_limit(&group, bytes).map_err(|error| format!("cannot limit {}: {error}", group.display()))
}

/// The path of an environment's control group, where it has one.
fn group(folder: &Path) -> Option<PathBuf> {
    let group = PathBuf::from(std::fs::read_to_string(folder.join(GROUP_RECORD)).ok()?);
    group.starts_with("/sys/fs/cgroup").then_some(group)
}

/// Pid and start time of the record, where there is a whole one.
fn read_record(folder: &Path) -> Option<(Pid, String)> {
    let text = std::fs::read_to_string(folder.join(RECORD)).ok()?;
    let (pid, start_time) = text.strip_suffix('\n')?.split_once(' ')?;
    let pid = pid.parse().ok().filter(|pid| *pid > 0)?;
    Some((Pid::from_raw(pid)?, start_time.to_owned()))
}

/// What `/proc/<pid>/stat` says of a process.
struct Stat {
    state: String,
    start_time: String,
}

/// Fields 3 and 22, counted after the name, which may hold spaces and brackets.
fn read_stat(pid: Pid) -> Option<Stat> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    Some(Stat { state: fields.next()?.to_owned(), start_time: fields.nth(18)?.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn folder_with(record: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join(RECORD), record).expect("written");
        folder
    }

    #[tokio::test]
    async fn a_process_that_only_has_the_same_pid_is_left_alone() {
        let mut other = Command::new("sleep").arg("60").spawn().expect("sleep starts");
        let folder = folder_with(&format!("{} 1\n", other.id()));
        kill(folder.path()).await.expect("no error");
        assert!(other.try_wait().expect("our child").is_none(), "it was killed");
        other.kill().expect("our child");
        other.wait().expect("our child");
    }

    #[test]
    fn one_that_has_ended_does_not_run() {
        let mut child = Command::new("sleep").arg("60").spawn().expect("sleep starts");
        let pid = Pid::from_child(&child);
        let start_time = read_stat(pid).expect("it runs").start_time;
        let folder = folder_with(&format!("{} {start_time}\n", child.id()));
        assert!(is_running(folder.path()));
        child.kill().expect("our child");
        while read_stat(pid).is_some_and(|stat| stat.state != "Z") {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(!is_running(folder.path()), "nobody has collected it yet");
        child.wait().expect("our child");

        assert!(!is_running(folder.path()));
    }

    #[tokio::test]
    async fn a_torn_or_absent_record_is_no_environment() {
        for record in ["", "12", "12 3", "x y\n", "0 5\n", "-1 5\n"] {
            kill(folder_with(record).path()).await.expect(record);
        }
        kill(Path::new("/nonexistent")).await.expect("no folder");
    }
}
