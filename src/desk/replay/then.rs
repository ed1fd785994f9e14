//! Recorded invocations run again as they were then, for a server that goes on meanwhile: `larder replay` does it as a
//! process of its own, which has another server with the state of then.

use std::path::Path;
use std::process::{Output, Stdio};

use serde::{Deserialize, Serialize};
use tokio::process::Command;
use tokio::sync::Semaphore;

use super::{ReplayError, Replayed};
use crate::invoke::record::Record;

/// One at a time: each is a server with environments of its own.
static TURN: Semaphore = Semaphore::const_new(1);

/// Lines of what the command said that tell why it failed.
const LINES: usize = 5;

/// What is to be run again as it was then.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThenRequest {
    /// Request id of an invocation that this server remembers.
    pub request_id: String,
    /// Whether those before it in its environment are run first.
    #[serde(default)]
    pub environment: bool,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Then {
    /// Both invocations.
    #[serde(flatten)]
    pub replayed: Replayed,
    /// Whether it went as it went then.
    pub same: bool,
}

/// An invocation as `larder replay --json` tells of it.
#[derive(Debug, Deserialize)]
struct Told {
    same: bool,
    calls_left: usize,
    replayed: Record,
}

/// Runs an invocation again in the state of then, and waits for its end. A caller that goes away ends it.
///
/// # Errors
/// It cannot be run.
pub async fn replay(data_dir: &Path, recorded: Record, with_environment: bool) -> Result<Then, ReplayError> {
    let problem = |error: std::io::Error| ReplayError::Then(format!("larder itself cannot be started: {error}"));
    let _turn = TURN.acquire().await.map_err(|error| ReplayError::Then(error.to_string()))?;
    let mut command = Command::new(std::env::current_exe().map_err(problem)?);
    command.args(["replay", "--at", "then", "--json", "--data-dir"]).arg(data_dir);
    if with_environment {
        command.arg("--environment");
    }
    // What leads a person's commands to some server must not lead this one elsewhere.
    command.env_remove("LARDER_ENDPOINT").env_remove("LARDER_TOKEN");
    command.arg("--").arg(&recorded.request_id).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.map_err(problem)?;

    let Told { same, calls_left, replayed } = told(&output)?;
    Ok(Then { replayed: Replayed { recorded, replayed, calls_left }, same })
}

/// The invocation that was meant: the last of those that were run.
fn told(output: &Output) -> Result<Told, ReplayError> {
    let told = serde_json::from_slice::<Vec<Told>>(&output.stdout).ok().and_then(|mut all| all.pop());
    told.ok_or_else(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = said.trim().lines().collect();
        ReplayError::Then(lines[lines.len().saturating_sub(LINES)..].join("\n"))
    })
}
