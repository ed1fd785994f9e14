//! The ledger on a disk: what is replayed is what was live, byte for byte; damage is found; every
//! golden store opens.

use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::time::{Duration, Instant};

use larder::blobs::upkeep;
use larder::ledger::compact::Keep;
use larder::ledger::portable;
use larder::ledger::{Durability, Ledger, LedgerError, LedgerOptions, inspect};
use larder::model::event::{Origin, Recorded};
use larder::model::functions::command::FunctionCommand;
use larder::model::limits::Limits;
use larder::model::resource::Resource;
use larder::model::state::State;
use larder::model::time::Timestamp;
use larder::runs::command::RunCommand;
use larder::runs::state::Runs;
use larder::runs::waits::Waiting;
use larder::runs::{Attempts, RunId, WaitingEvent};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::json;

use crate::commands::{functions, steps};

pub fn options(folder: &Path) -> LedgerOptions {
    LedgerOptions { path: folder.to_owned(), durability: Durability::Always, limits: Limits::default() }
}

fn open(folder: &Path) -> Ledger {
    try_open(folder).expect("the store opens")
}

/// Opens a store that this process closed a moment ago: sled's own threads let go of its file a
/// little after the last handle is dropped. (Another process's file is free when the process ends.)
fn try_open(folder: &Path) -> Result<Ledger, LedgerError> {
    let is_held = |error: &LedgerError| error.to_string().contains("could not acquire lock");
    when_free(|| Ledger::open(options(folder)), is_held)
}

/// Tries until the file is free, some seconds at most.
pub fn when_free<T, E>(open: impl Fn() -> Result<T, E>, is_held: impl Fn(&E) -> bool) -> Result<T, E> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match open() {
            Err(error) if is_held(&error) && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(10));
            }
            outcome => return outcome,
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
}

/// Has something under way: a function gets an event, and the oldest of some is done.
async fn go_on(ledger: &Ledger) {
    if let Some(function) = ledger.state().functions.keys().next() {
        let number = ledger.runs().sequence;
        let event = WaitingEvent { request_id: format!("request-{number}"), ..WaitingEvent::of(function.clone()) };
        let payload = format!("{{\"n\":{number}}}").into();
        ledger.commit_run(RunCommand::Accept { event: Box::new(event), payload }).await.expect("is accepted");
    }
    if let Some(oldest) =
        ledger.runs().events.iter().map(|(id, _)| *id).next().filter(|_| ledger.runs().events.len() > 3)
    {
        ledger.commit_run(RunCommand::End(oldest)).await.expect("is ended");
    }
}

/// Runs random steps against a ledger and closes it.
pub fn fill(folder: &Path, rounds: usize) -> (State, Vec<Recorded>) {
    fill_with(folder, rounds, false)
}

/// The same, with things under way between the steps, or not.
fn fill_with(folder: &Path, rounds: usize, goes_on: bool) -> (State, Vec<Recorded>) {
    let (ledger, mut runner) = (open(folder), TestRunner::deterministic());
    runtime().block_on(async {
        for _ in 0..rounds {
            for step in steps().new_tree(&mut runner).expect("steps").current() {
                for command in step.commands(&ledger.state()) {
                    let origin = Origin { request_id: "r".into(), ..Origin::default() };
                    // A refusal is as good as a success: the state must be the same after a replay.
                    let blobs = (0..3).map(functions::blob).map(|(id, bytes)| (id, bytes.into())).collect();
                    let _ = ledger.commit_with(command, origin, blobs).await;
                }
                if goes_on {
                    go_on(&ledger).await;
                }
            }
        }
    });
    let (state, history) = ((*ledger.state()).clone(), ledger.events(1, usize::MAX).expect("history reads"));
    ledger.close().expect("closes");
    (state, history)
}

#[test]
fn a_reopened_ledger_has_the_live_state_and_history() {
    let folder = tempfile::tempdir().expect("a folder");
    let (live, history) = fill_with(folder.path(), 20, true);
    assert!(live.sequence > 100, "the steps did something: {} events", live.sequence);
    assert_eq!(history.len() as u64, live.sequence);
    let runs = open_runs(folder.path());
    assert!(runs.events.len() == 3 && runs.sequence > 10, "{runs:?}");
    for _ in 0..2 {
        let ledger = open(folder.path());
        assert!(*ledger.state() == live, "replay equals live");
        assert!(*ledger.runs() == runs, "also of what is under way");
        assert!(ledger.events(1, usize::MAX).expect("history reads") == history);
        ledger.close().expect("closes");
    }
}

