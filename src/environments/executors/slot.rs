//! The slot of a standby environment: two folders of its own at /var/task and /opt, empty until it has a function.
//!
//! A mount cannot be added to a running environment from outside. So its folders are mounted read-only from the start,
//! and when it is assigned, the files of code and layers are linked there, which copies nothing.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::blobs::code_tree::{lay_over, share};
use crate::environments::executor::{EnvironmentSpec, ExecutorError, StandbySpec};
use crate::model::functions::ImageConfig;

/// The limits of an environment that has no function yet, in MiB.
#[derive(Debug, Clone, Copy)]
pub struct StandbyLimits {
    /// Memory.
    pub memory_mib: u32,
    /// The size of /tmp, which cannot be changed later.
    pub tmp_mib: u32,
}

/// A slot, by the folder around its two.
#[derive(Debug)]
pub struct Slot {
    code: PathBuf,
    layers: PathBuf,
}

impl Slot {
    /// The slot in a folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self { code: folder.join("task"), layers: folder.join("opt") }
    }

    /// Makes it, empty.
    pub fn make(&self) -> Result<(), ExecutorError> {
        for folder in [&self.code, &self.layers] {
            // The function's user looks into it, whatever the server's umask is.
            let made = fs::create_dir_all(folder);
            made.and_then(|()| fs::set_permissions(folder, Permissions::from_mode(0o755)))
                .map_err(|error| failed("make", folder, &error))?;
        }
        Ok(())
    }

    /// What an environment around it is started with: that of a function without code.
    pub fn spec(&self, standby: &StandbySpec, limits: StandbyLimits) -> EnvironmentSpec {
        EnvironmentSpec {
            id: standby.id.clone(),
            token: standby.token.clone(),
            store_id: standby.store_id.clone(),
            function_arn: String::new(),
            function_name: "standby".to_owned(),
            version: String::new(),
            deployment: String::new(),
            base: standby.base.clone(),
            image_config: ImageConfig::default(),
            handler: String::new(),
            code_tree: Some(self.code.clone()),
            layer_tree: Some(self.layers.clone()),
            known_folders: Vec::new(),
            memory_mib: limits.memory_mib,
            tmp_mib: limits.tmp_mib,
            grace_s: standby.grace_s,
        }
    }

    /// Links the code and the layers of `spec` into it.
    pub async fn fill(&self, spec: &EnvironmentSpec) -> Result<(), ExecutorError> {
        let trees = [(spec.code_tree.clone(), self.code.clone()), (spec.layer_tree.clone(), self.layers.clone())];
        let linking = tokio::task::spawn_blocking(move || {
            trees
                .iter()
                .filter_map(|(from, to)| Some((from.as_ref()?, to)))
                .try_for_each(|(from, to)| lay_over(from, to, share))
        });
        let linked = linking.await.map_err(|error| ExecutorError::Failed(error.to_string()))?;
        linked.map_err(|error| ExecutorError::Failed(format!("cannot link code into a slot: {error}")))
    }
}

fn failed(step: &str, path: &Path, error: &io::Error) -> ExecutorError {
    ExecutorError::Failed(format!("cannot {step} {}: {error}", path.display()))
}
