//! What was under way and is done leaves the sealed segments: what began it, and what ended it. Segments are cleaned from
//! the oldest on, so that no end goes before its beginning, which a replay would take for something that goes on. A
//! segment says that it was cleaned, as a checkpoint from before may need what is gone.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;

use super::checkpoint::{self, Checkpoint as _};
use super::frame::FrameError;
use super::journal::{self, Name, Record, sealed, segments};
use super::run_frame::{self, CLEANED, Head};
use super::runs_checkpoint::RunsCheckpoint;
use super::segment_files::SegmentFiles;
use super::{LedgerError, codec};
use crate::runs::RunId;
use crate::runs::event::RunEvent;
use crate::runs::state::Runs;

/// What it knows of the segments.
pub struct Cleaner {
    runs: Arc<ArcSwap<Runs>>,
    /// Segments in which nothing is under way: nothing comes into a sealed one.
    clean: HashSet<Name>,
}

/// What a replay needs of a segment, and what not.
#[derive(Default)]
struct Found {
    /// Bytes of frames that are not needed.
    done: usize,
    /// Bytes of those that are.
    needed: usize,
    /// Entries that are done and whose beginning is here.
    begun: Vec<RunId>,
    /// Whether it was cleaned.
    is_cleaned: bool,
}

impl Cleaner {
    /// One that has seen nothing yet.
    pub fn new(runs: Arc<ArcSwap<Runs>>) -> Self {
        Self { runs, clean: HashSet::new() }
    }

    /// Writes the sealed segments anew of which half or more is done, and removes those in which nothing is left.
    pub fn clean(&mut self, files: &SegmentFiles, stop: &AtomicBool) {
        if let Err(error) = self.try_to(files, stop) {
            tracing::warn!(%error, "what is done could not be dropped from the journal; it is only larger");
        }
    }

    fn try_to(&mut self, files: &SegmentFiles, stop: &AtomicBool) -> Result<(), LedgerError> {
        let runs = self.runs.load_full();
        let segments = segments(files.journal.folder())?;
        let covered = covered(files)?;
        // What is done and stays: its end has to stay, too.
        let mut stays = HashSet::new();

        for pair in segments.windows(2) {
            let [(name, path), _] = pair else { continue };
            if self.clean.contains(name) {
                continue;
            }
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let Ok(inode) = fs::metadata(path).map(|found| found.ino()) else { return Ok(()) };
            // Behind damage nobody knows what stays.
            let records = journal::records(path).collect::<Result<Vec<_>, _>>()?;
            let found = look(&records, &runs, &stays).map_err(|source| LedgerError::DamagedRun { source })?;
            if found.done + found.needed == 0 {
                let is_empty = records.iter().all(|record| record.frames.is_empty() && record.blobs.is_empty());
                if is_empty && found.is_cleaned && *name < covered {
                    files.remove(*name, path, inode)?;
                } else if !is_empty {
                    self.clean.insert(*name);
                }
            } else if found.done == 0 || found.done < found.needed {
                stays.extend(found.begun);
            } else {
                let kept = without_done(*name, records, &runs, &stays)?;
                let bytes = sealed::assemble(files.journal.identity(), name.first, &kept);
                files.replace(path, inode, &bytes, false)?;
            }
        }

        Ok(())
    }
}

/// The segment before which no checkpoint needs anything, nor one that is being written: that one is newer.
fn covered(files: &SegmentFiles) -> Result<Name, LedgerError> {
    let inode = files.journal.inode();
    let checkpoints = checkpoint::scan::<RunsCheckpoint>(&files.journal.folder().join("runs"))?;
    // Of one from before there was anything nothing can come back.
    let used = checkpoints.into_iter().filter_map(|(.., checkpoint)| checkpoint.ok());
    let used = used.filter(|checkpoint| checkpoint.folder == inode && checkpoint.sequence() > 0);
    Ok(used.map(|checkpoint| checkpoint.segment).min().unwrap_or_default())
}