/// What is under way in a closed store; without the index and the checkpoints it is the same.
fn open_runs(folder: &Path) -> Runs {
    let ledger = open(folder);
    let runs = (*ledger.runs()).clone();
    ledger.close().expect("closes");
    drop(ledger);
    for cache in ["sled", "checkpoints", "journal/runs"] {
        let _ = when_free(|| std::fs::remove_dir_all(folder.join(cache)), |_| false);
    }
    let ledger = open(folder);
    assert!(*ledger.runs() == runs, "the journal alone says so");
    for id in runs.events.iter().map(|(id, _)| *id) {
        let (event, payload) = ledger.waiting_event(id).expect("reads").expect("waits");
        assert_eq!(format!("request-{}", id.0 - 1), event.request_id);
        assert!(payload.starts_with(b"{\"n\":"));
    }
    ledger.close().expect("closes");
    runs
}

/// When an event is tried again, and how often it was, is told by the journal, by a checkpoint, and after a compaction.
#[test]
fn attempts_are_kept_over_restarts_and_a_compaction() {
    let folder = tempfile::tempdir().expect("a folder");
    fill(&folder.path().join("store"), 5);
    let store = folder.path().join("store");
    let ledger = open(&store);
    for number in 0..6 {
        runtime().block_on(go_on(&ledger));
        let id = ledger.runs().events.iter().map(|(id, _)| *id).last().expect("an event");
        let attempts = Attempts { failed: number % 3, held_back: number };
        let delay = RunCommand::Delay { id, due: Timestamp(u64::MAX / 2 + u64::from(number)), attempts };
        runtime().block_on(ledger.commit_run(delay)).expect("is delayed");
    }
    let runs = (*ledger.runs()).clone();
    assert!(runs.events.iter().any(|(_, waiting)| waiting.attempts.failed > 0), "{runs:?}");
    let gone = RunCommand::Delay { id: RunId(1), due: Timestamp(1), attempts: Attempts::default() };
    runtime().block_on(ledger.commit_run(gone)).expect("nothing happens");
    assert!(*ledger.runs() == runs, "what is not there is not delayed");

    upkeep::compact(folder.path(), &ledger, Keep::Nothing).expect("compacts");
    assert!(*ledger.runs() == runs);
    ledger.close().expect("closes");
    drop(ledger);
    assert!(open_runs(&store) == runs, "after a compaction");
}

/// A command that is refused on one machine changes nothing on the other.
#[test]
fn commands_on_both_machines_are_all_or_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    fill(folder.path(), 20);
    let ledger = open(folder.path());
    let function = ledger.state().functions.keys().next().expect("a function").clone();
    let delete = FunctionCommand::DeleteFunction { key: function.clone(), qualifier: None };
    let event = Box::new(WaitingEvent::of(function.clone()));
    let accept = RunCommand::Accept { event, payload: "{}".into() };
    runtime().block_on(ledger.commit_run(accept.clone())).expect("is accepted");

    // What is under way is decided on what is configured after the first command.
    let (state, runs) = (ledger.state(), ledger.runs());
    let refused = runtime().block_on(ledger.commit_both(delete.clone().into(), accept, Origin::default(), vec![]));
    refused.expect_err("its function is not there any more");
    assert!((ledger.state(), ledger.runs()) == (state, runs), "neither was done");

    let both = ledger.commit_both(delete.into(), RunCommand::DropOrphans, Origin::default(), vec![]);
    runtime().block_on(both).expect("both are done");
    assert!(ledger.state().function(&function).is_none());
    assert!(!ledger.runs().events.lanes().contains_key(&function), "nothing waits for it");
    ledger.close().expect("closes");
}

/// Damage among records of what is under way is mended from the engine, if that has all of it, or located.
#[test]
fn damage_among_what_is_under_way_is_mended_or_located() {
    let folder = tempfile::tempdir().expect("a folder");
    let live = fill_with(folder.path(), 5, true);
    let ledger = open(folder.path());
    let runs = (*ledger.runs()).clone();
    ledger.close().expect("closes");
    drop(ledger);
    let (path, whole, used) = segment(folder.path());
    for at in (200..used - 200).step_by(used / 40) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x20;
        std::fs::write(&path, &damaged).expect("writes");
        expect_whole(folder.path(), &live, &format!("byte {at} of the journal flipped"));
        let ledger = open(folder.path());
        // What is done may be done once more.
        assert!(
            runs.events.iter().map(|(id, _)| *id).all(|id| ledger.runs().events.contains(&id)),
            "byte {at}: all that waited waits"
        );
        ledger.close().expect("closes");
    }

    for at in (200..used - 200).step_by(used / 40) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x20;
        std::fs::write(&path, &damaged).expect("writes");
        for cache in ["sled", "checkpoints", "journal/runs"] {
            let _ = when_free(|| std::fs::remove_dir_all(folder.path().join(cache)), |_| false);
        }
        let refused = try_open(folder.path()).map(drop).expect_err(&format!("byte {at}"));
        assert!(matches!(refused, LedgerError::DamagedJournal { .. }), "{refused}");
        assert!(std::fs::read(&path).expect("reads") == damaged, "and nothing is changed");
    }
}

