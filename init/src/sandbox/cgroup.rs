//! A memory control group of the sandbox's own, where its maker may make one: of version 2 as root or in a subtree that
//! was delegated, else of version 1.
//!
//! It is the wall behind the init's looks: the init counts what is a function's memory, the kernel keeps all of it
//! within that and /tmp, also between two looks and what a process hides. It cannot replace the looks, as for the
//! kernel files in /tmp are memory.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use larder_init::memory_group::{open_and_write, set_limit};
use nix::unistd::{Pid, UnlinkatFlags, unlinkat};

/// Where groups of version 2 are: alone, or beside version 1.
const VERSION_2: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// Where those of version 1 that limit memory are.
const VERSION_1: &str = "/sys/fs/cgroup/memory";

/// Name of a file in the environment's folder with the group's path, for a server that has to remove it.
const RECORD: &str = "cgroup";

/// How often, and how long apart, the removal is tried: processes leave a group a moment after they have ended.
const TRIES: (u32, Duration) = (20, Duration::from_millis(5));

/// A group that nobody is in yet.
pub struct Group {
    /// Where it is on the host.
    pub path: PathBuf,
    /// Opened before the host's files are out of sight: the folder around it, its name, its list of processes.
    parent: File,
    name: String,
    processes: File,
}

impl Group {
    /// Makes the group of the environment in `folder`, with room for `limit` bytes; `None` where none can be made.
    pub fn make(folder: &Path, limit: u64) -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let name = format!("larder-{}", folder.file_name()?.to_str()?);
        let group = candidates(&own).into_iter().find_map(|parent| Self::make_in(&parent, &name, limit).ok())?;
        if fs::write(folder.join(RECORD), group.path.as_os_str().as_encoded_bytes()).is_err() {
            group.remove();
            return None;
        }
        Some(group)
    }

    fn make_in(parent: &Path, name: &str, limit: u64) -> io::Result<Self> {
        // Refused where processes are in that group itself, and where there is no such file, as in version 1.
        let _ = open_and_write(&parent.join("cgroup.subtree_control"), "+memory");
        let path = parent.join(name);
        let folder = File::open(parent)?;
        fs::create_dir(&path)?;
        let made = set_limit(&path, limit).and_then(|()| File::options().write(true).open(path.join("cgroup.procs")));

        match made {
            Ok(processes) => Ok(Self { path, parent: folder, name: name.to_owned(), processes }),
            Err(error) => {
                let _ = fs::remove_dir(&path);
                Err(error)
            }
        }
    }

    /// Puts a process in it, and with that all that it starts.
    pub fn take(&self, process: Pid) -> io::Result<()> {
        (&self.processes).write_all(process.to_string().as_bytes())
    }

    /// Removes it once it is empty.
    pub fn remove(&self) {
        let (tries, pause) = TRIES;
        for _ in 0..tries {
            if unlinkat(&self.parent, self.name.as_str(), UnlinkatFlags::RemoveDir).is_ok() {
                return;
            }
            std::thread::sleep(pause);
        }
    }
}

/// The groups in which one could be made, out of `/proc/self/cgroup`: this process's own, or the one around it (which
/// is where a user's manager lets its programs make some).
fn candidates(own: &str) -> Vec<PathBuf> {
    let path =
        |start: &str| own.lines().find_map(|line| line.split_once(start)).map(|(_, path)| path.trim_start_matches('/'));
    let unified = own.lines().find_map(|line| line.strip_prefix("0::/"));
    let version_2 = VERSION_2.iter().flat_map(|root| {
        let group = unified.map(|path| Path::new(root).join(path));
        let around =
            group.as_deref().and_then(Path::parent).filter(|around| around.starts_with(root)).map(Path::to_owned);
        [group, around]
    });
    version_2.flatten().chain(path(":memory:").map(|path| Path::new(VERSION_1).join(path))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_sought_in_both_versions() {
        let own = "4:memory:/a/b\n1:cpu:/\n0::/\n";
        let places = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/memory/a/b"];
        assert_eq!(candidates(own), places.map(PathBuf::from));
        let own = "0::/user.slice/app.slice/x.scope\n";
        let places = ["/sys/fs/cgroup/user.slice/app.slice/x.scope", "/sys/fs/cgroup/user.slice/app.slice"];
        assert_eq!(candidates(own)[..2], places.map(PathBuf::from));
        assert_eq!(candidates("").len(), 0);
    }
}
