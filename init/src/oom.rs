//! Whether the kernel ended a process because the environment was out of memory: its cgroup counts that.

use std::path::{Path, PathBuf};

/// Where the count is, in the second and in the first version of cgroups: a sandbox's own, or a container's.
const FILES: [&str; 4] = [
    "/run/larder/cgroup/memory.events",
    "/run/larder/cgroup/memory.oom_control",
    "/sys/fs/cgroup/memory.events",
    "/sys/fs/cgroup/memory/memory.oom_control",
];

/// The count, as it was last seen.
#[derive(Debug)]
pub struct OomCounter {
    file: Option<PathBuf>,
    seen: u64,
}

impl OomCounter {
    /// A counter of this environment's cgroup; one that never rises where there is none to read.
    pub fn new() -> Self {
        let file = FILES.iter().map(PathBuf::from).find(|path| count_in(path).is_some());
        let seen = file.as_deref().and_then(count_in).unwrap_or(0);
        Self { file, seen }
    }

    /// Whether it rose since it was last asked.
    pub fn has_risen(&mut self) -> bool {
        let Some(count) = self.file.as_deref().and_then(count_in) else {
            return false;
        };
        count > std::mem::replace(&mut self.seen, count)
    }
}

fn count_in(file: &Path) -> Option<u64> {
    count(&std::fs::read_to_string(file).ok()?)
}

fn count(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")).and_then(|count| count.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_of_cgroups_are_read() {
        assert_eq!(count("low 0\nhigh 0\nmax 3\noom 2\noom_kill 2\n"), Some(2));
        assert_eq!(count("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"), Some(1));
        assert_eq!(count("low 0\n"), None);
    }
}
