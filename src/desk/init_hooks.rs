//! Scripts that a user has run when the server starts, is ready and ends, as `LocalStack` runs them: those in the folders
//! `boot.d`, `start.d`, `ready.d` and `shutdown.d`, one after the other in the order of their names.
//!
//! Source: <https://docs.localstack.cloud/references/init-hooks/>

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::process::Command;

/// Folders below one of a stage that are looked into.
const DEPTH: usize = 8;

/// Credentials and region of scripts that have none of their own.
const DEFAULTS: [(&str, &str); 3] =
    [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_DEFAULT_REGION", "us-east-1")];

/// When scripts run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Stage {
    /// Before the store is opened.
    Boot,
    /// Before calls are taken.
    Start,
    /// When calls are taken.
    Ready,
    /// Before the server ends.
    Shutdown,
}

impl Stage {
    /// All, in their order.
    pub const ALL: [Self; 4] = [Self::Boot, Self::Start, Self::Ready, Self::Shutdown];

    /// The stage of a name, in small or large letters.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name().eq_ignore_ascii_case(name))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::Start => "start",
            Self::Ready => "ready",
            Self::Shutdown => "shutdown",
        }
    }
}

/// How a script goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ScriptState {
    /// It has not begun.
    Unknown,
    /// It runs.
    Running,
    /// It ended well.
    Successful,
    /// It failed, or could not be run.
    Error,
}

/// A script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Script {
    /// When it runs.
    pub stage: Stage,
    /// Its name in the stage's folder.
    pub name: String,
    /// How it goes.
    pub state: ScriptState,
}

/// What has run, and what shall.
#[derive(Debug, Default)]
pub struct InitHooks {
    progress: Mutex<Progress>,
    is_ready: AtomicBool,
}

#[derive(Debug, Default)]
struct Progress {
    scripts: Vec<(Script, PathBuf)>,
    completed: Vec<Stage>,
}

impl InitHooks {
    /// Those of some folders. What is not there is no error.
    pub fn new(folders: &[PathBuf]) -> Self {
        let mut scripts = Vec::new();
        for stage in Stage::ALL {
            for folder in folders.iter().map(|folder| folder.join(format!("{}.d", stage.name()))) {
                let found = found(&folder).into_iter().map(|path| {
                    let name = path.strip_prefix(&folder).unwrap_or(&path).to_string_lossy().into_owned();
                    (Script { stage, name, state: ScriptState::Unknown }, path)
                });
                scripts.extend(found);
            }
        }
        let progress = Mutex::new(Progress { scripts, completed: Vec::new() });
        Self { progress, is_ready: AtomicBool::new(false) }
    }

    /// Runs the scripts of a stage against the server at `endpoint`; one that fails is told, and the next one runs.
    pub async fn run(&self, stage: Stage, endpoint: &str) {
        let scripts: Vec<_> = {
            let progress = self.progress();
            let of_stage = progress.scripts.iter().enumerate().filter(|(_, (script, _))| script.stage == stage);
            of_stage.map(|(index, (_, path))| (index, path.clone())).collect()
        };
        for (index, path) in scripts {
            self.progress().scripts[index].0.state = ScriptState::Running;
            let ended = match run(&path, endpoint).await {
                Ok(()) => ScriptState::Successful,
                Err(reason) => {
                    tracing::error!("the init script {} failed: {reason}", path.display());
                    ScriptState::Error
                }
            };
            self.progress().scripts[index].0.state = ended;
        }
        self.progress().completed.push(stage);
    }

    /// The server may be used.
    pub fn set_ready(&self) {
        self.is_ready.store(true, Ordering::Release);
    }

    /// Whether it may.
    pub fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }

    /// The scripts, how they go, and whether a stage is done.
    pub fn progress_of(&self, stages: &[Stage]) -> (Vec<(Stage, bool)>, Vec<Script>) {
        let progress = self.progress();
        let completed = stages.iter().map(|stage| (*stage, progress.completed.contains(stage))).collect();
        let scripts = progress.scripts.iter().map(|(script, _)| script);
        (completed, scripts.filter(|script| stages.contains(&script.stage)).cloned().collect())
    }

    /// How many scripts failed.
    pub fn failed(&self) -> usize {
        self.progress().scripts.iter().filter(|(script, _)| script.state == ScriptState::Error).count()
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The scripts in a folder and those below it, in the order of their names.
fn found(folder: &Path) -> Vec<PathBuf> {
    let mut scripts = Vec::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok);
        for path in entries.map(|entry| entry.path()) {
            if path.is_dir() && depth < DEPTH {
                folders.push((path, depth + 1));
            } else if program(&path).is_some() {
                scripts.push(path);
            }
        }
    }
    scripts.sort();
    scripts
}

/// What runs a script; `None` for what is none.
fn program(path: &Path) -> Option<&'static str> {
    match path.extension().and_then(OsStr::to_str)? {
        "sh" => Some("bash"),
        "py" => Some("python3"),
        _ => None,
    }
}

/// Runs a script to its end, with the server as its AWS. What it writes goes to the server's log.
async fn run(path: &Path, endpoint: &str) -> Result<(), String> {
    let program = program(path).ok_or("it is neither a shell script nor Python")?;
    let mut command = Command::new(program);
    command.arg(path).env("AWS_ENDPOINT_URL", endpoint).env("LARDER_ENDPOINT", endpoint);
    for (name, value) in DEFAULTS.into_iter().filter(|(name, _)| std::env::var_os(name).is_none()) {
        command.env(name, value);
    }
    let ran = command.stdin(Stdio::null()).stdout(Stdio::from(io::stderr())).kill_on_drop(true).status().await;
    match ran {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(status.to_string()),
        Err(error) => Err(format!("{program} cannot be run: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn scripts_run_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let ready = folder.path().join("ready.d");
        std::fs::create_dir_all(ready.join("more")).expect("made");
        let log = folder.path().join("log");
        let write = |name: &str, text: String| std::fs::write(ready.join(name), text).expect("written");
        write("b.sh", format!("echo b $AWS_ENDPOINT_URL >> {}", log.display()));
        write("a.py", format!("open({:?}, 'a').write('a\\n')", log.display().to_string()));
        write("c.sh", "exit 3".into());
        write("more/d.sh", format!("echo d >> {}", log.display()));
        write("readme.txt", "no script".into());

        let hooks = InitHooks::new(&[folder.path().to_owned(), folder.path().join("none")]);
        hooks.run(Stage::Boot, "").await;
        hooks.run(Stage::Ready, "http://x").await;
        assert_eq!(std::fs::read_to_string(&log).expect("a log"), "a\nb http://x\nd\n");
        let (completed, scripts) = hooks.progress_of(&[Stage::Ready, Stage::Shutdown]);
        assert_eq!(completed, [(Stage::Ready, true), (Stage::Shutdown, false)]);
        let states: Vec<_> = scripts.iter().map(|script| (script.name.as_str(), script.state)).collect();
        let well = ScriptState::Successful;
        assert_eq!(states, [("a.py", well), ("b.sh", well), ("c.sh", ScriptState::Error), ("more/d.sh", well)]);
        assert_eq!(hooks.failed(), 1);
    }
}
