//! What hot reload has to know of the server.

use std::path::Path;
use std::sync::Arc;

use super::ServerError;
use crate::config::ServeOptions;
use crate::environments::Settings;
use crate::environments::executor::Executor;
use crate::environments::hot_reload::{Folders, HotReload};

/// Hot reload under the options, for functions that `executor` runs.
pub fn open(
    options: &ServeOptions,
    settings: &Settings,
    executor: &dyn Executor,
    data_dir: &Path,
) -> Result<Arc<HotReload>, ServerError> {
    let is_docker = executor.name() == "docker";
    let folders = Folders {
        bucket: options.environments.hot_reload_bucket.clone(),
        data_dir: data_dir.to_owned(),
        // In a container, or where Larder is root, functions have a user of their own.
        other_user: is_docker || nix::unistd::geteuid().is_root(),
        out_of_reach: is_docker && options.containers.link_address.is_some(),
    };
    let hot_reload = HotReload::new(folders, &settings.run_dir);
    hot_reload.map(Arc::new).map_err(|source| ServerError::Io { path: settings.run_dir.clone(), source })
}
