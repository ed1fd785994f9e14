//! Standby sandboxes: made before their function is known, with the interpreter of their runtime started ahead. A cold
//! start out of one links the function's files into its slot, and hands its variables over.

use std::fs;
use std::path::Path;

use super::{SandboxExecutor, create_private, failed, memory_limit_bytes, process};
use crate::environments::executor::{EnvironmentId, EnvironmentSpec, ExecutorError, StandbySpec};
use crate::environments::executors::slot::{Slot, StandbyLimits};

/// What functions have that do not say. Another size of /tmp takes another environment: nobody can mount it anew.
const LIMITS: StandbyLimits = StandbyLimits { memory_mib: 128, tmp_mib: 512 };

/// Files and folders beyond which it takes longer to link a tree than to start an interpreter.
const MOST_FILES: usize = 1000;

impl SandboxExecutor {
    fn slot(&self, id: &EnvironmentId) -> Slot {
        Slot::in_folder(&self.folder(id))
    }

    /// What a standby sandbox is started with, once its slot is made.
    pub(super) fn standby(&self, standby: &StandbySpec) -> Result<EnvironmentSpec, ExecutorError> {
        let folder = self.folder(&standby.id);
        create_private(&folder).map_err(|error| failed("create", &folder, &error))?;
        let slot = self.slot(&standby.id);
        slot.make()?;
        Ok(slot.spec(standby, LIMITS))
    }

    /// Gives a standby sandbox the files and the limits of its function.
    pub(super) async fn assign_standby(&self, spec: &EnvironmentSpec) -> Result<(), ExecutorError> {
        self.slot(&spec.id).fill(spec).await?;
        if spec.memory_mib == LIMITS.memory_mib {
            return Ok(());
        }
        let limit = memory_limit_bytes(spec);
        process::limit_group(&self.folder(&spec.id), limit).map_err(ExecutorError::Failed)
    }
}

/// Whether a standby sandbox can become that of `spec`, and sooner than a new one. Blocking.
pub(super) fn fits(spec: &EnvironmentSpec) -> bool {
    let mut trees = spec.code_tree.iter().chain(&spec.layer_tree);
    let mut left = MOST_FILES;
    spec.tmp_mib == LIMITS.tmp_mib && trees.all(|tree| count_down(tree, &mut left))
}

/// Takes the entries of a tree off `left`; false once there is none left.
fn count_down(tree: &Path, left: &mut usize) -> bool {
    let Ok(entries) = fs::read_dir(tree) else { return false };
    for entry in entries.flatten() {
        if *left == 0 {
            return false;
        }
        *left -= 1;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) && !count_down(&entry.path(), left) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_tree_is_found_out_soon() {
        let folder = tempfile::tempdir().expect("a folder");
        for number in 0..3 {
            let inner = folder.path().join(number.to_string());
            fs::create_dir(&inner).expect("made");
            fs::write(inner.join("file"), "").expect("written");
        }
        assert!(count_down(folder.path(), &mut 6));
        assert!(!count_down(folder.path(), &mut 5));
        assert!(!count_down(&folder.path().join("none"), &mut 5));
    }
}
