//! The first process of an environment, found again by its record: pid and start time.
//!
//! It need not be this server's child: after a restart it is not.

use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// Name of the record in an environment's folder; written by the spawner.
const RECORD: &str = "pid";

/// How long a killed environment may take to be gone. Its end is asynchronous only by the time
/// the kernel needs to free its memory.
const END: Duration = Duration::from_secs(10);

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
    if read_start_time(pid).as_deref() != Some(&start_time) {
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

/// Pid and start time of the record, where there is a whole one.
fn read_record(folder: &Path) -> Option<(Pid, String)> {
    let text = std::fs::read_to_string(folder.join(RECORD)).ok()?;
    let (pid, start_time) = text.strip_suffix('\n')?.split_once(' ')?;
    let pid = pid.parse().ok().filter(|pid| *pid > 0)?;
    Some((Pid::from_raw(pid)?, start_time.to_owned()))
}

/// Field 22 of `/proc/<pid>/stat`, counted after the name, which may hold spaces and brackets.
fn read_start_time(pid: Pid) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

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

    #[tokio::test]
    async fn a_torn_or_absent_record_is_no_environment() {
        for record in ["", "12", "12 3", "x y\n", "0 5\n", "-1 5\n"] {
            kill(folder_with(record).path()).await.expect(record);
        }
        kill(Path::new("/nonexistent")).await.expect("no folder");
    }
}
