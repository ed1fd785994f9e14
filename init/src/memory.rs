//! Memory of the environment's processes: the peak of all, and what the largest uses at a moment.
//!
//! The peak is the sum of `VmHWM` over the processes there are. The cgroup's own peak is not used: it
//! counts the page cache, and in a sandbox it may be that of another, larger group.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::time::{Duration, Instant};

use nix::unistd::Pid;

/// Between two looks into /proc. One costs some 20 µs a process, and `VmHWM` never falls, so a
/// function that is invoked without a pause loses nothing by being looked at rarely.
const PAUSE: Duration = Duration::from_millis(50);

/// The line of a status file with the peak.
const PEAK: &str = "VmHWM:";

/// The line with what is in no file.
const ANONYMOUS: &str = "RssAnon:";

/// Bytes of a status file up to these lines and well beyond.
const STATUS_ROOM: usize = 2048;

/// Remembers the peak.
#[derive(Debug, Default)]
pub struct MemoryPeak {
    bytes: u64,
    looked: Option<Instant>,
    path: String,
}

impl MemoryPeak {
    /// The peak so far. Counts all processes but this one where this is the first of its PID
    /// namespace, else `runtime` alone.
    pub fn bytes(&mut self, first: bool, runtime: Option<Pid>) -> u64 {
        if self.looked.is_none_or(|at| at.elapsed() >= PAUSE) {
            self.bytes = self.bytes.max(if first { self.each(PEAK).into_iter().sum() } else { self.of(runtime, PEAK) });
            self.looked = Some(Instant::now());
        }
        self.bytes
    }

    /// What the largest process uses at this moment, without what it shares with files: in bytes. Looks at those that
    /// [`Self::bytes`] counts. Not the sum: processes that were forked share most of theirs, and only a cgroup could
    /// tell how much.
    pub fn largest(&mut self, first: bool, runtime: Option<Pid>) -> u64 {
        if first { self.each(ANONYMOUS).into_iter().max().unwrap_or(0) } else { self.of(runtime, ANONYMOUS) }
    }

    /// Forgets when it last looked: what follows are other processes.
    pub fn look_again(&mut self) {
        self.looked = None;
    }

    /// A figure of all processes but the first.
    fn each(&mut self, figure: &str) -> Vec<u64> {
        let entries = std::fs::read_dir("/proc").into_iter().flatten();
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|pid| *pid != 1)
            .map(|pid| self.of(Some(Pid::from_raw(pid)), figure))
            .collect()
    }

    /// A figure of one process; 0 when it is gone.
    fn of(&mut self, process: Option<Pid>, figure: &str) -> u64 {
        let Some(process) = process else { return 0 };
        self.path.clear();
        // Writing to a String cannot fail.
        let _ = write!(self.path, "/proc/{process}/status");
        let mut status = [0; STATUS_ROOM];
        let length = File::open(&self.path).and_then(|mut file| file.read(&mut status)).unwrap_or(0);
        figure_of(&status[..length], figure)
    }
}

/// Reads a figure out of a status file, in bytes.
fn figure_of(status: &[u8], figure: &str) -> u64 {
    status
        .split(|byte| *byte == b'\n')
        .find_map(|line| line.strip_prefix(figure.as_bytes()))
        .and_then(|value| std::str::from_utf8(value).ok()?.trim().strip_suffix(" kB")?.parse::<u64>().ok())
        .map_or(0, |kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_in_bytes() {
        let status = b"Name:\tx\nVmHWM:\t    12 kB\nVmRSS:\t 1 kB\nRssAnon:\t 2 kB\n";
        assert_eq!((figure_of(status, PEAK), figure_of(status, ANONYMOUS)), (12 * 1024, 2 * 1024));
        assert_eq!(figure_of(b"Name:\tkthread\n", PEAK), 0);
    }

    #[test]
    fn this_process_has_a_peak() {
        let mut memory = MemoryPeak::default();
        let this = i32::try_from(std::process::id()).expect("a process id fits");
        assert!(memory.bytes(false, Some(Pid::from_raw(this))) > 64 * 1024);
    }
}
