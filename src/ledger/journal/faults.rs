//! Faults of the disk below the journal, and the end of its power, which takes what was not synced. What must hold all
//! the same: what was acknowledged is there after the next start, in order and whole.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};

use proptest::prelude::*;

use super::{Identity, Journal};
use crate::ledger::{Durability, LedgerError};

/// What happens to an access of the disk.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// Nothing.
    None,
    /// The access fails and does nothing.
    Fails,
    /// A write ends after a part of its bytes, in thousandths; a sync fails.
    Short(usize),
    /// So does everything from here on: the machine is gone.
    Crash(usize),
}

/// A write that is not synced: its file, its place, and what was there before.
struct Unsynced {
    file: File,
    offset: u64,
    before: Vec<u8>,
}

thread_local! {
    /// What comes, one for each access; then nothing more fails.
    static PLAN: RefCell<VecDeque<Fault>> = const { RefCell::new(VecDeque::new()) };
    /// What the end of the power may take.
    static UNSYNCED: RefCell<Vec<Unsynced>> = const { RefCell::new(Vec::new()) };
}

fn next() -> Fault {
    PLAN.with_borrow_mut(|plan| {
        let fault = plan.pop_front().unwrap_or(Fault::None);
        if matches!(fault, Fault::Crash(_)) {
            plan.push_front(Fault::Crash(0));
        }
        fault
    })
}

fn failed() -> io::Error {
    io::Error::from(io::ErrorKind::StorageFull)
}

/// What is to be written after all, of what was to be.
pub fn write<'a>(file: &File, bytes: &'a [u8], offset: u64) -> io::Result<&'a [u8]> {
    let mut before = vec![0; bytes.len()];
    // Behind the end there were zeros, for who reads a segment.
    let read = file.read_at(&mut before, offset)?;
    before[read..].fill(0);
    let unsynced = Unsynced { file: file.try_clone()?, offset, before };
    UNSYNCED.with_borrow_mut(|writes| writes.push(unsynced));
    match next() {
        Fault::None => Ok(bytes),
        Fault::Fails => Err(failed()),
        Fault::Short(thousandths) | Fault::Crash(thousandths) => {
            file.write_all_at(&bytes[..bytes.len() * thousandths / 1000], offset)?;
            Err(failed())
        }
    }
}

/// Whether a sync does what it should.
pub fn sync(file: &File) -> io::Result<()> {
    if next() != Fault::None {
        return Err(failed());
    }
    let inode = file.metadata()?.ino();
    UNSYNCED.with_borrow_mut(|writes| {
        writes.retain(|write| write.file.metadata().is_ok_and(|other| other.ino() != inode));
    });
    Ok(())
}

/// The end of the power: of what was not synced, each write is there or not.
fn cut_power(mut lost: impl Iterator<Item = bool>) {
    let writes = UNSYNCED.with_borrow_mut(std::mem::take);
    for write in writes.into_iter().rev() {
        if lost.next().unwrap_or(true) {
            write.file.write_all_at(&write.before, write.offset).expect("the disk is well again");
        }
    }
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        12 => Just(Fault::None),
        1 => Just(Fault::Fails),
        2 => (0..=1000_usize).prop_map(Fault::Short),
        1 => (0..=1000_usize).prop_map(Fault::Crash),
    ]
}

fn identity() -> Identity {
    Identity { store_id: vec![b'a'; 32], secret: vec![b'b'; 64] }
}

fn open(folder: &std::path::Path) -> Result<Journal, LedgerError> {
    Journal::open(folder, Durability::Always, identity(), 1, 0)
}

/// The frames that are there, in order.
fn frames(journal: &Journal) -> Result<Vec<Vec<u8>>, LedgerError> {
    let mut frames = Vec::new();
    for record in journal.records_from(1)? {
        let record = record?;
        assert_eq!(record.first, frames.len() as u64 + 1, "no sequence is missing or twice");
        frames.extend(record.frames);
    }
    Ok(frames)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_acknowledged_is_there_whatever_the_disk_does(
        batches in prop::collection::vec((1..4_usize, 0..3000_usize), 1..30),
        plan in prop::collection::vec(fault(), 0..120),
        lost in prop::collection::vec(any::<bool>(), 0..20),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        PLAN.with_borrow_mut(VecDeque::clear);
        let journal = open(folder.path()).expect("an empty journal opens");
        PLAN.with_borrow_mut(|faults| *faults = plan.into());
        let (mut acknowledged, mut refused) = (Vec::new(), Vec::<Vec<Vec<u8>>>::new());
        for (number, (events, length)) in (0_u8..).zip(batches) {
            let first = acknowledged.len() as u64 + 1;
            let batch: Vec<_> = (0..events as u64).map(|event| (first + event, vec![number; length])).collect();
            let frames = batch.iter().map(|(_, frame)| frame.clone());
            match journal.append(&batch, &[]) {
                Ok(()) => {
                    acknowledged.extend(frames);
                    refused.clear();
                }
                Err(_) => refused.push(frames.collect()),
            }
        }
        let broken = journal.active().broken;
        drop(journal);
        cut_power(lost.into_iter());
        // The disk is well again, and the machine starts.
        PLAN.with_borrow_mut(VecDeque::clear);
        let journal = open(folder.path()).expect("a torn end is no damage");
        let found = frames(&journal).expect("every record is whole");
        let more = found.strip_prefix(&acknowledged[..]);
        // A batch whose write failed was refused; where even taking it back failed, all of it may be there.
        let is_as_told = more.is_some_and(|more| more.is_empty() || broken && refused.iter().any(|batch| batch == more));
        prop_assert!(is_as_told, "{} events of {}", found.len(), acknowledged.len());
        journal.append(&[(found.len() as u64 + 1, b"more".to_vec())], &[]).expect("it goes on");
    }
}
