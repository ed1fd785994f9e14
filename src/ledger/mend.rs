//! A journal that lost a segment, or of which bytes are no records, is made whole from the engine, which has the same
//! events: written anew beside it, proven, and put in its place. Where the engine does not have all of it, nothing is
//! changed and the refusal says what is missing.

use std::collections::HashSet;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::engine::Engine;
use super::journal::list::{self, Loss};
use super::journal::{self, Identity, Journal, Record, sealed, segment, switch};
use super::{Attachment, Durability, LedgerError, codec, proof, run_frame};
use crate::model::blob::BlobId;
use crate::runs::RunId;

/// Bytes of events or blobs that go into one record.
const RECORD: usize = 4 * 1024 * 1024;

/// What is wrong with the journal in `folder`, as far as a start has to know: segments that are lost, and damage in
/// the newest that is no torn write. `None`: nothing.
pub fn problem(folder: &Path) -> Result<Option<LedgerError>, LedgerError> {
    let losses = list::losses(folder)?;
    if let Some(loss) = losses.first() {
        return Ok(Some(loss.refusal("the index does not have them whole")));
    }
    let Some((_, path)) = journal::segments(folder)?.pop() else { return Ok(None) };
    match journal::records(&path).find_map(Result::err) {
        Some(error @ LedgerError::DamagedJournal { offset, sequence, .. }) => {
            let bytes = sealed::bytes_there_are(&path)?;
            let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
            let is_cut_short = !sealed::is_compressed(&path) && journal::is_cut_short(bytes.len());
            let is_torn =
                offset >= segment::HEADER && !is_cut_short && segment::last_behind(&bytes, offset, sequence).is_none();
            // A damaged header alone is written anew.
            let is_header = offset == 0 && !sealed::is_compressed(&path) && records_are_whole(&bytes);
            Ok((!is_torn && !is_header).then_some(error))
        }
        Some(error) => Err(error),
        None => Ok(None),
    }
}

fn records_are_whole(bytes: &[u8]) -> bool {
    let mut offset = segment::HEADER;
    loop {
        match segment::read(bytes, offset) {
            segment::Found::Record(_, after) => offset = after,
            segment::Found::End => return true,
            segment::Found::Damage(_) => return segment::last_behind(bytes, offset, 0).is_none(),
        }
    }
}

/// Writes the journal of `store` anew into `journal.new`, whole and proven, from what is whole of it and from the
/// engine; `problem` is why.
///
/// # Errors
/// The engine does not have what is missing: then nothing has changed.
pub fn write_anew(
    store: &Path,
    identity: &Identity,
    engine: &Engine,
    problem: &LedgerError,
) -> Result<(), LedgerError> {
    let folder = store.join("journal");
    tracing::warn!(%problem, "the journal is mended from the index");
    let segments = journal::segments(&folder)?;
    let is_newest_lost = list::losses(&folder)?.iter().any(|loss| loss.to.is_none());
    let is_cut_short = |path: &Path| {
        let length = path.metadata().map_or(0, |about| usize::try_from(about.len()).unwrap_or_default());
        !sealed::is_compressed(path) && journal::is_cut_short(length)
    };
    let is_end_lost = is_newest_lost || segments.last().is_some_and(|(_, path)| is_cut_short(path));
    if is_end_lost && !engine.is_complete()? {
        let reason = "the index may not have the last of them, as it was not closed in good order";
        return Err(with_reason(problem, reason));
    }
    let new = switch::new_folder(store)?;
    let written = Anew::new(&new, identity, engine, &segments, problem)?.write(&segments)?;
    let proven = proof::prove(&new, written, || true)?;
    let missing = proven.missing(|id| proof::blob_file(store, id).is_file());
    if !missing.is_empty() {
        return Err(with_reason(problem, &format!("the blobs {} are gone with them", proof::named(&missing))));
    }
    Ok(())
}

/// The problem, and why it cannot be mended.
fn with_reason(problem: &LedgerError, why: &str) -> LedgerError {
    match problem {
        LedgerError::LostEvents { file, from, to, .. } => {
            Loss { file: file.clone(), from: *from, to: *to }.refusal(why)
        }
        LedgerError::DamagedJournal { path, offset, sequence, reason } => {
            tracing::error!(%problem, why, "the journal cannot be mended from the index");
            LedgerError::DamagedJournal { path: path.clone(), offset: *offset, sequence: *sequence, reason }
        }
        other => LedgerError::NotProven { what: "mending the journal", problem: format!("{other}; {why}") },
    }
}