#[test]
fn a_time_finds_its_sequence() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, history) = fill(folder.path(), 5);
    let ledger = open(folder.path());
    let earliest = history[0].time.0;
    for time in std::iter::once(earliest - 1).chain(history.iter().map(|recorded| recorded.time.0)) {
        let expected = history.iter().filter(|recorded| recorded.time.0 <= time).count() as u64;
        assert_eq!(ledger.sequence_at(larder::model::time::Timestamp(time)).expect("reads"), expected);
    }
    ledger.close().expect("closes");
}

#[test]
fn a_refused_command_leaves_no_event() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = open(folder.path());
    let missing = FunctionCommand::DeleteFunction {
        key: larder::model::names::FunctionKey {
            scope: larder::model::names::Scope { account: "000000000000".into(), region: "us-east-1".into() },
            name: "missing".into(),
        },
        qualifier: None,
    };
    let refused = runtime().block_on(ledger.commit(missing.into(), Origin::default(), None));
    assert!(refused.is_err());
    assert_eq!(ledger.state().sequence, 0);
    assert!(ledger.events(1, 10).expect("history reads").is_empty());
}

/// Changes the sled store under a closed ledger.
fn with_tree(folder: &Path, tree: &str, change: impl FnOnce(&sled::Tree)) {
    let is_held = |error: &sled::Error| error.to_string().contains("could not acquire lock");
    let db = when_free(|| sled::open(folder.join("sled")), is_held).expect("sled opens");
    change(&db.open_tree(tree).expect("the tree opens"));
    db.flush().expect("flushes");
}

/// Flips a bit of event 3 in the engine.
fn garble_event(folder: &Path) {
    with_tree(folder, "events", |events| {
        let mut frame = events.get(3_u64.to_be_bytes()).expect("reads").expect("is there").to_vec();
        let last = frame.len() - 1;
        frame[last] ^= 1;
        events.insert(3_u64.to_be_bytes(), frame).expect("writes");
    });
}

/// Opens the store and holds it against what it had.
fn expect_whole(folder: &Path, (state, history): &(State, Vec<Recorded>), what: &str) {
    let ledger = try_open(folder).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(*ledger.state() == *state, "{what}: the state is as it was");
    assert!(ledger.events(1, usize::MAX).expect("history reads") == *history, "{what}: so is history");
    // The index is made anew in the background: the next damage is mended from it.
    let behind = || if ledger.problems().is_empty() { Ok(()) } else { Err(ledger.problems()) };
    when_free(behind, |_| true).unwrap_or_else(|problems| panic!("{what}: {problems:?}"));
    ledger.close().expect("closes");
}

#[test]
fn what_the_engine_lost_comes_back_from_the_journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let live = fill(folder.path(), 5);
    garble_event(folder.path());
    expect_whole(folder.path(), &live, "a garbled event");
    with_tree(folder.path(), "events", |events| {
        events.remove(2_u64.to_be_bytes()).expect("removes");
    });
    expect_whole(folder.path(), &live, "a missing event");
    let sled = folder.path().join("sled");
    when_free(|| std::fs::remove_dir_all(&sled), |_| false).expect("is removed");
    expect_whole(folder.path(), &live, "no engine's files at all");
}

/// Any file of the engine cut or gone, and bytes of it flipped at many places.
#[test]
fn any_damage_to_the_engines_files_costs_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let live = fill(folder.path(), 5);
    let database = folder.path().join("sled/db");
    let whole = std::fs::read(&database).expect("reads");
    let used = whole.iter().rposition(|byte| *byte != 0).expect("is not empty");
    for at in (0..used).step_by(used / 24) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x20;
        std::fs::write(&database, damaged).expect("writes");
        expect_whole(folder.path(), &live, &format!("byte {at} flipped"));
    }
    for length in [0, 1, used / 2, used] {
        std::fs::write(&database, &whole[..length]).expect("writes");
        expect_whole(folder.path(), &live, &format!("cut to {length} bytes"));
    }
    std::fs::remove_file(&database).expect("removes");
    expect_whole(folder.path(), &live, "no database file");
}

