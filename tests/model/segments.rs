//! Sealed segments of the journal: compressed in the background, and mended from the engine when they are damaged.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use larder::ledger::{Durability, Ledger, LedgerError, LedgerOptions, inspect};
use larder::model::blob::BlobId;
use larder::model::event::{Origin, Recorded};
use larder::model::history::MarkName;
use larder::model::history::command::HistoryCommand;
use larder::model::limits::Limits;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

use crate::ledger::when_free;

/// Events, each with a blob of that many bytes: more than a segment holds.
const EVENTS: u64 = 620;
const BLOB: usize = 30_000;

fn open(folder: &Path) -> Result<Ledger, LedgerError> {
    let open = || {
        Ledger::open(LedgerOptions {
            path: folder.to_owned(),
            durability: Durability::Never,
            limits: Limits::default(),
        })
    };
    when_free(open, |error: &LedgerError| error.to_string().contains("could not acquire lock"))
}

fn blob(number: u64) -> (BlobId, Vec<u8>) {
    let mut random = StdRng::seed_from_u64(number);
    let bytes: Vec<u8> = (0..BLOB).map(|_| random.random()).collect();
    (BlobId(Sha256::digest(&bytes).into()), bytes)
}

/// Makes a store with a sealed segment; its history.
fn fill(folder: &Path) -> Vec<Recorded> {
    let ledger = open(folder).expect("the store opens");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for number in 1..=EVENTS {
        let name = MarkName::parse(&format!("m{}", number % 7)).expect("a name");
        let (id, bytes) = blob(number);
        let put = ledger.commit(HistoryCommand::PutMark { name }.into(), Origin::default(), Some((id, bytes.into())));
        runtime.block_on(put).expect("is put");
    }
    let history = ledger.events(1, usize::MAX).expect("history reads");
    wait_until("the segment is compressed", || compressed(folder).is_some());
    ledger.close().expect("closes");
    history
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: it never was");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The compressed segment.
fn compressed(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder.join("journal")).expect("reads").flatten().map(|entry| entry.path());
    entries.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "zst"))
}

fn is_whole(folder: &Path) -> bool {
    inspect::inspect(folder, u64::MAX, true, |_| {}).expect("can be read").damage.is_empty()
}

/// Opens the store from the journal alone, and holds it against what it had.
fn expect_whole(folder: &Path, history: &[Recorded], what: &str) {
    let sled = folder.join("sled");
    when_free(|| std::fs::remove_dir_all(&sled), |_| false).expect("is removed");
    let ledger = open(folder).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(ledger.events(1, usize::MAX).expect("history reads") == history, "{what}: history is as it was");
    for number in [1, EVENTS / 2, EVENTS] {
        let (id, bytes) = blob(number);
        assert!(ledger.small_blobs().get(&id).expect("reads") == Some(bytes), "{what}: blob {number} is there");
    }
    ledger.close().expect("closes");
}

/// Opens a store with a damaged segment, and waits until it is mended.
fn mended(folder: &Path, what: &str) {
    assert!(!is_whole(folder), "{what}: the damage is seen");
    let ledger = open(folder).unwrap_or_else(|error| panic!("{what}: {error}"));
    wait_until(what, || is_whole(folder));
    ledger.close().expect("closes");
}

#[test]
fn sealed_segments_are_compressed_and_mended() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let history = fill(folder);
    expect_whole(folder, &history, "a compressed segment");
    let path = compressed(folder).expect("a compressed segment");
    let whole = std::fs::read(&path).expect("reads");
    for at in [0, whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x20;
        std::fs::write(&path, damaged).expect("writes");
        mended(folder, &format!("byte {at} of the compressed segment"));
        expect_whole(folder, &history, &format!("byte {at} of the compressed segment"));
    }
    // As an older larder left it, with damage in its header and among its records.
    let plain = path.with_extension("");
    let bytes = zstd::decode_all(&whole[..]).expect("unpacks");
    for at in [3, 100, bytes.len() / 2, bytes.len() - 5] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x20;
        let _ = std::fs::remove_file(&path);
        std::fs::write(&plain, damaged).expect("writes");
        mended(folder, &format!("byte {at} of the plain segment"));
        assert!(path.exists() && !plain.exists(), "it is compressed now");
        expect_whole(folder, &history, &format!("byte {at} of the plain segment"));
    }
    // Neither has it: nothing is opened, and the place is told.
    let mut damaged = std::fs::read(&path).expect("reads");
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x20;
    std::fs::write(&path, damaged).expect("writes");
    when_free(|| std::fs::remove_dir_all(folder.join("sled")), |_| false).expect("is removed");
    std::fs::remove_dir_all(folder.join("checkpoints")).expect("is removed");
    let refused = open(folder).map(drop).expect_err("is refused");
    assert!(matches!(refused, LedgerError::DamagedJournal { sequence: 1, .. }), "{refused}");
}

#[test]
fn a_damaged_header_of_the_newest_segment_is_written_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let history = fill(folder);
    let newest = std::fs::read_dir(folder.join("journal")).expect("reads").flatten().map(|entry| entry.path());
    let newest = newest.filter(|path| path.to_string_lossy().contains(".segment")).max().expect("a segment");
    let mut bytes = std::fs::read(&newest).expect("reads");
    bytes[40] ^= 1;
    std::fs::write(&newest, bytes).expect("writes");
    expect_whole(folder, &history, "the other segment's header says whose it is");
    assert!(is_whole(folder));
}
