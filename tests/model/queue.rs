//! Events that wait: brought forward, dropped, waited for, carried in pods, over a store on disk.

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use larder::blobs::BlobStore;
use larder::desk::answers::{DroppedEvents, Retried, Standing};
use larder::desk::pods::{LoadQuery, LoadedPod, PodsError, SaveRequest, load_from, save_to};
use larder::desk::queue::change::{self, ChangeRequest};
use larder::desk::queue::list::{self, QueueQuery};
use larder::desk::queue::{Chosen, Queue, QueueError, wait};
use larder::ledger::difference::Secrets;
use larder::ledger::point::Point;
use larder::ledger::{Durability, Ledger, LedgerError, LedgerOptions};
use larder::model::event::Origin;
use larder::model::history::Cause;
use larder::model::history::command::HistoryCommand;
use larder::model::limits::Limits;
use larder::model::merge::MergeStrategy;
use larder::model::names::FunctionKey;
use larder::model::resource::Resource;
use larder::model::resource_pattern::ResourcePattern;
use larder::model::time::Timestamp;
use larder::pods::events::bring::LoadedEvents;
use larder::runs::command::{Fate, RunCommand};
use larder::runs::waits::Waiting;
use larder::runs::{Attempts, NEVER, RunId, WaitingEvent};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::hot_pods::{function, store};
use crate::pod_file::{entries, made};

/// Far ahead.
const LATER: Timestamp = Timestamp(u64::MAX / 2);

/// A store with functions of these names.
async fn filled(folder: &Path, names: &[&str]) -> (Arc<Ledger>, Arc<BlobStore>) {
    let (ledger, blobs) = store(folder);
    let Resource::Function(_, first) = function("$LARDER_HOT_X") else { panic!("is a function") };
    let incoming = names.iter().map(|name| {
        let mut function = (*first).clone();
        function.key.name = (*name).into();
        function.event_invoke.clear();
        Resource::Function(function.key.clone(), Arc::new(function))
    });
    let (digest, source) = (String::new(), String::new());
    let cause = Cause::PodLoaded { digest, source, message: None, strategy: "service".into() };
    let command =
        HistoryCommand::Merge { incoming: incoming.collect(), strategy: MergeStrategy::Service, trusted: true, cause };
    ledger.commit(command.into(), Origin::default(), None).await.expect("is there");
    (ledger, blobs)
}

fn key(ledger: &Ledger, name: &str) -> FunctionKey {
    let state = ledger.state();
    state.functions.keys().find(|key| key.name.as_str() == name).expect("is there").clone()
}

/// Has an event accepted; its id.
async fn accept(ledger: &Ledger, name: &str, request_id: &str, payload: &Value) -> RunId {
    let event = WaitingEvent { request_id: request_id.to_owned(), ..WaitingEvent::of(key(ledger, name)) };
    let payload = payload.to_string().into();
    ledger.commit_run(RunCommand::Accept { event: Box::new(event), payload }).await.expect("is accepted");
    ledger.runs().events.iter().map(|(id, _)| *id).last().expect("it waits")
}

/// The same, tried once and put off.
async fn put_off(ledger: &Ledger, name: &str, request_id: &str) -> RunId {
    let id = accept(ledger, name, request_id, &json!({ "order": 1, "password": "hidden" })).await;
    let attempts = Attempts { failed: 1, held_back: 0 };
    ledger.commit_run(RunCommand::Delay { id, due: LATER, attempts }).await.expect("is put off");
    id
}

fn all(function: Option<&str>) -> ChangeRequest {
    ChangeRequest { id: None, all: true, function: function.map(str::to_owned) }
}

fn one(id: RunId) -> ChangeRequest {
    ChangeRequest { id: Some(id.0), ..ChangeRequest::default() }
}

