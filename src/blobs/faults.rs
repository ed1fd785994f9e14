//! A whole store under faults: any operation of the disk or of the engine fails, writes a part only, or is the last one
//! before the power goes; files are lost. What was acknowledged is there after the next start, with its code, or the
//! start refuses and says what is missing.
//!
//! `LARDER_FAULT_CASES=2000 cargo test --lib faults::` runs it at length.

mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;

use self::waiting::Waiting;
use super::{BlobStore, gc, upkeep};
use crate::disk::faults::{self, Fault};
use crate::ledger::compact::Keep;
use crate::ledger::{CheckpointPolicy, Durability, Ledger, LedgerError, LedgerOptions, fail_index, heal_index};
use crate::model::blob::BlobId;
use crate::model::event::Origin;
use crate::model::functions::command::{CreateFunction, FunctionCommand, UpdateFunctionCode};
use crate::model::functions::{Content, FunctionConfig};
use crate::model::limits::Limits;
use crate::model::names::{FunctionKey, Scope};
use crate::model::time::Timestamp;
use crate::runs::command::Fate;

/// Something that is done to a store.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Functions get new code, of so many bytes.
    Put(Vec<(u8, usize)>),
    /// A function gets events, of so many bytes.
    Accept(u8, Vec<usize>),
    /// So many events are done.
    End(usize),
    /// The next operations of the disk.
    Disk(u8, Fault),
    /// The engine fails after so many calls, and is well when it is opened anew.
    Engine(u64),
    /// The room is there again, and everything else.
    Heal,
    Compact(Keep),
    Collect,
    /// Closed and opened.
    Restart,
    /// Opened after the power went: what was not synced may be lost.
    PowerCut(Vec<bool>, usize),
    /// A file is gone while nobody has the store.
    Lose(usize),
}

fn act() -> impl Strategy<Value = Act> {
    let put = prop::collection::vec((0..6_u8, prop_oneof![5 => 1..9_000_usize, 1 => 33_000..40_000_usize]), 1..8);
    let fault = prop_oneof![
        4 => prop::sample::select(vec![28, 5, 13, 24, 30]).prop_map(Fault::Fails),
        2 => (0..=1000_usize).prop_map(Fault::Short),
        1 => (0..=1000_usize).prop_map(Fault::Crash),
    ];
    let keep = prop_oneof![Just(Keep::Nothing), (0..9_u64).prop_map(Keep::Events)];
    prop_oneof![
        8 => put.prop_map(Act::Put),
        5 => (0..6_u8, prop::collection::vec(1..9_000_usize, 1..12)).prop_map(|(function, sizes)| Act::Accept(function, sizes)),
        4 => (1..12_usize).prop_map(Act::End),
        5 => (0..40_u8, fault).prop_map(|(after, fault)| Act::Disk(after, fault)),
        2 => (0..30_u64).prop_map(Act::Engine),
        2 => Just(Act::Heal),
        3 => keep.prop_map(Act::Compact),
        2 => Just(Act::Collect),
        2 => Just(Act::Restart),
        2 => (prop::collection::vec(any::<bool>(), 0..20), 0..6_usize).prop_map(|(lost, names)| Act::PowerCut(lost, names)),
    ]
}

/// A store under test, and what is known of it.
pub(crate) struct Trial {
    folder: tempfile::TempDir,
    open: Option<(Arc<Ledger>, Arc<BlobStore>)>,
    pub(crate) runtime: tokio::runtime::Runtime,
    /// The code that each function may have; several where it was not said whether a change was stored. `None`: it may
    /// not be there.
    known: BTreeMap<u8, BTreeSet<Option<BlobId>>>,
    waiting: Waiting,
    count: u64,
}