#[test]
fn a_lost_journal_is_written_anew_from_the_engine() {
    let folder = tempfile::tempdir().expect("a folder");
    let live = fill(folder.path(), 5);
    std::fs::remove_dir_all(folder.path().join("journal")).expect("removes");
    expect_whole(folder.path(), &live, "no journal");
    std::fs::remove_dir_all(folder.path().join("sled")).expect("removes");
    expect_whole(folder.path(), &live, "the new journal alone");
}

#[test]
fn an_event_that_both_have_damaged_is_located() {
    let folder = tempfile::tempdir().expect("a folder");
    fill(folder.path(), 5);
    garble_event(folder.path());
    std::fs::remove_dir_all(folder.path().join("journal")).expect("removes");
    let refused = try_open(folder.path()).expect_err("is refused");
    assert!(matches!(refused, LedgerError::DamagedEvent { sequence: 3, .. }), "{refused}");
}

/// A write that the power cut in two was never acknowledged.
#[test]
fn a_torn_last_record_is_cut() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, history) = fill(folder.path(), 5);
    let (segment, mut bytes, used) = segment(folder.path());
    // Zeros were on disk there before: they are what a torn write leaves, and not a shorter file.
    bytes[used - 3..].fill(0);
    std::fs::write(&segment, &bytes).expect("writes");
    std::fs::remove_dir_all(folder.path().join("sled")).expect("removes");
    std::fs::remove_dir_all(folder.path().join("checkpoints")).expect("removes");
    let ledger = open(folder.path());
    let kept = ledger.events(1, usize::MAX).expect("history reads");
    assert!(kept.len() < history.len() && history.starts_with(&kept), "a prefix: {} events", kept.len());
    ledger.close().expect("closes");
    drop(ledger);
    let ledger = open(folder.path());
    assert!(ledger.events(1, usize::MAX).expect("history reads") == kept, "what was cut stays cut");
    ledger.close().expect("closes");
}

/// The journal's one segment, and where its records end.
fn segment(folder: &Path) -> (PathBuf, Vec<u8>, usize) {
    let entries = std::fs::read_dir(folder.join("journal")).expect("reads").flatten().map(|entry| entry.path());
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "segment");
    let path = entries.into_iter().find(is_segment).expect("a segment");
    let bytes = std::fs::read(&path).expect("reads");
    let used = bytes.iter().rposition(|byte| *byte != 0).expect("is not empty");
    (path, bytes, used)
}

/// Where the records begin.
fn heads(bytes: &[u8]) -> Vec<usize> {
    let (mut at, mut heads) = (120, Vec::new());
    while let Some(length) = bytes.get(at..at + 4).map(|word| u32::from_le_bytes(word.try_into().expect("four bytes")))
        && length != 0
    {
        heads.push(at);
        at += 24 + length as usize;
    }
    heads
}

/// Bytes flipped in the middle, and records whose heads became zeros, are mended from the engine; without it the place
/// is told.
#[test]
fn damage_in_the_journals_middle_is_mended_or_located() {
    let folder = tempfile::tempdir().expect("a folder");
    let live = fill(folder.path(), 5);
    let (path, whole, used) = segment(folder.path());
    for at in (200..used / 2).step_by(used / 16) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x20;
        std::fs::write(&path, &damaged).expect("writes");
        expect_whole(folder.path(), &live, &format!("byte {at} of the journal flipped"));
        let kept = folder.path().join("journal.damaged").join(path.file_name().expect("a name"));
        assert_eq!(std::fs::read(kept).expect("is kept"), damaged);
    }
    let heads = heads(&whole);
    for at in [heads[1], heads[heads.len() / 2], heads[heads.len() - 2]] {
        let mut damaged = whole.clone();
        damaged[at..at + 24].fill(0);
        std::fs::write(&path, &damaged).expect("writes");
        let report = inspect::inspect(folder.path(), u64::MAX, false, |_| ()).expect("can be read");
        assert_eq!(report.damage[0].offset, Some(at as u64), "verify sees a head of zeros: {:?}", report.damage);
        expect_whole(folder.path(), &live, &format!("the record at {at} has a head of zeros"));
    }
    let mut damaged = whole;
    damaged[used / 2] ^= 0x20;
    std::fs::write(&path, &damaged).expect("writes");
    let sled = folder.path().join("sled");
    when_free(|| std::fs::remove_dir_all(&sled), |_| false).expect("is removed");
    let refused = try_open(folder.path()).map(drop).expect_err("is refused");
    let LedgerError::DamagedJournal { offset, sequence, .. } = refused else { panic!("{refused}") };
    assert!(offset <= used as u64 / 2 && sequence > 1, "{offset} {sequence}");
    assert!(std::fs::read(&path).expect("reads") == damaged, "and nothing is changed");
}

