//! A server in the background, one for each data dir: `larder start -d`, `stop`, `status`, `wait`, `logs --server`. It is found by its socket
//! in the data dir, so that nothing has to be noted, and nothing can be out of date.

pub mod log;
pub mod start;
pub mod status;
pub mod stop;
pub mod wait;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::error::{CliError, Kind};
use super::target::Client;

/// How often is looked whether something has come about.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Whose server.
#[derive(Debug, Clone, Args)]
pub struct DataDirOptions {
    /// Data dir of the server
    #[arg(long, env = "LARDER_DATA_DIR", default_value = "./.larder", value_name = "DIR")]
    pub data_dir: PathBuf,
}

/// The log of a server in the background.
fn log_file(data_dir: &Path) -> PathBuf {
    data_dir.join("server.log")
}

/// What the server of a data dir says of itself; `None` where none answers.
async fn health(data_dir: &Path) -> Option<Value> {
    Client::of_data_dir(data_dir).ok()?.get("/_larder/health", &[]).await.ok()
}

fn none_runs(data_dir: &Path) -> CliError {
    let message = format!("no server has the data dir {}: `larder start -d` starts one", data_dir.display());
    CliError::new(Kind::Unreachable, message)
}

/// Waits until a server is ready, as long as `patience`; what it says of itself then. `going` says whether it may still become
/// ready.
async fn ready(
    data_dir: &Path,
    patience: Duration,
    mut going: impl FnMut() -> Result<(), CliError>,
) -> Result<Value, CliError> {
    let waited = async {
        loop {
            match health(data_dir).await {
                Some(health) if health["ready"] == true => return Ok(health),
                _ => going()?,
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(patience, waited).await.unwrap_or_else(|_| {
        let message = format!("the server of {} was not ready within {} s", data_dir.display(), patience.as_secs());
        Err(CliError::new(Kind::TimedOut, message))
    })
}