impl Trial {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let mut trial =
            Self { folder, open: None, runtime, known: BTreeMap::new(), waiting: Waiting::default(), count: 0 };
        trial.start().expect("a new store opens");
        trial
    }

    pub(crate) fn data_dir(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn store(&self) -> (&Arc<Ledger>, &Arc<BlobStore>) {
        let (ledger, blobs) = self.open.as_ref().expect("is open");
        (ledger, blobs)
    }

    /// The code of each function there is.
    pub(crate) fn codes(&self) -> BTreeMap<u8, BlobId> {
        let state = self.store().0.state();
        let code = |function: u8| Some((function, state.function(&key(function))?.latest.code.content.zip_blob()?));
        (0..=u8::MAX).filter_map(code).collect()
    }

    /// Functions have this code, or may have it.
    pub(crate) fn expect(&mut self, codes: &BTreeMap<u8, BlobId>, is_sure: bool) {
        for (function, code) in codes {
            let may_be = self.known.entry(*function).or_insert_with(|| BTreeSet::from([None]));
            if is_sure {
                may_be.clear();
            }
            may_be.insert(Some(*code));
        }
    }

    fn sled(&self) -> PathBuf {
        self.data_dir().join("store").join("sled")
    }

    /// Opens it. The disk is well at a start here: others test starts on one that is not.
    fn start(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(20);
        let ledger = loop {
            let path = self.data_dir().join("store");
            let limits = Limits::default();
            let options = LedgerOptions { path, durability: Durability::Always, limits };
            match Ledger::open_with(options, CheckpointPolicy { events: 7, bytes: u64::MAX }) {
                Err(error) if error.is_held() && Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                opened => break opened.map_err(|error| error.to_string())?,
            }
        };
        let blobs = BlobStore::open(&self.data_dir().join("blobs"), ledger.small_blobs());
        self.open = Some((Arc::new(ledger), blobs.map_err(|error| error.to_string())?.into()));

        Ok(())
    }

    fn stop(&mut self) {
        if let Some((ledger, _)) = self.open.take() {
            // With a disk that fails, what is not closed well is as after a kill.
            let _ = ledger.close();
        }
    }

    pub(crate) fn heal(&self) {
        faults::plan(self.data_dir(), []);
        heal_index(&self.sled());
    }

    pub(crate) fn act(&mut self, act: &Act) {
        match act {
            Act::Put(changes) => changes.iter().for_each(|(function, length)| self.put(*function, *length)),
            Act::Accept(function, sizes) => {
                let (ledger, _) = self.open.as_ref().expect("is open");
                for size in sizes {
                    self.waiting.accept((&self.runtime, ledger), key(*function), *size);
                }
            }
            Act::End(count) => {
                let (ledger, _) = self.open.as_ref().expect("is open");
                self.waiting.end((&self.runtime, ledger), *count);
            }
            Act::Disk(after, fault) => {
                let faults = (0..*after).map(|_| Fault::None).chain([*fault]);
                faults::plan(self.data_dir(), faults);
            }
            Act::Engine(calls) => fail_index(&self.sled(), *calls),
            Act::Heal => self.heal(),
            Act::Compact(keep) => {
                let (ledger, _) = self.store();
                let _ = upkeep::compact(self.folder.path(), ledger, *keep);
            }
            Act::Collect => {
                let (ledger, _) = self.store();
                let _ = gc::collect(self.folder.path(), ledger, false);
            }
            Act::Restart => {
                self.stop();
                self.heal();
                self.start().expect("no file is lost");
                self.check("a restart");
            }
            Act::PowerCut(lost, names) => {
                // From here on nothing gets to disk, while the store's threads come to their end.
                faults::plan(self.data_dir(), [Fault::Crash(0)]);
                fail_index(&self.sled(), 0);
                self.stop();
                faults::cut_power(self.folder.path(), lost.iter().copied(), *names);
                self.heal();
                if let Err(error) = self.start() {
                    panic!("what is acknowledged is on disk: {error}; there are {:#?}", self.files());
                }
                self.check("a power cut");
            }
            Act::Lose(which) => self.lose(*which),
        }
    }

    /// Gives a function new code. What is acknowledged is all that it may have; else it may have that too.
    fn put(&mut self, function: u8, length: usize) {
        self.count += 1;
        let (ledger, blobs) = self.store();
        let mut bytes: Vec<u8> = (function..=u8::MAX).cycle().take(length).collect();
        bytes.extend(self.count.to_le_bytes());
        let size = bytes.len() as u64;
        let Ok(staged) = blobs.stage(Bytes::from(bytes)) else { return };
        let key = key(function);
        let code = Content::Zip { blob: staged.id, size }.into();
        let command = if ledger.state().function(&key).is_some() {
            FunctionCommand::UpdateFunctionCode(UpdateFunctionCode {
                key,
                code,
                architecture: None,
                publish: None,
                revision: None,
                signed: false,
            })
        } else {
            let config = FunctionConfig::new("python3.12", "arn:aws:iam::000000000000:role/r", "h.h", "/g");
            FunctionCommand::CreateFunction(Box::new(CreateFunction {
                key,
                code,
                config,
                tags: BTreeMap::new(),
                publish: None,
                code_signing_config: None,
                signed: false,
            }))
        };
        let committed = self.runtime.block_on(ledger.commit(command.into(), Origin::default(), staged.attachment));
        let may_be = self.known.entry(function).or_insert_with(|| BTreeSet::from([None]));
        match committed {
            Ok(_) => *may_be = BTreeSet::from([Some(staged.id)]),
            Err(crate::ledger::CommitError::Refused(_)) => {}
            Err(_) => drop(may_be.insert(Some(staged.id))),
        }
        self.settle();
        // A server goes on to answer, whatever became of the index.
        self.check("a change");
    }

    /// Functions become active, so that they can be changed.
    fn settle(&self) {
        let (ledger, _) = self.store();
        for ((key, version), deployment) in &ledger.state().unsettled {
            let key = key.clone();
            let version = *version;
            let deployment = *deployment;
            let settle = FunctionCommand::SettleFunction { key, version, deployment, failure: None };
            // What is not settled now is settled later.
            let _ = self.runtime.block_on(ledger.commit(settle.into(), Origin::default(), None));
        }
    }

    /// Every function has code that it may have, which can be read.
    pub(crate) fn check(&self, after: &str) {
        let (ledger, blobs) = self.store();
        let state = ledger.state();
        for (function, may_be) in &self.known {
            let code = state.function(&key(*function)).and_then(|found| found.latest.code.content.zip_blob());
            assert!(may_be.contains(&code), "{after}: function {function} has {code:?} of {may_be:?}");
        }

        if faults::is_well(self.data_dir()) {
            self.waiting.check(ledger, after);
            for id in
                self.known.keys().filter_map(|function| state.function(&key(*function))?.latest.code.content.zip_blob())
            {
                let read = blobs.read(&id);
                assert!(read.is_ok(), "{after}: {read:?}; {:?}", ledger.problems());
            }
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for folder in
            ["store/journal", "store/journal/runs", "store/checkpoints", "store/sled", "store", "blobs/sha256"]
        {
            let entries = std::fs::read_dir(self.data_dir().join(folder)).into_iter().flatten().flatten();
            files.extend(entries.map(|entry| entry.path()).filter(|path| path.is_file()));
        }

        files.sort();
        files
    }

    /// Loses one of the files of the store.
    fn lose(&mut self, which: usize) {
        self.stop();
        self.heal();
        let files = self.files();
        let lost = files[which % files.len()].clone();
        std::fs::remove_file(&lost).expect("is removed");
        self.waiting.lose();

        match self.start() {
            // Refused: the reason names what is missing.
            Err(error) => assert!(error.contains("event") || error.contains("blob"), "{}: {error}", lost.display()),
            Ok(()) if lost.parent().is_some_and(|folder| folder.ends_with("sha256")) => {
                let report = upkeep::verify(self.data_dir(), None, true, |_, _| ()).expect("can be read");
                let name = lost.file_name().expect("a name").to_string_lossy().into_owned();
                let is_named = report.damage.iter().any(|damage| damage.problem.contains(&name));
                let (ledger, _) = self.store();
                let uses = ledger.blob_uses().expect("can be read").blobs;
                assert!(is_named || !uses.iter().any(|id| id.hex() == name), "{}: {report:?}", lost.display());
            }
            Ok(()) => self.check(&format!("the loss of {}", lost.display())),
        }
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.open = None;
        faults::clear(self.folder.path());
        heal_index(&self.sled());
    }
}

fn key(function: u8) -> FunctionKey {
    FunctionKey {
        scope: Scope { account: "000000000000".into(), region: "us-east-1".into() },
        name: format!("f{function}").into(),
    }
}

fn cases() -> u32 {
    std::env::var("LARDER_FAULT_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_acknowledged_is_there_or_missed_by_name(
        acts in prop::collection::vec(act(), 4..24),
        lost in 0..1000_usize,
    ) {
        let mut trial = Trial::new();
        for one in &acts {
            trial.act(one);
        }
        trial.heal();
        trial.act(&Act::Restart);
        trial.act(&Act::Lose(lost));
    }
}

/// Functions stay readable, and the index is made anew while the store is open.
#[test]
fn a_failed_index_costs_nothing_and_is_made_anew() {
    let mut trial = Trial::new();
    trial.act(&Act::Put((0..6).map(|function| (function, 3000)).collect()));
    fail_index(&trial.sled(), 0);
    trial.act(&Act::Put((0..6).map(|function| (function, 4000)).collect()));
    let (ledger, _) = trial.store();
    assert_eq!(ledger.problems().iter().map(|one| one.part.as_str()).collect::<Vec<_>>(), ["index"]);
    assert_eq!(ledger.events(1, 100).expect("reads").len() as u64, ledger.state().sequence);
    upkeep::compact(trial.data_dir(), ledger, Keep::Nothing).expect("is compacted");
    gc::collect(trial.data_dir(), ledger, false).expect("is collected");
    trial.check("compact and gc without an index");
    heal_index(&trial.sled());
    let deadline = Instant::now() + Duration::from_secs(30);

    while !ledger.problems().is_empty() {
        assert!(Instant::now() < deadline, "{:?}", ledger.problems());
        std::thread::sleep(Duration::from_millis(20));
    }

    trial.check("a new index");
    trial.act(&Act::Restart);
}

/// What a rewind brings back was dropped from nobody's hands: it is found before the compaction is through, or refused.
#[test]
fn a_rewind_beside_a_compaction_has_its_code() {
    let mut trial = Trial::new();
    trial.act(&Act::Put(vec![(0, 3_000), (1, 40_000)]));
    let then = trial.store().0.state().sequence;
    let old = trial.codes();
    trial.act(&Act::Put(vec![(0, 4_000), (1, 41_000)]));
    let ledger = Arc::clone(&trial.open.as_ref().expect("is open").0);
    let began = std::sync::Once::new();
    let rewound = std::sync::Mutex::new(None);
    let in_the_middle = |_: &BlobId| {
        began.call_once(|| {
            let ledger = Arc::clone(&ledger);
            let rewinding = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
                let point = crate::ledger::point::Point::Sequence(then);
                runtime.block_on(ledger.rewind(point, &[], Fate::default(), Timestamp(0), Origin::default())).map(drop)
            });
            // Its event is decided, and waits.
            std::thread::sleep(Duration::from_millis(500));
            *rewound.lock().expect("not poisoned") = Some(rewinding);
        });
        true
    };
    ledger.compact(Keep::Nothing, &in_the_middle).expect("is compacted");
    let rewinding = rewound.into_inner().expect("not poisoned").expect("it began");
    rewinding.join().expect("ends").expect("it was in time");
    drop(ledger);

    trial.expect(&old, true);
    trial.check("a rewind beside a compaction");
    trial.stop();
    std::fs::remove_dir_all(trial.sled()).expect("is removed");
    trial.start().expect("the journal has it all");

    trial.check("an index made anew");
}

