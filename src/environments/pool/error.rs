//! Why no environment ran an invocation.

use std::fmt;
use std::time::Duration;

use crate::blobs::BlobError;
use crate::environments::executor::ExecutorError;
use crate::environments::hot_reload::FolderError;

/// Why an invocation could not be run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// As many environments are busy as the account allows.
    #[error("all {0} environments are busy")]
    Throttled(u32),
    /// As many environments are busy as are reserved for the function.
    #[error("all {0} environments reserved for the function are busy")]
    Reserved(u32),
    /// All that `--max-environments` and `--max-memory` allow are busy, and stayed so.
    #[error("no room for an environment with {0} MB within --max-environments and --max-memory")]
    OverBudget(u32),
    /// No environment could be made.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// The code cannot be had.
    #[error(transparent)]
    Code(#[from] BlobError),
    /// A hot-reload folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The new environment was not there in time.
    #[error("a new environment was not there within {} s: {step}", limit.as_secs())]
    StartTimeout {
        /// How long it was waited for.
        limit: Duration,
        /// What was not done yet.
        step: Step,
    },
    /// New environments kept ending before they dialled.
    #[error("new environments ended before they answered")]
    EndedEarly,
    /// Environments kept ending before they took the event.
    #[error("no environment took the event")]
    Undelivered,
    /// The server is shutting down.
    #[error("the server is shutting down")]
    Closing,
}

/// Why no provisioned environment was had.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// Its init phase failed.
    #[error("the init phase failed: {0}")]
    Init(String),
    /// It could not be made.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// What is being done for a new environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Step {
    /// What environments of its kind share: the image.
    #[default]
    Preparing,
    /// Its code and layers.
    Unpacking,
    /// The executor starts it.
    Starting,
    /// Its init has to say that it is there.
    Dialling,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Preparing => "its image is not ready yet",
            Self::Unpacking => "its code is not unpacked yet",
            Self::Starting => "the executor does not say that it started",
            Self::Dialling => "it started, and its init does not answer",
        })
    }
}
