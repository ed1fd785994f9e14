//! Why a ledger cannot be opened, read or written.

use std::path::{Path, PathBuf};

use super::FrameError;
use crate::disk;

/// Why a ledger cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The folder cannot be used.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The engine cannot read or write its files.
    #[error("the event store {}: {source}", path.display())]
    Engine {
        /// The store's folder.
        path: PathBuf,
        /// What the engine says.
        source: sled::Error,
    },
    /// The engine waits for ever over something, and so would all else that is asked of it.
    #[error("sled does not answer any more; there is an index again after the next start")]
    Unanswered,
    /// The store was written by a later Larder.
    #[error(
        "the store has schema {found}, but this larder knows schemas up to {known}; use the larder that wrote it, or a later one"
    )]
    NewerSchema {
        /// The store's.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// An event is not as it was written.
    #[error(
        "event {sequence} of the store is damaged: {source}. `larder verify` tells more, `larder recover` saves what is whole"
    )]
    DamagedEvent {
        /// Its place.
        sequence: u64,
        /// What is wrong with it.
        source: FrameError,
    },
    /// What was written of something under way cannot be read.
    #[error("an event of what is under way cannot be read: {source}")]
    DamagedRun {
        /// What is wrong with it.
        source: FrameError,
    },
    /// An event is not there.
    #[error(
        "the store has no event {expected} (the next one is {found}). `larder verify` tells more, `larder recover` saves what is whole"
    )]
    MissingEvent {
        /// The place that is empty.
        expected: u64,
        /// The next that is not.
        found: u64,
    },
    /// A point of history that has not come.
    #[error("there is no event {asked} yet: the newest is {newest}")]
    NotYet {
        /// Asked for.
        asked: u64,
        /// The newest there is.
        newest: u64,
    },
    /// A point of history that was dropped.
    #[error("history begins at event {begins}: what was before it was dropped by `larder compact`")]
    Compacted {
        /// Sequence of the oldest event.
        begins: u64,
    },
    /// A mark that is not there.
    #[error("there is no mark {0}; `larder marks` lists those there are")]
    NoMark(String),
    /// The journal is not as it was written.
    #[error(
        "the journal {} is damaged at byte {offset}, where event {sequence} should begin: {reason}. \
         `larder verify` shows all damage; `larder recover --to {}` saves what is before it", path.display(), sequence.saturating_sub(1)
    )]
    DamagedJournal {
        /// The segment.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// The event that is expected there.
        sequence: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// Events of the journal are gone.
    #[error(
        "the journal's segment {} is gone, and with it {}: {reason}. Nothing was changed; `larder recover` saves the \
         rest, and says what is missing", file.display(), range(*from, *to)
    )]
    LostEvents {
        /// The segment.
        file: PathBuf,
        /// The first event that is missing.
        from: u64,
        /// The last, where known.
        to: Option<u64>,
        /// Why they cannot be had from elsewhere.
        reason: String,
    },
    /// The file that is written has lost its name.
    #[error(
        "{} is gone, or another file has its place: the data dir was moved, removed or replaced while the server runs. \
         No change is taken; put it back as it was, or restart the server", path.display()
    )]
    Replaced {
        /// The journal's newest segment.
        path: PathBuf,
    },
    /// What was written does not hold what it should; what it was to replace is as it was.
    #[error("{what} was not done, as what it wrote is not what it should be: {problem}")]
    NotProven {
        /// What was to be done.
        what: &'static str,
        /// What is not right, or missing.
        problem: String,
    },
    /// The store's own description is not as it was written.
    #[error("the store's description is damaged: {0}")]
    DamagedMeta(&'static str),
}

impl LedgerError {
    /// Whether the journal is at fault, so that the engine may help.
    pub(super) fn is_the_journals(&self) -> bool {
        matches!(
            self,
            Self::DamagedJournal { .. }
                | Self::DamagedEvent { .. }
                | Self::MissingEvent { .. }
                | Self::LostEvents { .. }
        )
    }

    /// Whether the system said no (no room, no right, no handle, a disk that does not answer), which says nothing of
    /// what the files hold.
    pub(super) fn is_the_systems(&self) -> bool {
        match self {
            Self::Io { source, .. } | Self::Engine { source: sled::Error::Io(source), .. } => {
                disk::is_the_systems(source)
            }
            _ => false,
        }
    }

    /// Whether somebody still has the engine's files: its own threads let go of them a little after the store is closed.
    pub fn is_held(&self) -> bool {
        matches!(self, Self::Engine { .. }) && self.to_string().contains("could not acquire lock")
    }
}

fn range(from: u64, to: Option<u64>) -> String {
    match to {
        Some(to) if to == from => format!("event {from}"),
        Some(to) => format!("the events {from} to {to}"),
        None => format!("the events from {from} on"),
    }
}

/// Adds the path to an I/O error.
pub(super) fn io_error(path: &Path) -> impl FnOnce(std::io::Error) -> LedgerError {
    let path = path.to_owned();
    move |source| LedgerError::Io { path, source }
}
