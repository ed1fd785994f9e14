//! Records of running environments: which ones a killed server left, so that its successor knows
//! whom to wait for. Hints only; what is not recorded is swept, what does not dial is forgotten.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::deployment::{DeploymentKey, Initialization};
use super::executor::EnvironmentId;
use super::hot_reload::Root;
use crate::model::names::{FunctionKey, RevisionId, Scope};
use crate::model::qualifier::Version;

/// The folder of records, one file an environment.
#[derive(Debug)]
pub struct Records {
    folder: PathBuf,
}

/// What a record says.
#[derive(Serialize, Deserialize)]
struct Record {
    account: String,
    region: String,
    function: String,
    version: String,
    deployment: Uuid,
    #[serde(default)]
    tenant: Option<String>,
    #[serde(default)]
    provisioned: bool,
    /// Its hot-reload folders.
    #[serde(default)]
    roots: Vec<Root>,
}

impl Records {
    /// Opens or makes the folder.
    pub fn open(folder: &Path) -> std::io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Remembers an environment and the hot-reload folders that it gets. A failure costs a cold start after a crash,
    /// nothing else.
    pub fn add(
        &self,
        id: &EnvironmentId,
        deployment: &DeploymentKey,
        initialization: Initialization,
        roots: Vec<Root>,
    ) {
        let DeploymentKey { function, version, deployment, tenant } = deployment;
        let record = Record {
            account: function.scope.account.to_string(),
            region: function.scope.region.to_string(),
            function: function.name.to_string(),
            version: version.to_string(),
            deployment: deployment.0,
            tenant: tenant.clone(),
            provisioned: initialization == Initialization::Provisioned,
            roots,
        };
        let json = serde_json::to_vec(&record).expect("a record of texts is JSON");
        if let Err(error) = fs::write(self.path(id), json) {
            tracing::warn!(environment = %id, %error, "an environment could not be recorded");
        }
    }

    /// The hot-reload folders that an environment got.
    pub fn roots(&self, id: &EnvironmentId) -> Vec<Root> {
        read(&self.path(id)).map(|record| record.roots).unwrap_or_default()
    }

    /// Forgets an environment.
    pub fn remove(&self, id: &EnvironmentId) {
        let _ = fs::remove_file(self.path(id));
    }

    /// What is recorded; an unreadable record is dropped.
    pub fn all(&self) -> HashMap<EnvironmentId, (DeploymentKey, Initialization)> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries
            .filter_map(|entry| {
                Some((EnvironmentId(entry.file_name().into_string().ok()?), key(read(&entry.path())?)?))
            })
            .collect()
    }

    fn path(&self, id: &EnvironmentId) -> PathBuf {
        self.folder.join(&id.0)
    }
}

fn read(path: &Path) -> Option<Record> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn key(record: Record) -> Option<(DeploymentKey, Initialization)> {
    let scope = Scope { account: record.account.into(), region: record.region.into() };
    let deployment = DeploymentKey {
        function: FunctionKey { scope, name: record.function.into() },
        version: Version::parse(&record.version)?,
        deployment: RevisionId(record.deployment),
        tenant: record.tenant,
    };
    let initialization = if record.provisioned { Initialization::Provisioned } else { Initialization::OnDemand };
    Some((deployment, initialization))
}
