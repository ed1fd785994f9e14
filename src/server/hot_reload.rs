//! What hot reload has to know of the server.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
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
        roots: roots(&options.environments.hot_reload_root)?,
        data_dir: data_dir.to_owned(),
        // In a container, or where Larder is root, functions have a user of their own.
        other_user: is_docker || nix::unistd::geteuid().is_root(),
        out_of_reach: is_docker && options.containers.link_address.is_some(),
    };
    let hot_reload = HotReload::new(folders, &settings.run_dir);
    hot_reload.map(Arc::new).map_err(|source| ServerError::Io { path: settings.run_dir.clone(), source })
}

/// The folders that functions may run from: those that were given, else the one that the server was started in. One
/// that was started in / was started by a service manager, and means nothing by it.
fn roots(given: &[OsString]) -> Result<Vec<PathBuf>, ServerError> {
    let found = |path: &Path| {
        path.canonicalize().map_err(|source| ServerError::HotReloadRoot { path: path.to_owned(), source })
    };
    if given.is_empty() {
        let here = std::env::current_dir().ok().filter(|here| here.parent().is_some());
        // One that cannot be found is none: nobody asked for it.
        return Ok(here.and_then(|here| here.canonicalize().ok()).into_iter().collect());
    }

    given.iter().filter(|path| !path.is_empty()).map(|path| found(Path::new(path))).collect()
}