/// A journal that is being written from two sources.
struct Anew<'a> {
    journal: Journal,
    engine: &'a Engine,
    problem: &'a LedgerError,
    next: u64,
    seen: HashSet<BlobId>,
    /// What is under way that it has the beginning, or the end, of.
    runs: HashSet<RunId>,
    /// Sequence of the newest of those events.
    newest_run: u64,
}

impl<'a> Anew<'a> {
    fn new(
        folder: &Path,
        identity: &Identity,
        engine: &'a Engine,
        segments: &[journal::Segment],
        problem: &'a LedgerError,
    ) -> Result<Self, LedgerError> {
        let begins = match segments.first() {
            Some((name, path)) if name.first == 1 || journal::begins_by_compaction(path)? == Some(true) => name.first,
            _ => engine.first()?.unwrap_or(1),
        };
        // Synced as a whole, at the end.
        let whenever = Durability::Interval(std::time::Duration::MAX);
        let journal = Journal::open(folder, whenever, identity.clone(), begins)?;
        Ok(Self { journal, engine, problem, next: begins, seen: HashSet::new(), runs: HashSet::new(), newest_run: 0 })
    }

    /// Writes everything; returns the newest event.
    fn write(mut self, segments: &[journal::Segment]) -> Result<u64, LedgerError> {
        for segment in segments {
            for (_, record) in journal::whole_records(segment)? {
                self.take(record)?;
            }
        }

        let last = self.engine.last()?;
        self.fill(last)?;
        for blob in self.engine.all_blobs() {
            let (id, bytes) = blob?;
            // One that the engine garbled must not get a checksum that fits.
            if Sha256::digest(&bytes)[..] == id.0 {
                self.blobs(vec![(id, bytes)])?;
            }
        }

        self.lost_runs()?;
        self.journal.sync()?;
        Ok(self.journal.last())
    }

    /// Takes what is under way of which nothing was found: its beginning lay in what is lost.
    ///
    /// # Errors
    /// The engine did not come to the newest of it: it may lack what is lost, too.
    fn lost_runs(&mut self) -> Result<(), LedgerError> {
        if self.engine.newest_run()? < self.newest_run {
            return Err(with_reason(self.problem, "the index does not have all that is under way"));
        }
        for frame in self.engine.all_begins() {
            let frame = frame?;
            let (head, _) = run_frame::read(&frame).map_err(|source| LedgerError::DamagedRun { source })?;
            if self.runs.insert(head.id) {
                self.journal.append(&Record { runs: vec![frame], ..Record::default() })?;
            }
        }

        Ok(())
    }

    /// Takes a record, and what is missing before it from the engine.
    fn take(&mut self, mut record: Record) -> Result<(), LedgerError> {
        if record.first > self.next {
            self.fill(record.first - 1)?;
        }
        record.leave_out_before(self.next);
        self.next += record.frames.len() as u64;
        self.blobs(std::mem::take(&mut record.blobs))?;

        for frame in &record.runs {
            let (head, _) = run_frame::read(frame).map_err(|source| LedgerError::DamagedRun { source })?;
            if head.is_fate() {
                self.runs.insert(head.id);
            }
            self.newest_run = self.newest_run.max(head.sequence);
        }

        self.journal.append(&record).map(drop)
    }

    fn blobs(&mut self, blobs: Vec<Attachment>) -> Result<(), LedgerError> {
        let new: Vec<_> = blobs.into_iter().filter(|(id, _)| self.seen.insert(*id)).collect();
        self.journal.append_blobs(new)
    }

    /// Takes the events up to `last` from the engine.
    fn fill(&mut self, last: u64) -> Result<(), LedgerError> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        for (expected, entry) in (self.next..=last).zip(self.engine.frames_from(self.next)) {
            let (found, frame) = entry?;
            if found != expected {
                break;
            }
            codec::decode(found, &frame)
                .map_err(|_| with_reason(self.problem, &format!("event {found} is damaged in the index too")))?;
            bytes += frame.len();
            batch.push((found, frame));
            self.next += 1;
            if bytes >= RECORD {
                self.journal.append(&Record::of_events(std::mem::take(&mut batch)))?;
                bytes = 0;
            }
        }

        self.journal.append(&Record::of_events(batch))?;
        if self.next <= last {
            let why = format!("the index has no event {}", self.next);
            return Err(with_reason(self.problem, &why));
        }

        Ok(())
    }
}
