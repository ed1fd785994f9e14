//! Standby containers: started before their function is known, so that a cold start need not wait for the engine,
//! which takes about 200 ms for a container.
//!
//! A mount cannot be added to a running container. So each has two empty folders of its own from the start, mounted
//! read-only at /var/task and /opt: its slot. When it is assigned, the files of code and layers are linked there,
//! which copies nothing, and the limits are set. It then differs from a container made for its function in nothing
//! but the labels, which engines cannot change; its name is changed.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use bollard::models::ContainerUpdateBody;
use bollard::query_parameters::RenameContainerOptionsBuilder;

use super::container::{self, MIB, Passage};
use super::{DockerExecutor, copy};
use crate::blobs::code_tree::{lay_over, share};
use crate::environments::executor::{EnvironmentId, EnvironmentSpec, ExecutorError, Keep, StandbySpec};
use crate::model::functions::ImageConfig;

/// The memory that standby containers start with, in MiB: what functions have that do not say.
const MEMORY_MIB: u32 = 128;

/// The size of /tmp in MiB: the largest that a function can have, as it cannot be changed later.
const TMP_MIB: u32 = 10_240;

/// The slots of this store's standby containers, a folder each, named by the environment's id.
#[derive(Debug)]
pub(super) struct Slots {
    folder: PathBuf,
}

impl Slots {
    /// Opens or makes the folder of slots.
    pub(super) fn open(folder: &Path) -> Result<Self, ExecutorError> {
        let opened = fs::create_dir_all(folder).and_then(|()| folder.canonicalize());
        Ok(Self { folder: opened.map_err(|error| failed("make", folder, &error))? })
    }

    /// Makes an empty slot. The spec is that of a container for a function without code, with the limits of one
    /// that does not say any.
    pub(super) fn make(&self, standby: &StandbySpec) -> Result<EnvironmentSpec, ExecutorError> {
        let spec = self.spec(standby);
        for folder in [&spec.code_tree, &spec.layer_tree].into_iter().flatten() {
            // The function's user looks into it, whatever the server's umask is.
            let made = fs::create_dir_all(folder);
            made.and_then(|()| fs::set_permissions(folder, Permissions::from_mode(0o755)))
                .map_err(|error| failed("make", folder, &error))?;
        }
        Ok(spec)
    }

    fn spec(&self, standby: &StandbySpec) -> EnvironmentSpec {
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
            code_tree: Some(self.code(&standby.id)),
            layer_tree: Some(self.layers(&standby.id)),
            known_folders: Vec::new(),
            memory_mib: MEMORY_MIB,
            tmp_mib: TMP_MIB,
            grace_s: standby.grace_s,
        }
    }

    fn code(&self, id: &EnvironmentId) -> PathBuf {
        self.folder.join(&id.0).join("task")
    }

    fn layers(&self, id: &EnvironmentId) -> PathBuf {
        self.folder.join(&id.0).join("opt")
    }

    /// Links the code and the layers of `spec` into its slot.
    async fn fill(&self, spec: &EnvironmentSpec) -> Result<(), ExecutorError> {
        let trees = [(spec.code_tree.clone(), self.code(&spec.id)), (spec.layer_tree.clone(), self.layers(&spec.id))];
        let linking = tokio::task::spawn_blocking(move || {
            trees
                .iter()
                .filter_map(|(from, to)| Some((from.as_ref()?, to)))
                .try_for_each(|(from, to)| lay_over(from, to, share))
        });
        let linked = linking.await.map_err(|error| ExecutorError::Failed(error.to_string()))?;
        linked.map_err(|error| ExecutorError::Failed(format!("Docker: cannot link code into a slot: {error}")))
    }

    /// Removes the slot of an environment, if it has one.
    pub(super) async fn remove(&self, id: &EnvironmentId) -> Result<(), ExecutorError> {
        let folder = self.folder.join(&id.0);
        match tokio::fs::remove_dir_all(&folder).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", &folder, &error)),
            _ => Ok(()),
        }
    }

    /// Removes the slots of environments that are not kept.
    pub(super) async fn sweep(&self, keep: &Keep<'_>) -> Result<(), ExecutorError> {
        let entries = fs::read_dir(&self.folder).map_err(|error| failed("read", &self.folder, &error))?;
        let ids = entries.flatten().map(|entry| EnvironmentId(entry.file_name().to_string_lossy().into_owned()));
        for id in ids.filter(|id| !keep(id)).collect::<Vec<_>>() {
            self.remove(&id).await?;
        }
        Ok(())
    }
}

impl DockerExecutor {
    /// Gives a standby container the code and the layers of its function.
    pub(super) async fn fill_standby(&self, spec: &EnvironmentSpec, container: &str) -> Result<(), ExecutorError> {
        match &self.passage {
            Passage::Bind { .. } => self.slots.fill(spec).await,
            Passage::Copy { .. } => copy::fill(&self.engine, container, spec, None).await,
        }
    }

    /// Gives it the limits of its function.
    pub(super) async fn limit_standby(&self, spec: &EnvironmentSpec, container: &str) -> Result<(), ExecutorError> {
        if spec.memory_mib == MEMORY_MIB {
            return Ok(());
        }
        let memory = i64::from(spec.memory_mib) * MIB;
        let limits = ContainerUpdateBody {
            memory: Some(memory),
            memory_swap: Some(memory),
            cpu_shares: Some(container::cpu_shares(spec.memory_mib)),
            ..ContainerUpdateBody::default()
        };
        let updated = self.engine.quick(self.engine.docker.update_container(container, limits)).await;

        updated.map_err(|error| self.engine.failed(&format!("set the limits of container {container}"), &error))
    }

    /// Names it after its function.
    pub(super) async fn rename_standby(&self, spec: &EnvironmentSpec, container: &str) -> Result<(), ExecutorError> {
        let name = container::name(spec);
        let options = RenameContainerOptionsBuilder::default().name(&name).build();
        let renamed = self.engine.quick(self.engine.docker.rename_container(container, options)).await;
        renamed.map_err(|error| self.engine.failed(&format!("rename container {container} to {name}"), &error))
    }
}

/// The error for a standby container that is not there any more.
pub(super) fn gone(id: &EnvironmentId) -> ExecutorError {
    ExecutorError::Failed(format!("Docker: the standby container of environment {id} is gone"))
}

fn failed(step: &str, path: &Path, error: &io::Error) -> ExecutorError {
    ExecutorError::Failed(format!("Docker: cannot {step} {}: {error}", path.display()))
}
