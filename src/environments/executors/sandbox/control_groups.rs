//! The wait for control groups, begun before it is needed.
//!
//! Into a group the kernel lets a process only after all processors have passed a quiet moment (an RCU grace period,
//! some 10 ms), unless somebody was let into one right before. So the server enters the group that it is in anyway while
//! the spawner still starts, and the spawner's child is let in at once.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;

/// Where groups of version 1 that limit memory are, and those of version 2, alone or beside version 1.
const ROOTS: [(&str, &str); 3] =
    [(":memory:", "/sys/fs/cgroup/memory"), ("0::", "/sys/fs/cgroup"), ("0::", "/sys/fs/cgroup/unified")];

/// Enters the group that this process is in. Blocking.
///
/// # Errors
/// It is in none that it may write: then its sandboxes have none either.
pub fn enter_own() -> io::Result<()> {
    let own = std::fs::read_to_string("/proc/self/cgroup")?;
    let mut files = lists(&own).into_iter().filter_map(|path| File::options().write(true).open(path).ok());
    // 0 is the process that writes.
    files.next().ok_or(io::ErrorKind::PermissionDenied)?.write_all(b"0")
}

/// The lists of processes of this process's groups, out of `/proc/self/cgroup`.
fn lists(own: &str) -> Vec<PathBuf> {
    let list = |(start, root): (&str, &str)| {
        let (_, path) = own.lines().find_map(|line| line.split_once(start))?;
        Some(PathBuf::from(format!("{root}{path}/cgroup.procs")))
    };
    ROOTS.into_iter().filter_map(list).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_groups_are_found() {
        let own = "4:memory:/a/b\n1:cpu:/\n0::/x\n";
        let places = ["memory/a/b", "x", "unified/x"].map(|path| format!("/sys/fs/cgroup/{path}/cgroup.procs"));
        assert_eq!(lists(own), places.map(PathBuf::from));
        assert!(lists("").is_empty());
    }
}
