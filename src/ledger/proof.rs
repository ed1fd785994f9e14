//! What the files of a journal give, read again from the disk: before anything is removed that could tell otherwise.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::journal::{self, Record};
use super::{LedgerError, codec};
use crate::model::blob::BlobId;
use crate::model::event::Event;
use crate::model::history::event::HistoryEvent;
use crate::model::state::State;
use crate::model::uses::BlobUses;
use crate::runs::state::Runs;

/// What a whole journal gives.
#[derive(Debug, Default)]
pub struct Proven {
    /// Sequence of the oldest event; 0 if there is none.
    pub begins: u64,
    /// The state after the newest event.
    pub state: State,
    /// What is under way.
    pub runs: Runs,
    /// The blobs that the events need.
    pub uses: BlobUses,
    /// The blobs that lie in the journal, each as its name says.
    pub small: HashSet<BlobId>,
}

/// Reads the journal in `folder` up to the event `last`, every record, event and blob of it. `go_on` is asked between
/// records.
///
/// # Errors
/// Something is damaged or missing, or it ends before `last`.
pub fn prove(folder: &Path, last: u64, go_on: impl Fn() -> bool) -> Result<Proven, LedgerError> {
    let mut proven = Proven::default();
    for (path, record) in journal::scan(folder)? {
        if !go_on() {
            return Err(LedgerError::DamagedMeta("the store is being closed"));
        }
        // Behind it somebody may be writing.
        if proven.state.sequence >= last && last > 0 && record.is_err() {
            break;
        }
        proven.take(&path, &record?, last)?;
    }

    if proven.state.sequence < last {
        return Err(LedgerError::MissingEvent { expected: proven.state.sequence + 1, found: last + 1 });
    }
    Ok(proven)
}

impl Proven {
    fn take(&mut self, path: &Path, record: &Record, last: u64) -> Result<(), LedgerError> {
        for (id, bytes) in &record.blobs {
            if Sha256::digest(bytes)[..] != id.0 {
                let problem = format!("{}: blob {id} is damaged", path.display());
                return Err(LedgerError::NotProven { what: "reading the journal", problem });
            }
            self.small.insert(*id);
        }

        for frame in &record.runs {
            let (sequence, event) = codec::decode_run(frame).map_err(|source| LedgerError::DamagedRun { source })?;
            self.runs.apply(sequence, &event);
        }

        for (sequence, frame) in (record.first..).zip(&record.frames).take_while(|(sequence, _)| *sequence <= last) {
            let recorded =
                codec::decode(sequence, frame).map_err(|source| LedgerError::DamagedEvent { sequence, source })?;
            if self.begins == 0 {
                let stands_in = matches!(recorded.event, Event::History(HistoryEvent::HistoryCompacted { .. }));
                if sequence > 1 && !stands_in {
                    return Err(LedgerError::MissingEvent { expected: 1, found: sequence });
                }
                self.begins = sequence;
            } else if sequence != self.state.sequence + 1 {
                return Err(LedgerError::MissingEvent { expected: self.state.sequence + 1, found: sequence });
            }
            self.uses.add_event(&recorded.event);
            self.state.sequence = sequence - 1;
            self.state.apply(&recorded.event);
        }

        Ok(())
    }

    /// The needed blobs that are neither in the journal nor files of the data dir that `store` is in, by `has_file`.
    pub fn missing(&self, mut has_file: impl FnMut(&BlobId) -> bool) -> Vec<BlobId> {
        self.uses.blobs.iter().filter(|id| !self.small.contains(id) && !has_file(id)).copied().collect()
    }
}

/// The file of a large blob, beside the store in the folder `store`.
pub fn blob_file(store: &Path, id: &BlobId) -> PathBuf {
    store.parent().unwrap_or(Path::new(".")).join("blobs").join("sha256").join(id.hex())
}

/// Some blobs for the eye.
pub fn named(ids: &[BlobId]) -> String {
    let shown: Vec<_> = ids.iter().take(3).map(ToString::to_string).collect();
    let more = ids.len().saturating_sub(shown.len());
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{rest}", shown.join(", "))
}
