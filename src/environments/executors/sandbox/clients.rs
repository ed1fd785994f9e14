//! The runtime clients, written out and compiled for this machine's interpreters.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use super::languages::{Installation, Language};
use super::program::client_of;
use super::{SandboxExecutor, failed};
use crate::environments::executor::{Base, ExecutorError};
use crate::environments::runtime_clients;

impl SandboxExecutor {
    /// Writes the client that runs functions of `base`, where it is not there yet, and compiles it.
    pub(super) async fn furnish(&self, base: &Base) -> Result<(), ExecutorError> {
        let (language, installation) = self.installation(base)?;
        let Some(client) = client_of(language) else {
            return Ok(());
        };
        let folder =
            client.write(&self.clients).map_err(|error| failed("write", &client.folder(&self.clients), &error))?;
        if let (Language::Python(_), Some(python)) = (language, installation) {
            let mut parts = python.version.split('.').skip(1);
            let tag = format!("larder_runtime.cpython-3{}.pyc", parts.next().unwrap_or_default());
            if !is_newer(&folder.join("__pycache__").join(tag), &folder.join("larder_runtime.py")) {
                self.compile(&python, &folder).await;
            }
        }

        Ok(())
    }

    /// Compiles the Python client for one installation, so that no cold start has to.
    async fn compile(&self, python: &Installation, folder: &Path) {
        let modules = runtime_clients::PYTHON_MODULES.map(|name| folder.join(name));
        let mut command = Command::new(&python.program);
        command.args(["-I", "-S", "-m", "py_compile"]).args(modules);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // Without bytecode the client works too, some milliseconds slower.
        let _ = command.status().await;
    }
}

/// Whether `made` exists and is no older than what it was made from.
fn is_newer(made: &Path, source: &Path) -> bool {
    let time = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    matches!((time(made), time(source)), (Some(made), Some(source)) if made >= source)
}