/// A refusal of the system at the start is no damage: nothing is set aside, and the store serves.
#[test]
fn a_start_without_room_sets_nothing_aside() {
    let mut trial = Trial::new();
    trial.act(&Act::Put((0..6).map(|function| (function, 3000)).collect()));
    trial.stop();
    fail_index(&trial.sled(), 0);
    trial.start().expect("it starts without the index");
    trial.check("a start without an index");
    let (ledger, _) = trial.store();
    assert_eq!(ledger.problems()[0].part, "index");
    trial.stop();
    assert!(trial.sled().join("db").exists());
    trial.act(&Act::Restart);
    let (ledger, _) = trial.store();

    assert_eq!(ledger.problems(), []);
}

/// A blob file that is damaged is mended by whoever brings its bytes again, as a pod does.
#[test]
fn a_damaged_blob_file_is_mended_by_an_upload() {
    let trial = Trial::new();
    let (_, blobs) = trial.open.as_ref().expect("is open");
    let bytes = vec![7_u8; 50_000];
    let id = blobs.stage(bytes.clone().into()).expect("is stored").id;
    let path = trial.data_dir().join("blobs/sha256").join(id.hex());

    for round in 0..2 {
        let mut damaged = bytes.clone();
        damaged[100] ^= 1;
        std::fs::write(&path, damaged).expect("writes");
        assert!(blobs.read(&id).is_err(), "the damage is seen");
        if round == 0 {
            blobs.stage(bytes.clone().into()).expect("is stored again");
        } else {
            let source = trial.data_dir().join("of-a-pod");
            std::fs::write(&source, &bytes).expect("writes");
            blobs.stage_file(id, &source).expect("is stored again");
        }
        assert_eq!(blobs.read(&id).expect("is mended"), bytes);
    }
}

/// What refuses a start is told apart from what is no damage.
#[test]
fn a_checkpoint_beyond_the_journal_says_that_events_are_lost() {
    let mut trial = Trial::new();
    trial.act(&Act::Put((0..6).map(|function| (function, 100)).collect()));
    trial.act(&Act::Put((0..6).map(|function| (function, 100)).collect()));
    trial.stop();
    let store = trial.data_dir().join("store");
    assert!(std::fs::read_dir(store.join("checkpoints")).expect("reads").count() > 0);
    std::fs::remove_dir_all(store.join("journal")).expect("is removed");
    std::fs::remove_dir_all(store.join("sled")).expect("is removed");
    let options = LedgerOptions { path: store, durability: Durability::Always, limits: Limits::default() };
    let refused = Ledger::open(options).map(drop).expect_err("is refused");

    assert!(matches!(refused, LedgerError::LostEvents { from: 1, .. }), "{refused}");
}
