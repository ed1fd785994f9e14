//! Memory of the environment's processes: the peak of all, and what they use together at a moment ([`together`]).
//!
//! The peak is the sum of `VmHWM` over the processes there are. The cgroup's own peak is not used: it
//! counts the page cache, and in a sandbox it may be that of another, larger group.

mod together;

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

/// The lines with what is in no file of a disk: own pages, shared ones, and those that were swapped out.
const NO_FILE: [&str; 3] = ["RssAnon:", "RssShmem:", "VmSwap:"];

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
            self.bytes = self.bytes.max(if first {
                processes().into_iter().map(|process| self.of(Some(process), PEAK)).sum()
            } else {
                self.of(runtime, PEAK)
            });
            self.looked = Some(Instant::now());
        }
        self.bytes
    }

    /// Whether the processes that [`Self::bytes`] counts use more than `limit` bytes together, without what lies in
    /// files of a disk and of /tmp. Most looks end with a few lines of each process; only where those come near is it
    /// counted exactly who shares what, which takes the kernel a millisecond for each 100 MB.
    pub fn exceeds(&mut self, limit: u64, first: bool, runtime: Option<Pid>) -> bool {
        let processes = if first { processes() } else { runtime.into_iter().collect() };
        let unmapped = together::Unmapped::of(&processes, first);
        let most: u64 = processes.iter().map(|process| self.mapped_at_most(*process)).sum();
        if unmapped.bytes() + most <= limit {
            return false;
        }
        let share = |process: &Pid| unmapped.share_of(*process).unwrap_or_else(|| self.mapped_at_most(*process));
        unmapped.bytes() + processes.iter().map(share).sum::<u64>() > limit
    }

    /// What a process has in no file of a disk, counted as if it shared nothing.
    fn mapped_at_most(&mut self, process: Pid) -> u64 {
        NO_FILE.iter().map(|line| self.of(Some(process), line)).sum()
    }

    /// Forgets when it last looked: what follows are other processes.
    pub fn look_again(&mut self) {
        self.looked = None;
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

/// All processes but the first.
fn processes() -> Vec<Pid> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| *pid != 1).map(Pid::from_raw).collect()
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
        assert_eq!((figure_of(status, PEAK), figure_of(status, NO_FILE[0])), (12 * 1024, 2 * 1024));
        assert_eq!(figure_of(b"Name:\tkthread\n", PEAK), 0);
    }

    #[test]
    fn this_process_has_a_peak() {
        let mut memory = MemoryPeak::default();
        let this = i32::try_from(std::process::id()).expect("a process id fits");
        assert!(memory.bytes(false, Some(Pid::from_raw(this))) > 64 * 1024);
    }

    #[test]
    fn what_this_process_uses_is_more_than_nothing_and_less_than_much() {
        let this = Pid::from_raw(i32::try_from(std::process::id()).expect("a process id fits"));
        let mut memory = MemoryPeak::default();
        assert!(memory.exceeds(64 * 1024, false, Some(this)));
        assert!(!memory.exceeds(1 << 40, false, Some(this)));
    }
}
