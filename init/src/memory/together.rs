//! What processes use together: each page once, though several may share it.
//!
//! Pages that processes map are counted by the kernel's proportional figures (`Pss`): of a page that four share, each
//! has a quarter. Pages of a memory file (`memfd_create`) that nobody maps stand in no such figure; they are
//! found by the descriptors that are open, and segments of System V by their table. Files in /tmp are not counted
//! though they are in memory here: on AWS they lie on a disk.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

use nix::unistd::Pid;

/// How the kernel names memory files, anonymous memory that is shared, and segments of System V where they are mapped.
const MEMORY_FILES: [&str; 4] = ["/memfd:", "/dev/zero (deleted)", "[anon_shmem", "/SYSV"];

/// How it names segments of System V, whose table is read instead.
const SEGMENT: &str = "/SYSV";

/// Bytes of a block, as `st_blocks` counts them.
const BLOCK: u64 = 512;

/// Device and inode of a memory file.
type File = (u64, u64);

/// Memory that is there whether a process maps it or not.
#[derive(Debug, Default)]
pub struct Unmapped {
    /// Bytes of each open memory file.
    files: HashMap<File, u64>,
    /// Bytes of all segments of System V.
    segments: u64,
}

impl Unmapped {
    /// That of the files that `processes` have open, and of the segments of this IPC namespace where it is theirs alone.
    pub fn of(processes: &[Pid], alone: bool) -> Self {
        let folders = processes.iter().filter_map(|process| fs::read_dir(format!("/proc/{process}/fd")).ok());
        let files = folders.flatten().flatten().filter_map(|entry| {
            let target = fs::read_link(entry.path()).ok()?;
            if !target.as_os_str().as_bytes().starts_with(MEMORY_FILES[0].as_bytes()) {
                return None;
            }
            let found = fs::metadata(entry.path()).ok()?;
            Some(((found.dev(), found.ino()), found.blocks() * BLOCK))
        });
        Self { files: files.collect(), segments: if alone { segments_here() } else { 0 } }
    }

    /// All of it.
    pub fn bytes(&self) -> u64 {
        self.segments + self.files.values().sum::<u64>()
    }

    /// The rest of what a process uses, its share of what several use; `None` where the kernel does not tell.
    pub fn share_of(&self, process: Pid) -> Option<u64> {
        let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
        let figure = |name: &str| rollup.lines().find_map(|line| kib(line.strip_prefix(name)?));
        // Before Linux 5.3 only the sum with what lies in files is told.
        let own = figure("Pss_Anon:").or_else(|| figure("Pss:"))? + figure("SwapPss:").unwrap_or(0);
        if figure("Pss_Shmem:").unwrap_or(0) == 0 {
            return Some(own);
        }
        let maps = fs::File::open(format!("/proc/{process}/smaps")).ok()?;

        Some(own + self.shared(BufReader::new(maps)))
    }

    /// The share of memory files that is in no descriptor any more, out of a file `smaps`.
    fn shared(&self, maps: impl BufRead) -> u64 {
        let mut counts = false;
        let mut sum = 0;
        for line in maps.split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            if let Some((file, name)) = mapping(&line) {
                counts = MEMORY_FILES.iter().any(|kind| name.starts_with(kind))
                    && !name.starts_with(SEGMENT)
                    && !self.files.contains_key(&file);
            } else if counts && let Some(bytes) = line.strip_prefix("Pss:").and_then(kib) {
                sum += bytes;
            }
        }

        sum
    }
}

/// The file and its name of a line that begins a mapping:
/// `7f2c8d000000-7f2c8d021000 rw-s 00000000 00:01 1042    /memfd:name (deleted)`.
fn mapping(line: &str) -> Option<(File, &str)> {
    let mut fields = line.splitn(6, ' ');
    let range = fields.next()?;
    let device = fields.nth(2)?;
    if !range.contains('-') {
        return None;
    }
    let inode = fields.next()?.parse().ok()?;
    let name = fields.next().unwrap_or_default().trim_start();
    let (major, minor) = device.split_once(':')?;
    let number = |text: &str| u64::from_str_radix(text, 16).ok();

    Some(((nix::sys::stat::makedev(number(major)?, number(minor)?), inode), name))
}

/// Bytes of a figure such as `    12 kB`.
fn kib(figure: &str) -> Option<u64> {
    figure.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Bytes of all segments of this IPC namespace.
fn segments_here() -> u64 {
    segments(&fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default())
}

/// The sum of what is in memory (column `rss`) of a table of segments.
fn segments(table: &str) -> u64 {
    let rows = table.lines().skip(1).filter_map(|row| row.split_whitespace().nth(14)?.parse::<u64>().ok());
    rows.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_are_told_from_their_figures() {
        let line = "7f2c8d000000-7f2c8d021000 rw-s 00000000 00:01 1042                       /memfd:a b (deleted)";
        assert_eq!(mapping(line), Some(((1, 1042), "/memfd:a b (deleted)")));
        assert_eq!(mapping("7ffd1000-7ffd2000 rw-p 00000000 00:00 0 "), Some(((0, 0), "")));
        assert_eq!(mapping("Pss:                  12 kB"), None);
        assert_eq!(mapping("VmFlags: rd wr mr mw me ac sd"), None);
    }

    #[test]
    fn memory_files_are_counted_once_and_those_of_tmp_not_at_all() {
        let maps = "\
1000-2000 rw-s 00000000 00:01 7                       /memfd:open (deleted)\nPss: 100 kB\n\
1000-2000 rw-s 00000000 00:01 8                       /memfd:closed (deleted)\nRss: 50 kB\nPss: 10 kB\n\
1000-2000 rw-s 00000000 00:01 9                       /dev/zero (deleted)\nPss: 1 kB\n\
1000-2000 rw-s 00000000 00:01 3                       /SYSV00000000 (deleted)\nPss: 1000 kB\n\
1000-2000 rw-s 00000000 00:2d 8                       /tmp/file\nPss: 1000 kB\n";
        let unmapped = Unmapped { files: HashMap::from([((1, 7), 4096)]), segments: 1 };
        assert_eq!(unmapped.shared(maps.as_bytes()), 11 * 1024);
        assert_eq!(unmapped.bytes(), 4097);
    }

    #[test]
    fn segments_are_added_up() {
        let table = "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap\n\
         0          1  1600                524288    11    12      2     0     0     0     0          0          0          0                  8192                     0\n\
         0          2  1600                524288    11    12      0     0     0     0     0          0          0          0                  4096                     0\n";
        assert_eq!(segments(table), 12_288);
    }

    #[test]
    fn this_process_has_a_share_of_its_own() {
        let this = Pid::from_raw(i32::try_from(std::process::id()).expect("a process id fits"));
        let unmapped = Unmapped::of(&[this], false);
        assert!(unmapped.share_of(this).expect("its own is told") > 64 * 1024);
    }
}
