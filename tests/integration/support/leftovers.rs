//! Processes and containers of a server: found, and removed after failures.
//!
//! The name of the server's folder is unique, and every process of an environment has it in its
//! variables, its command line or its mounts. Where containers run on this machine, their processes
//! are seen so too; containers without one (created, ended) are found by their label.

use std::collections::HashMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use bollard::Docker;
use bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Where a process may show the folder.
const PLACES: [&str; 3] = ["cmdline", "environ", "mountinfo"];

/// Whose leftovers.
#[derive(Debug, Clone, Default)]
pub struct Owner {
    /// The name of the server's folder.
    pub folder: String,
    /// The label of its containers, `name=value`, where it has some.
    pub label: Option<String>,
    /// The server's own process, which is none.
    pub server: Option<u32>,
}

impl Owner {
    /// What is there, described.
    pub fn leftovers(&self) -> Vec<String> {
        let processes = self.command_lines().into_iter().map(|(pid, line)| format!("process {pid}: {line}"));
        processes.chain(self.containers(false)).collect()
    }

    /// Its processes with their command lines.
    pub fn command_lines(&self) -> Vec<(u32, String)> {
        let line = |pid: u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            (pid, String::from_utf8_lossy(&line).replace('\0', " "))
        };
        self.processes().into_iter().map(line).collect()
    }

    /// Ends all of it.
    pub fn remove(&self) {
        for pid in self.processes() {
            if let Ok(pid) = i32::try_from(pid) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
        self.containers(true);
    }

    /// Runs `check`; whatever it says, nothing is left afterwards.
    pub fn remove_after(&self, check: impl FnOnce()) {
        let checked = catch_unwind(AssertUnwindSafe(check));
        if let Err(panic) = checked {
            self.remove();
            resume_unwind(panic);
        }
    }

    /// Process ids, without the server and the tests themselves.
    fn processes(&self) -> Vec<u32> {
        let others = [Some(std::process::id()), self.server];
        let entries = fs::read_dir("/proc").expect("/proc is mounted").flatten();
        let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        ids.filter(|pid| !others.contains(&Some(*pid)) && knows(*pid, &self.folder)).collect()
    }

    /// Its containers; removes them, if asked to.
    fn containers(&self, remove: bool) -> Vec<String> {
        let Some(label) = self.label.clone() else { return Vec::new() };
        // A thread of its own: the caller may be inside a runtime.
        let listed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(list(label, remove)).expect("the engine answers")
        });
        listed.join().expect("containers are listed")
    }
}

fn knows(pid: u32, folder: &str) -> bool {
    let has = |bytes: &[u8]| bytes.windows(folder.len()).any(|window| window == folder.as_bytes());
    PLACES.iter().any(|place| fs::read(format!("/proc/{pid}/{place}")).is_ok_and(|bytes| has(&bytes)))
}

async fn list(label: String, remove: bool) -> Result<Vec<String>, bollard::errors::Error> {
    let engine = Docker::connect_with_defaults()?;
    let filters = HashMap::from([("label", vec![label])]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let mut found = Vec::new();
    for container in engine.list_containers(Some(options)).await? {
        let id = container.id.unwrap_or_default();
        if remove {
            let options = RemoveContainerOptionsBuilder::new().force(true).build();
            let _ = engine.remove_container(&id, Some(options)).await;
        }
        found.push(format!("container {:?} {id}: {:?}", container.names.unwrap_or_default(), container.state));
    }
    Ok(found)
}