#[tokio::test]
async fn events_are_brought_forward_and_dropped() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ledger, _) = filled(folder.path(), &["a", "b"]).await;
    let queue = Queue::at_rest(&ledger);
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(put_off(&ledger, if number < 3 { "a" } else { "b" }, &format!("r-{number}")).await);
    }
    let due = accept(&ledger, "a", "r-due", &json!({})).await;

    assert_eq!(change::retry(&queue, &one(ids[0])).await.expect("is there").retried, 1);
    let waiting = ledger.runs().events.get(&ids[0]).expect("it waits").clone();
    assert!(waiting.due < LATER && waiting.attempts.failed == 1, "due now, with its attempts: {waiting:?}");
    let again = change::retry(&queue, &one(ids[0])).await.expect("is there");
    assert_eq!(again, Retried { retried: 0, due: 1, running: 0 }, "nothing more happens");

    // What runs is left alone; dropped it is not run again.
    queue.running.begin(ids[1], Arc::new(key(&ledger, "a")));
    assert!(matches!(change::retry(&queue, &one(ids[1])).await, Err(QueueError::Runs(_))));
    let rest = change::retry(&queue, &all(Some("a"))).await.expect("are there");
    assert_eq!(rest, Retried { retried: 1, due: 2, running: 1 });
    let dropped = change::drop_events(&queue, &one(ids[1])).await.expect("is there");
    assert_eq!(dropped, DroppedEvents { dropped: 1, running: 1 });
    assert!(matches!(change::drop_events(&queue, &one(ids[1])).await, Err(QueueError::NoEvent(_))));

    let dropped = change::drop_events(&queue, &all(Some("a"))).await.expect("are there");
    assert_eq!(dropped, DroppedEvents { dropped: 3, running: 0 });
    assert!(!ledger.runs().events.contains(&due));
    assert_eq!(ledger.runs().events.len(), 1, "that of the other function");
    assert!(matches!(change::drop_events(&queue, &all(Some("none"))).await, Err(QueueError::NoFunction(_))));
    for no_request in [ChangeRequest::default(), ChangeRequest { all: true, ..one(due) }] {
        assert!(matches!(change::retry(&queue, &no_request).await, Err(QueueError::Invalid(_))));
    }
    ledger.close().expect("closes");
}

#[tokio::test]
async fn lists_and_single_events_say_all_there_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ledger, _) = filled(folder.path(), &["a", "b"]).await;
    let queue = Queue::at_rest(&ledger);
    let id = put_off(&ledger, "b", "r-1").await;
    let running = accept(&ledger, "a", "r-2", &json!({})).await;
    queue.running.begin(running, Arc::new(key(&ledger, "a")));
    let page = list::events(&queue, &QueueQuery::default()).expect("is a page");
    assert_eq!((page.waiting, page.running, page.next), (2, 1, None));
    let standings: Vec<_> = page.events.iter().map(|event| (event.id, event.standing)).collect();
    assert_eq!(standings, [(running.0, Standing::Running), (id.0, Standing::Waiting)], "by function");
    assert_eq!((page.events[1].attempts.failed, page.events[1].request_id.as_str()), (1, "r-1"));

    let of_b = QueueQuery { function: Some("b".into()), ..QueueQuery::default() };
    assert_eq!(list::events(&queue, &of_b).expect("is a page").events.len(), 1);
    let functions = list::functions(&queue, &QueueQuery::default()).expect("is a page").functions;
    let counts: Vec<_> = functions.iter().map(|it| (it.waiting, it.running, it.held)).collect();
    assert_eq!(counts, [(1, 1, 0), (1, 0, 0)]);
    for (secrets, password) in [(Secrets::Masked, "***"), (Secrets::Shown, "hidden")] {
        let shown = list::show(&queue, id.0, secrets).expect("is there");
        assert_eq!(shown.payload, Some(json!({ "order": 1, "password": password })));
    }
    assert!(matches!(list::show(&queue, 999, Secrets::Masked), Err(QueueError::NoEvent(999))));
    ledger.close().expect("closes");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_is_woken_when_nothing_waits_or_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ledger, _) = filled(folder.path(), &["a", "b"]).await;
    let queue = Queue::at_rest(&ledger);
    let never = CancellationToken::new();
    let id = accept(&ledger, "a", "r", &json!({})).await;
    let of = |name: &str| Chosen::parse(&queue, Some(name)).expect("is there");
    let long = Duration::from_secs(60);
    assert!(wait::wait(&queue, &of("b"), long, &never).await.done, "the other one has no event");
    let looked = wait::wait(&queue, &of("a"), Duration::ZERO, &never).await;
    assert_eq!((looked.done, looked.waiting), (false, 1));

    // Dropped while it runs, it is waited for until it has ended.
    queue.running.begin(id, Arc::new(key(&ledger, "a")));
    let waiting = tokio::spawn({
        let (queue, chosen) = (queue.clone(), of("*"));
        async move {
            let waited = wait::wait(&queue, &chosen, long, &CancellationToken::new()).await;
            (waited, Instant::now())
        }
    });
    ledger.commit_run(RunCommand::End(id)).await.expect("is dropped");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiting.is_finished(), "it still runs");
    let ended = Instant::now();
    queue.running.end(id);
    let (waited, woken) = waiting.await.expect("waits");
    assert!(waited.done && woken - ended < Duration::from_secs(5));

    // What is held keeps nobody waiting, and the server's end is not held up.
    let held = WaitingEvent { request_id: "held".into(), ..WaitingEvent::of(key(&ledger, "a")) };
    let bring = |trusted| RunCommand::Bring {
        event: Box::new(held.clone()),
        payload: "{}".into(),
        attempts: Attempts::default(),
        trusted,
    };
    ledger.commit_run(bring(false)).await.expect("is taken in");
    let waited = wait::wait(&queue, &of("a"), long, &never).await;
    assert_eq!((waited.done, waited.waiting, waited.held), (true, 0, 1));
    ledger.commit_run(bring(true)).await.expect("is taken in");
    never.cancel();
    assert!(!wait::wait(&queue, &of("a"), long, &never).await.done);
    ledger.close().expect("closes");
}

