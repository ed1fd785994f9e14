//! Checkpoints on a disk: what a start leaves for the next one, and that it says what the events say.

use std::path::Path;

use larder::ledger::{CheckpointPolicy, Ledger};
use larder::model::state::{Form, State};

use crate::ledger::{fill, options, when_free};

/// Opens a store for a moment, with checkpoints as often as there is something new: its state.
fn visit(folder: &Path) -> State {
    let often = CheckpointPolicy { events: 1, bytes: u64::MAX };
    let is_held = |error: &larder::ledger::LedgerError| error.to_string().contains("could not acquire lock");
    let ledger = when_free(|| Ledger::open_with(options(folder), often), is_held).expect("opens");
    let state = (*ledger.state()).clone();
    ledger.close().expect("closes");
    state
}

/// Whether the newest checkpoint is of this sequence, in both of its forms.
fn has_both(folder: &Path, sequence: u64) -> bool {
    let newest = folder.join(format!("checkpoints/{sequence:020}.checkpoint"));
    newest.exists() && newest.with_extension("quick").exists()
}

#[test]
fn a_start_leaves_the_next_one_little_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let (state, _) = fill(folder.path(), 3);
    assert!(!has_both(folder.path(), state.sequence), "so few events are none for the usual policy");

    visit(folder.path());
    assert!(has_both(folder.path(), state.sequence), "what was replayed is not replayed again");

    let newest = folder.path().join(format!("checkpoints/{:020}.checkpoint", state.sequence));
    std::fs::write(newest.with_extension("quick"), "of another build").expect("is written");
    visit(folder.path());
    let quick = std::fs::read(newest.with_extension("quick")).expect("reads");
    assert_ne!(quick, b"of another build", "a form that the build does not read is written anew");
}

#[test]
fn what_a_checkpoint_brings_back_is_the_live_state_and_lies_folded() {
    let folder = tempfile::tempdir().expect("a folder");
    let (state, _) = fill(folder.path(), 20);
    visit(folder.path());

    let quick = visit(folder.path());
    let is_folded = |form: &Form<'_>| matches!(form, Form::Folded(..));
    let resting = quick.functions.forms().filter(|(_, form)| is_folded(form)).count();
    assert!(resting > 0, "functions at rest are not made before they are asked for");
    assert!(quick == state, "by its quick form");

    let newest = folder.path().join(format!("checkpoints/{:020}.quick", state.sequence));
    std::fs::remove_file(newest).expect("is removed");
    assert!(visit(folder.path()) == state, "by the other");
}
