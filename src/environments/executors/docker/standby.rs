//! Standby containers: started before their function is known, so that a cold start need not wait for the engine,
//! which takes about 200 ms for a container.
//!
//! Each has a [`Slot`], and is given its limits when it is assigned. It then differs from a container made for its
//! function in nothing but the labels, which engines cannot change; its name is changed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bollard::models::ContainerUpdateBody;
use bollard::query_parameters::RenameContainerOptionsBuilder;

use super::container::{self, MIB, Passage};
use super::{DockerExecutor, copy};
use crate::environments::executor::{EnvironmentId, EnvironmentSpec, ExecutorError, Keep, StandbySpec};
use crate::environments::executors::slot::{Slot, StandbyLimits};

/// What functions have that do not say, and the largest /tmp that one can have.
const LIMITS: StandbyLimits = StandbyLimits { memory_mib: 128, tmp_mib: 10_240 };

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

    /// Makes an empty slot, and what a container around it is made with.
    pub(super) fn make(&self, standby: &StandbySpec) -> Result<EnvironmentSpec, ExecutorError> {
        let slot = self.of(&standby.id);
        slot.make()?;
        Ok(slot.spec(standby, LIMITS))
    }

    fn of(&self, id: &EnvironmentId) -> Slot {
        Slot::in_folder(&self.folder.join(&id.0))
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
            Passage::Bind { .. } => self.slots.of(&spec.id).fill(spec).await,
            Passage::Copy { .. } => copy::fill(&self.engine, container, spec, None).await,
        }
    }

    /// Gives it the limits of its function.
    pub(super) async fn limit_standby(&self, spec: &EnvironmentSpec, container: &str) -> Result<(), ExecutorError> {
        if spec.memory_mib == LIMITS.memory_mib {
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
