//! Faults of the disk below the journal, and the end of its power, which takes what was not synced. What must hold all
//! the same: what was acknowledged is there after the next start, in order and whole.

use proptest::prelude::*;

use super::{Identity, Journal, Record};
use crate::disk::faults::{self, Fault};
use crate::ledger::{Durability, LedgerError};

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        12 => Just(Fault::None),
        1 => prop::sample::select(vec![28, 5, 13, 24]).prop_map(Fault::Fails),
        2 => (0..=1000_usize).prop_map(Fault::Short),
        1 => (0..=1000_usize).prop_map(Fault::Crash),
    ]
}

fn identity() -> Identity {
    Identity { store_id: vec![b'a'; 32], secret: vec![b'b'; 64] }
}

fn open(folder: &std::path::Path) -> Result<Journal, LedgerError> {
    Journal::open(folder, Durability::Always, identity(), 1)
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
        names in 0..6_usize,
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = open(folder.path()).expect("an empty journal opens");
        faults::plan(folder.path(), plan);
        let mut acknowledged = Vec::new();
        let mut refused = Vec::<Vec<Vec<u8>>>::new();
        for (number, (events, length)) in (0_u8..).zip(batches) {
            let first = acknowledged.len() as u64 + 1;
            let batch: Vec<_> = (0..events as u64).map(|event| (first + event, vec![number; length])).collect();
            let frames: Vec<_> = batch.iter().map(|(_, frame)| frame.clone()).collect();
            match journal.append(&Record::of_events(batch)) {
                Ok(_) => {
                    acknowledged.extend(frames);
                    refused.clear();
                }
                Err(_) => refused.push(frames),
            }
        }
        let broken = journal.active().broken.is_some();
        drop(journal);
        // The disk is well again, and the machine starts.
        faults::cut_power(folder.path(), lost.into_iter(), names);
        let journal = open(folder.path()).expect("a torn end is no damage");
        let found = frames(&journal).expect("every record is whole");
        let more = found.strip_prefix(&acknowledged[..]);
        // A batch whose write failed was refused; where even taking it back failed, all of it may be there.
        let is_as_told = more.is_some_and(|more| more.is_empty() || broken && refused.iter().any(|batch| batch == more));
        prop_assert!(is_as_told, "{} events of {}", found.len(), acknowledged.len());
        let more = Record::of_events(vec![(found.len() as u64 + 1, b"more".to_vec())]);
        journal.append(&more).expect("it goes on");
    }
}