#[tokio::test]
async fn a_rewind_keeps_events_or_drops_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ledger, _) = filled(folder.path(), &["a", "b"]).await;
    for name in ["a", "a", "b"] {
        put_off(&ledger, name, "r").await;
    }
    let now = ledger.state().sequence;
    let kept = Fate::default();
    let dropped = Fate { drops_events: true, ..kept };
    let rewind = async |to: u64, only: &[ResourcePattern], fate| {
        let rewound = ledger.rewind(Point::Sequence(to), only, fate, LATER, Origin::default()).await.expect("rewinds");
        (rewound.waiting, rewound.dropped)
    };
    assert_eq!(rewind(now, &[], kept).await, (3, 0));
    let of_b = [ResourcePattern::parse("function:b").expect("is one")];
    assert_eq!(rewind(now, &of_b, dropped).await, (2, 1), "those of what was chosen");
    assert_eq!(rewind(0, &[], kept).await, (0, 2), "their functions are gone");
    rewind(now, &[], kept).await;
    put_off(&ledger, "b", "r").await;
    assert_eq!(rewind(now, &[], dropped).await, (0, 1));
    ledger.close().expect("closes");
}

/// Commands in turn see what those before them did, and are all or nothing.
#[tokio::test]
async fn commands_in_turn_are_all_or_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ledger, _) = filled(folder.path(), &["a"]).await;
    let id = put_off(&ledger, "a", "r").await;
    let mut unknown = key(&ledger, "a");
    unknown.name = "none".into();
    let bring = |function: FunctionKey| RunCommand::Bring {
        event: Box::new(WaitingEvent::of(function)),
        payload: "{}".into(),
        attempts: Attempts { failed: 2, held_back: 1 },
        trusted: false,
    };
    let before = ledger.runs();
    let refused = RunCommand::InTurn(vec![RunCommand::End(id), bring(unknown)]);
    ledger.commit_run(refused).await.expect_err("one is refused");
    assert!(ledger.runs() == before);

    let twice = vec![RunCommand::End(id), bring(key(&ledger, "a")), RunCommand::End(id), bring(key(&ledger, "a"))];
    let committed = ledger.commit_run(RunCommand::InTurn(twice)).await.expect("are done");
    assert_eq!((committed.told.ended, committed.waiting), (1, 2));
    let runs = (*ledger.runs()).clone();
    let is_brought =
        |(_, waiting): (&RunId, &Waiting<FunctionKey>)| waiting.due == NEVER && waiting.attempts.failed == 2;
    assert!(runs.events.iter().all(is_brought), "{runs:?}");
    let payloads =
        runs.events.iter().map(|(id, _)| *id).map(|id| ledger.waiting_event(id).expect("reads").expect("waits").1);
    assert!(payloads.into_iter().all(|payload| payload == "{}"));
    ledger.close().expect("closes");
    drop(ledger);
    let path = folder.path().join("store");
    let options = || LedgerOptions { path: path.clone(), durability: Durability::Always, limits: Limits::default() };
    let is_held = |error: &LedgerError| error.to_string().contains("could not acquire lock");
    let ledger = crate::ledger::when_free(|| Ledger::open(options()), is_held).expect("opens again");
    assert!(*ledger.runs() == runs, "a replay says the same");
    ledger.close().expect("closes");
}

/// The bytes of a pod.
pub fn saved(ledger: &Ledger, blobs: &BlobStore, request: SaveRequest) -> Vec<u8> {
    let mut pod = Vec::new();
    save_to(ledger, blobs, request, &mut pod).expect("is saved");
    pod
}

fn with_events() -> SaveRequest {
    SaveRequest { with_events: true, ..SaveRequest::default() }
}

