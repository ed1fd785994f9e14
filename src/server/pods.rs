//! Pods that are loaded when the server starts, and the one that is saved when it ends.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Server, ServerError};
use crate::blobs::BlobStore;
use crate::config::PodOptions;
use crate::desk::pods::{LoadQuery, PodsError, SaveRequest, load_from, save_to};
use crate::ledger::Ledger;
use crate::model::event::Origin;
use crate::pods::location::Location;
use crate::pods::remotes::{Address, Place};

/// What is saved when the server ends.
#[derive(Debug)]
pub struct SaveOnExit {
    target: Option<(String, Location)>,
    pods_dir: Option<PathBuf>,
}

impl SaveOnExit {
    /// Reads the options: a target that cannot be is refused at the start, not at the end.
    pub fn new(options: &PodOptions) -> Result<Self, ServerError> {
        let parse = |target: &String| {
            let location = Location::parse(target);
            let location =
                location.map_err(|error| ServerError::SavePod { pod: target.clone(), reason: error.to_string() })?;
            Ok::<_, ServerError>((target.clone(), location))
        };
        let target = options.save_pod_on_exit.as_ref().map(parse).transpose()?;
        Ok(Self { target, pods_dir: options.pods_dir.clone() })
    }

    /// Saves, if that was asked for. A pod that was there stays where this fails.
    pub async fn save(&self, ledger: &Arc<Ledger>, blobs: &Arc<BlobStore>) -> Result<(), ServerError> {
        let Some((pod, location)) = &self.target else { return Ok(()) };
        let wrong =
            |reason: &dyn std::fmt::Display| ServerError::SavePod { pod: pod.clone(), reason: reason.to_string() };
        let ledger = Arc::clone(ledger);
        let blobs = Arc::clone(blobs);
        let workshop = location.workshop();
        let writing = tokio::task::spawn_blocking(move || {
            let mut file = tempfile::NamedTempFile::new_in(workshop)?;
            save_to(&ledger, &blobs, SaveRequest::default(), std::io::BufWriter::new(file.as_file_mut()))?;
            Ok::<_, PodsError>(file)
        });
        let file = writing.await.map_err(|error| wrong(&error))?.map_err(|error| wrong(&error))?;
        let stored = location.store(file, self.pods_dir.as_deref(), |_| {}).await;
        let place = stored.map_err(|error| wrong(&error))?;
        tracing::info!(pod = %place, "the pod is saved");

        Ok(())
    }
}

/// The remotes that callers may name.
pub fn remotes(options: &PodOptions) -> Result<Vec<Address>, ServerError> {
    let parse = |remote: &String| match Address::parse(remote) {
        Ok(address) if matches!(address.place(), Place::Objects { .. } | Place::Registry { .. }) => Ok(address),
        Ok(_) => Err(ServerError::PodRemote(format!("{remote} is no object store and no registry"))),
        Err(error) => Err(ServerError::PodRemote(error.to_string())),
    };
    options.pod_remote.iter().filter(|remote| !remote.is_empty()).map(parse).collect()
}

impl Server {
    /// Loads pods, each as `larder pod load` does.
    pub async fn load_pods(&self, options: &PodOptions) -> Result<(), ServerError> {
        for pod in &options.load_pod {
            let wrong =
                |reason: &dyn std::fmt::Display| ServerError::LoadPod { pod: pod.clone(), reason: reason.to_string() };
            let location = Location::parse(pod).map_err(|error| wrong(&error))?;
            let local = location.bring(options.pods_dir.as_deref(), |_| {}).await.map_err(|error| wrong(&error))?;
            let file = File::open(local.path()).map_err(|error| wrong(&error))?;
            let trust = options.trust_pods;
            let query = LoadQuery { source: Some(location.source()), trust, ..LoadQuery::default() };
            let origin = Origin { request_id: "load-pod".into(), ..Origin::default() };
            let ledger = &self.ledger;
            let blobs = &self.services.blobs;
            let staging = &self.console.staging;
            let loaded = load_from(ledger, blobs, BufReader::new(file), staging, query, origin).await;
            loaded.map_err(|error| wrong(&error))?;
        }
        Ok(())
    }
}
