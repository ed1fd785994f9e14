//! A pod is loaded under faults of the disk. At each operation in turn one fails, writes a part only, or is the last
//! before the power goes: after the next start all of the pod is there, with its code, or nothing of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::read::{self, Pod};
use super::transfer::{self, Choice, Reception};
use crate::blobs::faults::{Act, Trial};
use crate::disk::faults::{self, Fault};
use crate::model::blob::BlobId;
use crate::model::event::Origin;
use crate::model::merge::MergeStrategy;
use crate::runs::WaitingEvent;
use crate::runs::command::RunCommand;

/// More operations than any load has.
const MOST: u8 = 200;

/// Events that wait in a pod.
const EVENTS: usize = 3;

/// A pod of functions with small and large code, and what they have.
fn pod() -> (Vec<u8>, BTreeMap<u8, BlobId>) {
    let mut trial = Trial::new();
    trial.act(&Act::Put(vec![(1, 50_000), (2, 1_000), (3, 45_000), (4, 2_000)]));
    let (mut bytes, (ledger, blobs)) = (Vec::new(), trial.store());
    for (number, function) in ledger.state().functions.keys().take(EVENTS).enumerate() {
        let request_id = format!("request-{number}");
        let event = Box::new(WaitingEvent { request_id, ..WaitingEvent::of(function.clone()) });
        let accept = RunCommand::Accept { event, payload: "{}".into() };
        trial.runtime.block_on(ledger.commit_run(accept)).expect("is accepted");
    }
    let choice = Choice { with_events: true, ..Choice::default() };
    transfer::save(ledger, blobs, choice, &mut bytes).expect("is saved");
    (bytes, trial.codes())
}

/// How many events wait.
fn events(trial: &Trial) -> usize {
    trial.store().0.runs().events.len()
}

/// A store with functions of its own, one of which the pod has too.
fn store() -> Trial {
    let mut trial = Trial::new();
    trial.act(&Act::Put(vec![(0, 3_000), (1, 4_000)]));
    trial
}

fn load(trial: &Trial, pod: &Arc<Pod>) -> bool {
    let (ledger, blobs) = trial.store();
    let reception = Reception { strategy: MergeStrategy::Service, trusted: false, ..Reception::default() };
    let loading = transfer::load(ledger, blobs, Arc::clone(pod), reception, "pod".into(), Origin::default());
    trial.runtime.block_on(loading).is_ok()
}

/// Loads a pod while the disk has a fault at an operation. Whether it came to that.
fn tried(bytes: &[u8], of_pod: &BTreeMap<u8, BlobId>, at: u8, fault: Fault, end: &Act) -> bool {
    let mut trial = store();
    let before = trial.codes();
    let staging = trial.data_dir().join("staging");
    let pod = Arc::new(read::read(bytes, &staging, u64::MAX).expect("is a pod"));
    trial.act(&Act::Disk(at, fault));
    let is_loaded = load(&trial, &pod);
    let had_fault = faults::is_well(trial.data_dir()) || matches!(fault, Fault::Crash(_)) && !is_loaded;

    trial.expect(of_pod, is_loaded);
    trial.act(end);
    let what = format!("{fault:?} at operation {at}, then {end:?}");
    let found = trial.codes();
    let mut after = before.clone();
    after.extend(of_pod);
    assert!(found == after || found == before && !is_loaded, "{what}: loaded {is_loaded}, {found:?} of {after:?}");
    assert_eq!(events(&trial), if found == after { EVENTS } else { 0 }, "{what}: events come with all else");

    trial.heal();
    let pod = Arc::new(read::read(bytes, &staging, u64::MAX).expect("is a pod"));
    assert!(load(&trial, &pod), "{what}: it can be loaded when the disk is well");
    trial.expect(of_pod, true);
    trial.check(&what);
    assert_eq!(events(&trial), EVENTS, "{what}: each once");

    had_fault
}

fn at_every_operation(fault: Fault, end: &Act) {
    let (bytes, of_pod) = pod();
    let tried = (0..MOST).take_while(|at| tried(&bytes, &of_pod, *at, fault, end)).count();
    assert!((10..usize::from(MOST)).contains(&tried), "{fault:?}: {tried} operations");
}

#[test]
fn a_disk_that_is_full_once_leaves_all_of_a_pod_or_nothing() {
    at_every_operation(Fault::Fails(28), &Act::Restart);
}

#[test]
fn a_write_that_ends_early_leaves_all_of_a_pod_or_nothing() {
    at_every_operation(Fault::Short(600), &Act::Restart);
}

#[test]
fn a_power_cut_leaves_all_of_a_pod_or_nothing() {
    for lost in [true, false] {
        at_every_operation(Fault::Crash(500), &Act::PowerCut(vec![lost; 40], if lost { 5 } else { 0 }));
    }
}