/// Whether a replay needs a frame, where `runs` is under way, and `stays` is done but begins before.
fn is_needed(head: &Head, runs: &Runs, stays: &HashSet<RunId>) -> bool {
    match head.kind {
        CLEANED => false,
        // The newest is needed in any case: no sequence is given twice.
        _ if head.sequence >= runs.sequence => true,
        _ if head.begins() || head.changes() => head.goes_on(runs),
        _ => stays.contains(&head.id),
    }
}

fn look(records: &[Record], runs: &Runs, stays: &HashSet<RunId>) -> Result<Found, FrameError> {
    let mut found = Found::default();
    for frame in records.iter().flat_map(|record| &record.runs) {
        let (head, _) = run_frame::read(frame)?;
        match head.kind {
            CLEANED => found.is_cleaned = true,
            _ if is_needed(&head, runs, stays) => found.needed += frame.len(),
            _ => {
                found.done += frame.len();
                found.begun.extend(head.begins().then_some(head.id));
            }
        }
    }

    Ok(found)
}

/// A segment's records without what is done, and before them the frame that says so.
fn without_done(
    name: Name,
    mut records: Vec<Record>,
    runs: &Runs,
    stays: &HashSet<RunId>,
) -> Result<Vec<Record>, LedgerError> {
    for record in &mut records {
        record.runs.retain(|frame| run_frame::read(frame).is_ok_and(|(head, _)| is_needed(&head, runs, stays)));
    }
    records.retain(|record| !record.is_empty());
    let cleaned = codec::encode_run(runs.sequence, &RunEvent::Cleaned(runs.sequence))?;
    records.insert(0, Record { first: name.first, runs: vec![cleaned], ..Record::default() });
    Ok(records)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::time::{Duration, Instant};

    use bytes::Bytes;
    use sha2::{Digest as _, Sha256};
    use tokio::runtime::Runtime;

    use super::*;
    use crate::ledger::compact::Keep;
    use crate::ledger::journal::Segment;
    use crate::ledger::{CheckpointPolicy, Durability, Ledger, LedgerOptions};
    use crate::model::blob::BlobId;
    use crate::model::event::Origin;
    use crate::model::functions::command::{CreateFunction, FunctionCommand};
    use crate::model::functions::{Content, FunctionConfig};
    use crate::model::history::MarkName;
    use crate::model::history::command::HistoryCommand;
    use crate::model::limits::Limits;
    use crate::model::names::{FunctionKey, Scope};
    use crate::runs::WaitingEvent;
    use crate::runs::command::RunCommand;

    /// Bytes of a payload: some tens of them fill a segment.
    const PAYLOAD: usize = 2000;

    fn open(folder: &Path) -> Ledger {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let options =
                LedgerOptions { path: folder.into(), durability: Durability::Always, limits: Limits::default() };
            let often = CheckpointPolicy { events: 50, bytes: u64::MAX };
            match Ledger::open_with(options, often) {
                Err(error) if error.is_held() && Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                opened => return opened.expect("the store opens"),
            }
        }
    }

    fn function() -> FunctionKey {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        FunctionKey { scope, name: "f".into() }
    }

    /// A store with a function.
    fn store() -> (tempfile::TempDir, Ledger, Runtime) {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger = open(folder.path());
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let code = BlobId(Sha256::digest([7]).into());
        let create = FunctionCommand::CreateFunction(Box::new(CreateFunction {
            key: function(),
            code: Content::Zip { blob: code, size: 1 }.into(),
            config: FunctionConfig::new("python3.12", "arn:aws:iam::000000000000:role/r", "h.h", "/g"),
            tags: BTreeMap::new(),
            publish: None,
            code_signing_config: None,
            signed: false,
        }));
        runtime
            .block_on(ledger.commit(create.into(), Origin::default(), Some((code, Bytes::from_static(&[7])))))
            .expect("is created");
        (folder, ledger, runtime)
    }

    fn payload(number: usize) -> Bytes {
        number.to_string().into_bytes().into_iter().cycle().take(PAYLOAD).collect()
    }

    fn accept((ledger, runtime): (&Ledger, &Runtime), numbers: std::ops::Range<usize>) {
        for number in numbers {
            let event = WaitingEvent { request_id: number.to_string(), ..WaitingEvent::of(function()) };
            let accept = RunCommand::Accept { event: Box::new(event), payload: payload(number) };
            runtime.block_on(ledger.commit_run(accept)).expect("is accepted");
        }
    }

    /// Ends all but each hundredth.
    fn end_most((ledger, runtime): (&Ledger, &Runtime)) {
        for id in ledger.runs().events.iter().map(|(id, _)| *id) {
            let (event, _) = ledger.waiting_event(id).expect("reads").expect("waits");
            if !event.request_id.ends_with("00") {
                runtime.block_on(ledger.commit_run(RunCommand::End(id))).expect("is ended");
            }
        }
    }

    fn waiting(ledger: &Ledger) -> Vec<String> {
        let read = |id: RunId| {
            let (event, found) = ledger.waiting_event(id).expect("reads").expect("waits");
            assert_eq!(found, payload(event.request_id.parse().expect("a number")));
            event.request_id
        };
        ledger.runs().events.iter().map(|(id, _)| *id).map(read).collect()
    }

    fn files(folder: &Path) -> Vec<Segment> {
        segments(&folder.join("journal")).expect("can be listed")
    }

    #[test]
    fn what_is_done_leaves_the_journal_and_what_waits_stays() {
        let (folder, ledger, runtime) = store();
        accept((&ledger, &runtime), 0..400);
        let full = files(folder.path()).len();
        assert!(full > 10, "{full}");
        end_most((&ledger, &runtime));

        // Sealing a segment has the others looked at.
        accept((&ledger, &runtime), 1000..1040);
        end_most((&ledger, &runtime));
        accept((&ledger, &runtime), 2000..2040);
        let deadline = Instant::now() + Duration::from_secs(20);

        while files(folder.path()).len() > 8 {
            assert!(Instant::now() < deadline, "{} segments", files(folder.path()).len());
            std::thread::sleep(Duration::from_millis(10));
        }

        let there = waiting(&ledger);
        assert_eq!(
            (there.len(), there.iter().take(5).map(String::as_str).collect::<Vec<_>>()),
            (44, vec!["100", "200", "300", "1000", "2000"])
        );

        ledger.close().expect("closes");
        for lost in ["sled", "journal/runs", "checkpoints"] {
            let _ = fs::remove_dir_all(folder.path().join(lost));
            let ledger = open(folder.path());
            assert_eq!(waiting(&ledger), there, "without {lost}");
            ledger.close().expect("closes");
        }
    }

    #[test]
    fn a_compaction_takes_along_what_waits() {
        let (folder, ledger, runtime) = store();
        accept((&ledger, &runtime), 0..400);
        end_most((&ledger, &runtime));
        let runs = ledger.runs();
        let there = waiting(&ledger);
        let mark = HistoryCommand::PutMark { name: MarkName::parse("m").expect("a name") };
        runtime.block_on(ledger.commit(mark.into(), Origin::default(), None)).expect("is put");
        ledger.compact(Keep::Nothing, &|_| true).expect("is compacted");
        assert_eq!(files(folder.path()).len(), 1);
        ledger.close().expect("closes");
        drop(ledger);

        let ledger = open(folder.path());
        assert_eq!((waiting(&ledger), ledger.runs().sequence), (there, runs.sequence));
        accept((&ledger, &runtime), 401..402);
        assert_eq!(ledger.runs().sequence, runs.sequence + 1);
    }

    #[test]
    fn a_lost_segment_without_events_is_mended_from_the_index() {
        let (folder, ledger, runtime) = store();
        accept((&ledger, &runtime), 0..400);
        let there = waiting(&ledger);
        ledger.close().expect("closes");
        drop(ledger);
        let _ = fs::remove_dir_all(folder.path().join("journal/runs"));
        let (name, lost) = files(folder.path()).swap_remove(3);
        assert!(name.part > 0, "{name}");
        fs::remove_file(lost).expect("is removed");

        let ledger = open(folder.path());
        let mut found = waiting(&ledger);
        found.sort_by_key(|number| number.parse::<usize>().expect("a number"));
        assert_eq!(found, there);
    }
}
