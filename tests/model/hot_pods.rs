//! Hot-reload folders in pods that others made.

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use larder::blobs::BlobStore;
use larder::desk::pods::{LoadQuery, load_from};
use larder::ledger::{Durability, Ledger, LedgerOptions};
use larder::model::event::Origin;
use larder::model::functions::Content;
use larder::model::hot_folder::HotFolder;
use larder::model::limits::Limits;
use larder::model::resource::Resource;
use larder::pods::write::{Contents, write};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

use crate::commands::steps;
use crate::properties::run;

/// A function that runs from `folder`.
pub fn function(folder: &str) -> Resource {
    let mut runner = TestRunner::deterministic();
    loop {
        let steps = steps().new_tree(&mut runner).expect("steps").current();
        let (state, _) = run(&steps, &Limits::default());
        let Some(function) = state.functions.values().next() else { continue };
        let mut latest = (*function.latest).clone();
        latest.code = Content::Folder(HotFolder(folder.to_owned())).into();
        Arc::make_mut(&mut latest.config).layers.clear();
        let mut function = (*function).clone();
        (function.latest, function.latest_published) = (Arc::new(latest), None);
        (function.versions, function.aliases) = Default::default();
        return Resource::Function(function.key.clone(), Arc::new(function));
    }
}

pub fn store(folder: &Path) -> (Arc<Ledger>, Arc<BlobStore>) {
    let options =
        LedgerOptions { path: folder.join("store"), durability: Durability::Always, limits: Limits::default() };
    let ledger = Arc::new(Ledger::open(options).expect("opens"));
    let blobs = Arc::new(BlobStore::open(&folder.join("blobs"), ledger.small_blobs()).expect("opens"));
    (ledger, blobs)
}

#[tokio::test]
async fn no_path_in_a_pod_reaches_into_the_machine_that_loads_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ledger, blobs) = store(folder.path());
    let mut pod = Vec::new();
    let resources = vec![function("/home/somebody/.ssh")];
    let (history, events, messages, upstream_calls) = (None, None, None, None);
    let contents = Contents {
        store: "s".into(),
        sequence: 1,
        time: 1,
        message: None,
        upstream: Vec::new(),
        blobs: resources.iter().flat_map(Resource::blobs).collect(),
        resources,
        history,
        events,
        messages,
        upstream_calls,
        report: None,
    };
    write(&contents, &blobs, &mut pod).expect("is written");
    let query = LoadQuery { merge: Some("overwrite".into()), ..LoadQuery::default() };
    let loaded = load_from(&ledger, &blobs, Cursor::new(pod), folder.path(), query, Origin::default()).await;
    let needed = loaded.expect("is loaded").whole().expect("it is as it says").needed_variables;
    let state = ledger.state();
    let function = state.functions.values().next().expect("is there");
    let variable = HotFolder::portable_variable(function.key.name.as_str());
    assert_eq!(needed[0].variable, variable);
    assert_eq!(function.latest.code, Content::Folder(HotFolder(format!("${variable}"))).into());
    ledger.close().expect("closes");
}