#[test]
fn a_store_of_a_newer_schema_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    fill(folder.path(), 5);
    with_tree(folder.path(), "meta", |meta| {
        meta.insert("schema", &(larder::ledger::SCHEMA + 1).to_be_bytes()).expect("writes");
    });
    let refused = try_open(folder.path()).expect_err("is refused");
    assert!(matches!(refused, LedgerError::NewerSchema { .. }), "{refused}");
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/stores")
}

/// What a golden store holds, for the eye and for the test: its resources as pods carry them, and what is under way.
fn digest(state: &State, runs: &Runs) -> String {
    let resource = |resource: Resource| portable::to_json(&resource).expect("it is JSON");
    let waiting = |(id, waiting): (&RunId, &Waiting<larder::model::names::FunctionKey>)| {
        let text = json!({ "function": waiting.lane.name.as_str(), "due": waiting.due.0 });
        (id.0.to_string(), text)
    };

    let whole = json!({
        "sequence": state.sequence,
        "resources": state.resources().map(resource).collect::<Vec<_>>(),
        "runs": runs.events.iter().map(waiting).collect::<serde_json::Map<_, _>>(),
    });
    serde_json::to_string_pretty(&whole).expect("it is JSON") + "\n"
}

/// The first line of `expected` that `found` does not have in its place. What later versions of the
/// model know of an old store stands between its lines, as defaults.
fn first_lost_line<'a>(expected: &'a str, found: &str) -> Option<&'a str> {
    let mut found = found.lines().map(member);
    expected.lines().find(|line| !found.any(|other| other == member(line)))
}

/// A line without the comma that says that another follows.
fn member(line: &str) -> &str {
    line.strip_suffix(',').unwrap_or(line)
}

/// Every store that a schema version ever wrote opens, with the state it had; `v3-rewound` has whole resources in
/// its events, as rewinds write them, `v4-users` has users and groups, `v5-runs` has events that wait. A new one is made by
/// `scripts/golden-store NAME`, once, when there is something new in stores; never again.
#[test]
fn golden_stores_open() {
    if let Some(name) = std::env::var_os("LARDER_GOLDEN") {
        make_golden(&fixtures().join(name));
    }
    let mut seen = 0;
    for version in std::fs::read_dir(fixtures()).expect("the fixtures are there") {
        let version = version.expect("an entry").path();
        let folder = tempfile::tempdir().expect("a folder");
        let unpacked = Process::new("tar")
            .arg("-xzf")
            .arg(version.join("store.tar.gz"))
            .arg("-C")
            .arg(folder.path())
            .status()
            .expect("tar runs");
        assert!(unpacked.success());
        let ledger = open(folder.path());
        let expected = std::fs::read_to_string(version.join("state.json")).expect("the state is there");
        assert_eq!(first_lost_line(&expected, &digest(&ledger.state(), &ledger.runs())), None, "{}", version.display());
        assert_eq!(ledger.events(1, usize::MAX).expect("history reads").len() as u64, ledger.state().sequence);
        ledger.close().expect("closes");
        seen += 1;
    }
    assert!(seen >= 1, "there are golden stores");
}

fn make_golden(target: &Path) {
    assert!(!target.exists(), "a golden store is never made again");
    std::fs::create_dir_all(target).expect("the folder");
    let folder = tempfile::tempdir().expect("a folder");
    let (state, _) = fill_with(folder.path(), 20, true);
    let ledger = open(folder.path());
    std::fs::write(target.join("state.json"), digest(&state, &ledger.runs())).expect("writes");
    ledger.close().expect("closes");
    drop(ledger);
    let packed = Process::new("tar")
        .arg("-czf")
        .arg(target.join("store.tar.gz"))
        .arg("-C")
        .arg(folder.path())
        .arg(".")
        .status()
        .expect("tar runs");
    assert!(packed.success());
}
