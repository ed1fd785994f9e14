//! Why a subcommand failed, in kinds that scripts can tell apart by the exit code.

use std::path::Path;
use std::{fmt, io};

use crate::desk::history::HistoryError;
use crate::desk::invocations::InvocationsError;
use crate::desk::queue::QueueError;
use crate::front::ListenError;
use crate::ledger::time_travel::RewindError;
use crate::ledger::{CommitError, LedgerError};
use crate::server::ServerError;

/// What the caller has to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What was given, or the machine, does not allow it.
    Unusable,
    /// No server answers.
    Unreachable,
    /// What was named is not there.
    NotFound,
    /// The server, or the state, does not allow it.
    Refused,
    /// A store or a pod is damaged, or a part of it is lost.
    Damaged,
    /// Somebody else has the data dir or the port.
    InUse,
    /// The time that was given was up.
    TimedOut,
    /// SIGINT or SIGTERM came.
    Interrupted,
}

/// Exit codes, for `larder --help`. What is no failure of the command, but found by it, is 1.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  `larder verify` found damage; an invocation that was run again did not go as it went; `larder diff --exit-code`
     found a difference; a function that `larder invoke` ran failed
  2  what was given, or this machine, does not allow it
  3  no server answers, or what answers is no Larder
  4  what was named is not there
  5  the server refused
  6  a store or a pod is damaged
  7  somebody else has the data dir or the port
  8  the time of --timeout was up
  130  it was interrupted, and has put away what it had begun";

impl Kind {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Unusable => 2,
            Self::Unreachable => 3,
            Self::NotFound => 4,
            Self::Refused => 5,
            Self::Damaged => 6,
            Self::InUse => 7,
            Self::TimedOut => 8,
            // As shells have it of SIGINT; `git bisect run` ends where it gets more than 127.
            Self::Interrupted => 130,
        }
    }

    /// The kind of a process of ours that ended with an exit code.
    pub fn of_exit(code: Option<i32>) -> Self {
        let kinds = [Self::Unreachable, Self::NotFound, Self::Refused, Self::Damaged, Self::InUse, Self::TimedOut];
        kinds.into_iter().find(|kind| Some(i32::from(kind.code())) == code).unwrap_or(Self::Unusable)
    }

    /// The kind of what a server answers with a status.
    pub fn of_status(status: u16) -> Self {
        match status {
            404 => Self::NotFound,
            400..500 => Self::Refused,
            _ => Self::Unusable,
        }
    }
}

/// Why a subcommand failed: what, why, and what to do.
#[derive(Debug)]
pub struct CliError {
    /// Its kind.
    pub kind: Kind,
    message: String,
}

impl CliError {
    /// An error of a kind.
    pub fn new(kind: Kind, message: impl fmt::Display) -> Self {
        Self { kind, message: message.to_string() }
    }
}

/// The error for a folder that holds no store.
pub fn no_data_dir(folder: &Path) -> CliError {
    let message = format!("{} is no data dir of larder: it has no folder `store`", folder.display());
    CliError::new(Kind::NotFound, message)
}

/// The error for a file that cannot be read.
pub fn not_read(path: &Path, error: &io::Error) -> CliError {
    let kind = if error.kind() == io::ErrorKind::NotFound { Kind::NotFound } else { Kind::Unusable };
    CliError::new(kind, format!("{}: {error}", path.display()))
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<serde_json::Error> for CliError {
    fn from(error: serde_json::Error) -> Self {
        format!("the answer is not as this version expects it: {error}").into()
    }
}

impl From<String> for CliError {
    fn from(message: String) -> Self {
        Self { kind: Kind::Unusable, message }
    }
}

impl From<LedgerError> for CliError {
    fn from(error: LedgerError) -> Self {
        let kind = match &error {
            LedgerError::DamagedJournal { .. }
            | LedgerError::DamagedEvent { .. }
            | LedgerError::DamagedRun { .. }
            | LedgerError::DamagedMeta(_)
            | LedgerError::MissingEvent { .. }
            | LedgerError::LostEvents { .. } => Kind::Damaged,
            LedgerError::NotYet { .. } | LedgerError::Compacted { .. } | LedgerError::NoMark(_) => Kind::NotFound,
            error if error.is_held() => Kind::InUse,
            _ => Kind::Unusable,
        };
        Self::new(kind, error)
    }
}

impl From<HistoryError> for CliError {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Ledger(error) | HistoryError::Rewind(RewindError::Point(error)) => error.into(),
            HistoryError::Rewind(RewindError::NoResource(_) | RewindError::Commit(CommitError::Refused(_))) => {
                Self::new(Kind::NotFound, error)
            }
            HistoryError::Invalid(_) | HistoryError::Json(_) | HistoryError::Rewind(_) => {
                Self::new(Kind::Unusable, error)
            }
        }
    }
}

impl From<QueueError> for CliError {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Ledger(error) => error.into(),
            QueueError::NoFunction(_) | QueueError::NoEvent(_) => Self::new(Kind::NotFound, error),
            QueueError::Runs(_) => Self::new(Kind::Refused, error),
            QueueError::Invalid(_) | QueueError::Commit(_) => Self::new(Kind::Unusable, error),
        }
    }
}

impl From<InvocationsError> for CliError {
    fn from(error: InvocationsError) -> Self {
        match error {
            InvocationsError::Ledger(error) => error.into(),
            InvocationsError::Unknown(_) => Self::new(Kind::NotFound, error),
            InvocationsError::Invalid(_) => Self::new(Kind::Unusable, error),
        }
    }
}

impl From<ServerError> for CliError {
    fn from(error: ServerError) -> Self {
        match error {
            ServerError::Ledger(error) => error.into(),
            ServerError::InUse(_) => Self::new(Kind::InUse, error),
            error => Self::new(Kind::Unusable, error),
        }
    }
}

impl From<ListenError> for CliError {
    fn from(error: ListenError) -> Self {
        Self::new(if error.is_in_use() { Kind::InUse } else { Kind::Unusable }, error)
    }
}