/// Loads a pod.
pub async fn load(
    (ledger, blobs): &(Arc<Ledger>, Arc<BlobStore>),
    pod: &[u8],
    query: LoadQuery,
) -> Result<LoadedPod, PodsError> {
    let staging = tempfile::tempdir().expect("a folder");
    let source = Cursor::new(pod.to_vec());
    let loaded = load_from(ledger, blobs, source, staging.path(), query, Origin::default()).await;
    loaded.map(|loaded| loaded.whole().expect("it is as it says"))
}

/// A load that vouches for the pod.
pub fn trusting() -> LoadQuery {
    LoadQuery { trust: true, ..LoadQuery::default() }
}

#[tokio::test]
async fn events_travel_in_pods_and_come_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ledger, blobs) = filled(folder.path(), &["a", "b"]).await;
    let without = saved(&ledger, &blobs, SaveRequest::default());
    put_off(&ledger, "a", "r-1").await;
    accept(&ledger, "b", "r-2", &json!({ "text": "ünï\n\u{1}" })).await;
    assert!(saved(&ledger, &blobs, SaveRequest::default()) == without, "a pod without is as before");
    let pod = saved(&ledger, &blobs, with_events());
    assert!(saved(&ledger, &blobs, with_events()) == pod, "the same state, the same bytes");
    let paths: Vec<_> = entries(&pod).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths[1..3], ["state.json", "events.jsonl"]);
    let some = saved(&ledger, &blobs, SaveRequest { only: vec!["function:a".into()], ..with_events() });
    assert_eq!(lines(&some).len(), 1, "those of the chosen functions");
    let at = SaveRequest { at: Some("1".into()), ..with_events() };
    assert!(matches!(save_to(&ledger, &blobs, at, &mut Vec::new()), Err(PodsError::Invalid(_))));

    let other = tempfile::tempdir().expect("a folder");
    let to = store(other.path());
    let queue = Queue::at_rest(&to.0);
    let sequence = to.0.state().sequence;
    let dry = load(&to, &pod, LoadQuery { dry_run: true, ..LoadQuery::default() }).await.expect("is told");
    let expected = LoadedEvents { taken_in: 2, held: 2, waiting: 2, ..LoadedEvents::default() };
    assert_eq!((dry.events, to.0.runs().events.len(), to.0.state().sequence), (expected, 0, sequence));

    // A stranger's are held; loaded once more they are not there twice, and trusted they are due.
    assert_eq!(load(&to, &pod, LoadQuery::default()).await.expect("is loaded").events, expected);
    assert!(to.0.runs().events.iter().all(|(_, waiting)| waiting.due == NEVER));
    let again = load(&to, &pod, LoadQuery::default()).await.expect("is loaded").events;
    assert_eq!(again, LoadedEvents { already_here: 2, waiting: 2, ..LoadedEvents::default() });
    let trusted = load(&to, &pod, trusting()).await.expect("is loaded").events;
    assert_eq!(trusted, LoadedEvents { already_here: 2, waiting: 2, ..LoadedEvents::default() });
    let now = Timestamp(u64::MAX / 4);
    assert!(to.0.runs().events.iter().all(|(_, waiting)| waiting.due < now), "they are due");
    let page = list::events(&queue, &QueueQuery::default()).expect("is a page");
    assert_eq!(page.events.iter().map(|event| event.attempts.failed).collect::<Vec<_>>(), [1, 0], "counted on");
    let second = list::show(&queue, page.events[1].id, Secrets::Shown).expect("is there");
    assert_eq!(second.payload, Some(json!({ "text": "ünï\n\u{1}" })));

    // Dropped with the load, those of the pod are taken in anew.
    let dropping = LoadQuery { drop_events: true, ..trusting() };
    let dropped = load(&to, &pod, dropping).await.expect("is loaded").events;
    assert_eq!(dropped, LoadedEvents { taken_in: 2, waiting: 2, dropped: 2, ..LoadedEvents::default() });
    // A pod without events leaves them, but for those of functions that are gone.
    let only = saved(&ledger, &blobs, SaveRequest { only: vec!["function:a".into()], ..SaveRequest::default() });
    let kept = load(&to, &only, trusting()).await.expect("is loaded").events;
    assert_eq!(kept, LoadedEvents { waiting: 1, dropped: 1, ..LoadedEvents::default() });
    ledger.close().expect("closes");
    to.0.close().expect("closes");
}

