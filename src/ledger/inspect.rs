//! A store looked at from outside: its raw files, without opening it and without changing it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::frame::FrameError;
use super::journal::{self, Record, list};
use super::{LedgerError, checkpoint, codec};
use crate::model::blob::BlobId;
use crate::model::event::Event;
use crate::model::history::event::HistoryEvent;
use crate::model::state::State;
use crate::model::uses::BlobUses;
use crate::runs::state::Runs;

/// Something that is not as it was written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Damage {
    /// The file.
    pub file: PathBuf,
    /// The byte of it, where known.
    pub offset: Option<u64>,
    /// The event it is about, where known.
    pub sequence: Option<u64>,
    /// What is wrong, and what was expected.
    pub problem: String,
}

/// What a store's files say.
#[derive(Debug, Default)]
pub struct Inspected {
    /// Sequence of the oldest event; 0 if there is none.
    pub begins: u64,
    /// Sequence of the newest whole event before any damage.
    pub last: u64,
    /// Records of the journal.
    pub records: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// Checkpoints that an older or later build wrote: skipped at a start, no damage.
    pub other_checkpoints: u64,
    /// The state after `last`.
    pub state: State,
    /// What is under way.
    pub runs: Runs,
    /// The blobs that the events refer to.
    pub uses: BlobUses,
    /// The blobs that lie in the journal.
    pub small: HashSet<BlobId>,
    /// What is damaged.
    pub damage: Vec<Damage>,
}

/// The journal's folder; after a compaction that was cut short it may have its other name.
pub(super) fn journal_folder(store: &Path) -> PathBuf {
    let folder = store.join("journal");
    let old = store.join("journal.old");
    if !folder.is_dir() && old.is_dir() { old } else { folder }
}

/// Looks at the store in the folder `store`, at events up to `until`; `deep` compares the checkpoints with the
/// events too, and the blobs in the journal with their names. `seen` hears the sequence of each record.
///
/// # Errors
/// The files cannot be read at all; damage is no error.
pub fn inspect(store: &Path, until: u64, deep: bool, mut seen: impl FnMut(u64)) -> Result<Inspected, LedgerError> {
    let mut found = Inspected::default();
    let mut checkpoints = checkpoints(store, &mut found)?;
    if !deep {
        checkpoints.clear();
    }
    let folder = journal_folder(store);

    if !folder.is_dir() {
        found.report(&folder, None, "there is no journal; a start makes it anew from the engine, if that is whole");
        return Ok(found);
    }

    if until == u64::MAX {
        let lost = list::losses(&folder)?;
        found.damage.extend(lost.iter().map(|loss| place(&loss.file, &loss.refusal("nothing is there"))));
    }

    for (path, record) in journal::scan(&folder)? {
        match record {
            // The server is writing there.
            Err(_) if found.last >= until => break,
            Ok(record) => {
                found.take(&path, &record, until, deep, &checkpoints);
                seen(found.last);
            }
            Err(error) => found.damage.push(place(&path, &error)),
        }
    }

    found.expect_sequences(&checkpoints);
    Ok(found)
}

type Checkpoints = Vec<(u64, PathBuf, State)>;

fn checkpoints(store: &Path, found: &mut Inspected) -> Result<Checkpoints, LedgerError> {
    let mut whole = Vec::new();
    for (sequence, path, state) in checkpoint::scan::<State>(&store.join("checkpoints"))? {
        found.checkpoints += 1;
        match state {
            Ok(state) if state.sequence == sequence => whole.push((sequence, path, state)),
            Ok(state) => {
                let problem = format!("it is of event {}, its name says {sequence}", state.sequence);
                found.report(&path, Some(sequence), &problem);
            }
            Err(FrameError::UnknownVersion { .. }) => found.other_checkpoints += 1,
            Err(error) => found.report(&path, Some(sequence), &error.to_string()),
        }
    }

    Ok(whole)
}

pub(super) fn place(path: &Path, error: &LedgerError) -> Damage {
    let (offset, sequence, problem) = match error {
        LedgerError::DamagedJournal { offset, sequence, reason, .. } => {
            (Some(*offset), Some(*sequence), (*reason).to_owned())
        }
        LedgerError::LostEvents { from, .. } => (None, Some(*from), "the segment is gone".to_owned()),
        other => (None, None, other.to_string()),
    };
    Damage { file: path.to_owned(), offset, sequence, problem }
}

impl Inspected {
    fn report(&mut self, file: &Path, sequence: Option<u64>, problem: &str) {
        self.damage.push(Damage { file: file.to_owned(), offset: None, sequence, problem: problem.to_owned() });
    }

    fn take(&mut self, path: &Path, record: &Record, until: u64, deep: bool, checkpoints: &Checkpoints) {
        self.records += 1;
        for (id, bytes) in &record.blobs {
            self.small.insert(*id);
            if deep && Sha256::digest(bytes)[..] != id.0 {
                self.report(path, Some(record.first), &format!("blob {id} in the record of this event is damaged"));
            }
        }

        for frame in &record.runs {
            match codec::decode_run(frame) {
                Ok((sequence, event)) => self.runs.apply(sequence, &event),
                Err(error) => {
                    self.report(path, Some(record.first), &format!("what is under way before this event: {error}"));
                }
            }
        }

        for (sequence, frame) in (record.first..).zip(&record.frames) {
            if sequence > until {
                return;
            }
            self.take_event(path, sequence, frame);
            for (_, file, state) in checkpoints.iter().filter(|(at, ..)| *at == sequence) {
                if *state != self.state {
                    self.report(file, Some(sequence), "it is not the state that the events up to it make");
                }
            }
        }
    }

    fn take_event(&mut self, path: &Path, sequence: u64, frame: &[u8]) {
        let expected = self.last + 1;
        if self.begins != 0 && sequence != expected {
            self.report(path, Some(sequence), &format!("event {expected} was expected here"));
        }
        let recorded = match codec::decode(sequence, frame) {
            Ok(recorded) => recorded,
            Err(error) => return self.report(path, Some(sequence), &error.to_string()),
        };
        if self.begins == 0 {
            self.begins = sequence;
            let stands_in = matches!(recorded.event, Event::History(HistoryEvent::HistoryCompacted { .. }));
            if sequence > 1 && !stands_in {
                self.report(path, Some(sequence), "event 1 was expected here, or one that stands for all before it");
            }
        }

        self.uses.add_event(&recorded.event);
        self.state.sequence = sequence - 1;
        self.state.apply(&recorded.event);
        self.last = sequence;
    }

    /// A checkpoint of an event that the journal does not have says that events are gone.
    fn expect_sequences(&mut self, checkpoints: &Checkpoints) {
        let last = self.last;
        for (sequence, path, _) in checkpoints.iter().filter(|(at, ..)| *at > last) {
            self.report(path, Some(*sequence), &format!("the journal ends at event {last}, before this checkpoint"));
        }
    }
}
