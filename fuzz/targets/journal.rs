//! Segments of the journal. An input whose first byte is odd has its checksums made right, so that what lies behind
//! them is reached; the rest of it is the file.

use std::fs;
use std::io::Read as _;

use larder::ledger::inspect;

/// Bytes of a segment's header and of what stands before a record's events, as docs in `journal/segment.rs` have it.
const HEADER: usize = 120;
const RECORD: usize = 24;

pub fn run(input: &[u8]) {
    let Some((mode, segment)) = input.split_first() else { return };
    let mut segment = segment.to_vec();
    if mode % 2 == 1 {
        make_right(&mut segment);
    }
    let store = super::scratch();
    let journal = store.path().join("journal");
    fs::create_dir(&journal).expect("a folder");
    fs::write(journal.join("00000000000000000001.segment"), &segment).expect("a file");
    let _ = inspect::inspect(store.path(), u64::MAX, true, |_| ());
}

/// Writes the checksums that fit.
fn make_right(segment: &mut [u8]) {
    if segment.len() < HEADER {
        return;
    }
    let checksum = crc32fast::hash(&segment[..HEADER - 4]);
    segment[HEADER - 4..HEADER].copy_from_slice(&checksum.to_le_bytes());
    let mut offset = HEADER;
    while let Some(length) = segment.get(offset..offset + 4) {
        let length = u32::from_le_bytes(length.try_into().expect("four bytes")) as usize;
        let end = offset.saturating_add(RECORD).saturating_add(length);
        if length == 0 || end > segment.len() {
            return;
        }
        let checksum = crc32fast::hash(&segment[offset + 8..end]);
        segment[offset + 4..offset + 8].copy_from_slice(&checksum.to_le_bytes());
        offset = end;
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    ["v2", "v3", "v4", "v5"]
        .iter()
        .map(|schema| format!("fixtures/stores/{schema}/store.tar.gz"))
        .flat_map(|store| segments(&super::fixture(&store)))
        .flat_map(|segment| [0, 1].map(|mode| [&[mode], &segment[..]].concat()))
        .collect()
}

/// The plain segments in a golden store, without the zeros at their ends.
fn segments(store: &[u8]) -> Vec<Vec<u8>> {
    let folder = super::scratch();
    let archive = folder.path().join("store.tar.gz");
    fs::write(&archive, store).expect("a file");
    let unpacked = std::process::Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(folder.path()).status();
    assert!(unpacked.expect("tar runs").success(), "a golden store unpacks");
    let mut found = Vec::new();
    find(folder.path(), &mut found);
    found
}

fn find(folder: &std::path::Path, found: &mut Vec<Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("reads") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            find(&path, found);
        } else if path.extension().is_some_and(|end| end == "segment") {
            let mut bytes = Vec::new();
            fs::File::open(&path).and_then(|mut file| file.read_to_end(&mut bytes)).expect("reads");
            let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 9).min(bytes.len());
            bytes.truncate(end);
            found.push(bytes);
        }
    }
}