#[tokio::test]
async fn events_move_with_their_functions_and_lose_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ledger, blobs) = filled(folder.path(), &["a"]).await;
    put_off(&ledger, "a", "r-1").await;
    let redacted = saved(&ledger, &blobs, SaveRequest { redact: vec!["auto".into()], ..with_events() });
    let payload = |pod: &[u8]| lines(pod)[0]["payload"].as_str().expect("a text").to_owned();
    assert_eq!(payload(&redacted), r#"{"order":1,"password":"REDACTED"}"#);
    let pod = saved(&ledger, &blobs, with_events());
    assert_eq!(payload(&pod), r#"{"order":1,"password":"hidden"}"#);

    let other = tempfile::tempdir().expect("a folder");
    let to = store(other.path());
    let query = LoadQuery {
        account: Some("999999999999".into()),
        region: Some("ap-south-2".into()),
        rename: "a=z".into(),
        ..trusting()
    };
    assert_eq!(load(&to, &pod, query).await.expect("is loaded").events.taken_in, 1);
    let page = list::events(&Queue::at_rest(&to.0), &QueueQuery::default()).expect("is a page");
    assert_eq!(page.events[0].function, "arn:aws:lambda:ap-south-2:999999999999:function:z");
    ledger.close().expect("closes");
    to.0.close().expect("closes");
}

/// The events of a pod, as they lie in it.
fn lines(pod: &[u8]) -> Vec<Value> {
    lines_of(pod, "events.jsonl")
}

/// The lines of a part of a pod.
pub fn lines_of(pod: &[u8], part: &str) -> Vec<Value> {
    let (_, bytes) = entries(pod).into_iter().find(|(path, _)| path == part).expect("has the part");
    let text = String::from_utf8(bytes).expect("is text");
    text.lines().map(|line| serde_json::from_str(line).expect("is JSON")).collect()
}

#[tokio::test]
async fn hostile_events_are_refused_with_their_line_and_nothing_is_loaded() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ledger, blobs) = filled(folder.path(), &["a"]).await;
    for number in 0..2 {
        put_off(&ledger, "a", &format!("r-{number}")).await;
    }
    let pod = saved(&ledger, &blobs, with_events());
    let good = lines(&pod);
    let with = |bytes: Vec<u8>| {
        let mut entries = entries(&pod);
        let manifest = serde_json::from_slice(&entries[0].1).expect("is JSON");
        entries.iter_mut().find(|(path, _)| path == "events.jsonl").expect("has events").1 = bytes;
        made(entries, manifest)
    };
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut second = good[1].clone();
        change(&mut second);
        with(format!("{}\n{second}\n", good[0]).into_bytes())
    };

    let other = tempfile::tempdir().expect("a folder");
    let to = store(other.path());
    let first = good[0].to_string();
    for (bytes, reason) in [
        (with(format!("{first}\n{first}").into_bytes()), "line 2 of events.jsonl has no end"),
        (with(b"\n".to_vec()), "line 1 of events.jsonl cannot be read"),
        (with(format!("{first}\n[[[").into_bytes()), "line 2 of events.jsonl has no end"),
        (with([&b"\xff\xfe"[..], first.as_bytes(), b"\n"].concat()), "line 1 of events.jsonl cannot be read"),
        (changed(&|it| it["more"] = 1.into()), "unknown field `more`"),
        (changed(&|it| it["event"]["more"] = 1.into()), "unknown field `more`"),
        (changed(&|it| it["failed"] = (-1).into()), "line 2 of events.jsonl cannot be read"),
        (changed(&|it| it["payload"] = "{".into()), "line 2 of events.jsonl has a payload that is no JSON"),
        (changed(&|it| it["event"]["function"]["name"] = "b".into()), "is for the function b, which the pod has not"),
        (changed(&|it| it["event"]["function"]["scope"]["region"] = "x".into()), "which the pod has not"),
        (changed(&|it| it["event"]["request_id"] = "a\r\nb".into()), "has no request id that can be one"),
        (changed(&|it| it["event"]["request_id"] = "".into()), "has no request id that can be one"),
        (changed(&|it| it["event"]["qualifier"] = "../x".into()), "has a qualifier that cannot be one"),
        (changed(&|it| it["event"]["trace_id"] = "a\nb".into()), "has a trace that cannot be one"),
        (changed(&|it| it["event"]["tenant_id"] = "a".repeat(257).into()), "has a tenant that cannot be one"),
    ] {
        let error = load(&to, &bytes, trusting()).await.expect_err(reason).to_string();
        assert!(error.contains(reason), "{reason}: {error}");
        assert_eq!((to.0.state().sequence, to.0.runs().sequence), (0, 0), "{reason}: nothing is loaded");
    }
    assert_eq!(load(&to, &with(Vec::new()), trusting()).await.expect("none waits").events.taken_in, 0);
    ledger.close().expect("closes");
    to.0.close().expect("closes");
}
