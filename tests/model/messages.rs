//! Messages of queues, carried in pods, over a store on disk.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use larder::blobs::BlobStore;
use larder::desk::pods::{LoadQuery, PodsError, SaveRequest, save_to};
use larder::ledger::Ledger;
use larder::model::event::Origin;
use larder::model::names::Scope;
use larder::model::queues::QueueKey;
use larder::model::queues::command::{CreateQueue, QueueCommand};
use larder::pods::messages::bring::LoadedMessages;
use larder::runs::RunId;
use larder::runs::command::{MessageCommand, RunCommand};
use larder::runs::messages::{AttributeValue, MessageAttribute, QueuedMessage, Sending};
use serde_json::{Value, json};

use crate::hot_pods::store;
use crate::pod_file::{entries, made};
use crate::queue::{lines_of, load, saved, trusting};

const PART: &str = "messages.jsonl";

fn key(name: &str) -> QueueKey {
    let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
    QueueKey { scope, name: name.into() }
}

/// A store with a queue, its dead-letter queue, and a FIFO queue.
async fn with_queues(folder: &Path) -> (Arc<Ledger>, Arc<BlobStore>) {
    let (ledger, blobs) = store(folder);
    let redrive = json!({ "deadLetterTargetArn": key("dead").arn(), "maxReceiveCount": 2 }).to_string();
    for (name, attribute) in [
        ("dead", ("DelaySeconds", "0".to_owned())),
        ("q", ("RedrivePolicy", redrive)),
        ("q.fifo", ("FifoQueue", "true".to_owned())),
    ] {
        let attributes = [(attribute.0.to_owned(), attribute.1)].into();
        let create = QueueCommand::Create(CreateQueue { key: key(name), attributes, tags: BTreeMap::new() });
        ledger.commit(create.into(), Origin::default(), None).await.expect("is made");
    }
    (ledger, blobs)
}

fn message(id: &str, body: &str) -> QueuedMessage {
    QueuedMessage {
        message_id: id.to_owned(),
        body: body.to_owned(),
        attributes: BTreeMap::new(),
        trace_header: None,
        sender: "s".into(),
        group: None,
        deduplication: None,
    }
}

fn in_group(id: &str, group: &str) -> QueuedMessage {
    QueuedMessage { group: Some(group.into()), deduplication: Some(id.into()), ..message(id, id) }
}

async fn ask(ledger: &Ledger, queue: &str, command: MessageCommand) -> Vec<RunId> {
    let committed = ledger.commit_run(RunCommand::Messages(key(queue), command)).await;
    committed.expect("is done").told.entries
}

async fn send(ledger: &Ledger, queue: &str, messages: Vec<QueuedMessage>) {
    let sending = messages.into_iter().map(|message| Sending { message, delay_s: None });
    ask(ledger, queue, MessageCommand::Send(sending.collect())).await;
}

/// What is received of a queue: message ids, how often each was received, and where a dead letter came from.
async fn receive(ledger: &Ledger, queue: &QueueKey) -> Vec<(String, u32, Option<String>)> {
    let receive = MessageCommand::Receive { most: 10, visibility_s: Some(0) };
    let received = ledger.commit_run(RunCommand::Messages(queue.clone(), receive)).await.expect("is done").told.entries;
    let mut found = BTreeMap::new();
    ledger.messages(&received, |id, message| drop(found.insert(id, message.message_id))).expect("reads");
    let runs = ledger.runs();
    let shown = received.iter().map(|id| {
        let state = runs.messages.get(*id).expect("is there");
        (found[id].clone(), state.receives, state.dead_letter_source().map(QueueKey::arn))
    });
    shown.collect()
}

fn with_messages() -> SaveRequest {
    SaveRequest { with_messages: true, ..SaveRequest::default() }
}

/// A store whose queues have messages: waiting, in flight, deleted, and a dead letter.
async fn filled(folder: &Path) -> (Arc<Ledger>, Arc<BlobStore>) {
    let (ledger, blobs) = with_queues(folder).await;
    let dead = message("m-dead", "poison");
    send(&ledger, "q", vec![dead]).await;
    for _ in 0..3 {
        ask(&ledger, "q", MessageCommand::Receive { most: 1, visibility_s: Some(0) }).await;
    }
    send(&ledger, "q", vec![message("m-1", "in flight")]).await;
    ask(&ledger, "q", MessageCommand::Receive { most: 1, visibility_s: Some(3600) }).await;
    let text = |text: &str| MessageAttribute { data_type: "String".into(), value: AttributeValue::Text(text.into()) };
    let bytes = MessageAttribute { data_type: "Binary.x".into(), value: AttributeValue::Binary(vec![0, 1, 2].into()) };
    let attributes = [("password".to_owned(), text("hidden")), ("b".to_owned(), bytes)].into();
    let body = r#"{"order":1,"password":"hidden"}"#;
    send(&ledger, "q", vec![QueuedMessage { attributes, ..message("m-2", body) }]).await;
    send(&ledger, "q.fifo", vec![in_group("f-1", "x"), in_group("f-2", "x"), in_group("f-3", "x")]).await;
    let first = ask(&ledger, "q.fifo", MessageCommand::Receive { most: 1, visibility_s: None }).await;
    let receipt = larder::runs::command::Receipt { id: first[0], receives: 1 };
    ask(&ledger, "q.fifo", MessageCommand::Delete(vec![receipt])).await;
    (ledger, blobs)
}

#[tokio::test]
async fn messages_travel_in_pods_and_come_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ledger, blobs) = filled(folder.path()).await;
    assert!(entries(&saved(&ledger, &blobs, SaveRequest::default())).iter().all(|(path, _)| path != PART));
    let pod = saved(&ledger, &blobs, with_messages());
    assert!(saved(&ledger, &blobs, with_messages()) == pod, "the same state, the same bytes");
    let ids: Vec<_> = lines_of(&pod, PART).iter().map(|line| line["message_id"].clone()).collect();
    assert_eq!(ids, ["m-dead", "m-1", "m-2", "f-2", "f-3"], "in their order, without what was deleted");
    let some = saved(&ledger, &blobs, SaveRequest { only: vec!["queue:q.fifo".into()], ..with_messages() });
    assert_eq!(lines_of(&some, PART).len(), 2, "those of the chosen queues");
    let at = SaveRequest { at: Some("1".into()), ..with_messages() };
    assert!(matches!(save_to(&ledger, &blobs, at, &mut Vec::new()), Err(PodsError::Invalid(_))));

    // A stranger's are left out, and its queues come.
    let other = tempfile::tempdir().expect("a folder");
    let to = store(other.path());
    let loaded = load(&to, &pod, LoadQuery::default()).await.expect("is loaded");
    assert_eq!(loaded.messages, LoadedMessages { left_out: 5, ..LoadedMessages::default() });
    assert_eq!((to.0.state().queues.len(), to.0.runs().messages.iter().count()), (3, 0));
    let expected = LoadedMessages { taken_in: 5, ..LoadedMessages::default() };
    let dry = load(&to, &pod, LoadQuery { dry_run: true, ..trusting() }).await.expect("is told");
    assert_eq!((dry.messages, to.0.runs().sequence), (expected, 0));

    assert_eq!(load(&to, &pod, trusting()).await.expect("is loaded").messages, expected);
    let again = load(&to, &pod, trusting()).await.expect("is loaded").messages;
    assert_eq!(again, LoadedMessages { already_here: 5, ..LoadedMessages::default() });
    to.0.close().expect("closes");
    drop(to);

    let to = store(other.path());
    let there = |id: &str, receives: u32| (id.to_owned(), receives, None::<String>);
    assert_eq!(receive(&to.0, &key("q")).await, [there("m-1", 2), there("m-2", 1)], "receives stay counted");
    assert_eq!(receive(&to.0, &key("dead")).await, [("m-dead".to_owned(), 1, Some(key("q").arn()))]);
    assert_eq!(receive(&to.0, &key("q.fifo")).await, [there("f-2", 1), there("f-3", 1)]);
    // One that was received as often as it may be goes where it would have gone.
    assert_eq!(receive(&to.0, &key("q")).await, [there("m-2", 2)]);
    assert_eq!(receive(&to.0, &key("dead")).await.len(), 2);
    ledger.close().expect("closes");
    to.0.close().expect("closes");
}

#[tokio::test]
async fn messages_move_with_their_queues_and_lose_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ledger, blobs) = filled(folder.path()).await;
    let redacted = saved(&ledger, &blobs, SaveRequest { redact: vec!["auto".into()], ..with_messages() });
    let line = &lines_of(&redacted, PART)[2];
    assert_eq!(line["body"], r#"{"order":1,"password":"REDACTED"}"#);
    assert_eq!(
        (&line["attributes"]["password"]["text"], &line["attributes"]["b"]["binary"]),
        (&json!("REDACTED"), &json!("AAEC"))
    );

    let other = tempfile::tempdir().expect("a folder");
    let to = store(other.path());
    let pod = saved(&ledger, &blobs, with_messages());
    assert_eq!(lines_of(&pod, PART)[2]["body"], r#"{"order":1,"password":"hidden"}"#);
    let region = Some("ap-south-2".to_owned());
    let query = LoadQuery { account: Some("999999999999".into()), region, ..trusting() };
    assert_eq!(load(&to, &pod, query).await.expect("is loaded").messages.taken_in, 5);
    let scope = Scope { account: "999999999999".into(), region: "ap-south-2".into() };
    let there = |name: &str| QueueKey { scope: scope.clone(), name: name.into() };
    assert_eq!(receive(&to.0, &there("dead")).await, [("m-dead".to_owned(), 1, Some(there("q").arn()))]);
    assert_eq!(receive(&to.0, &there("q")).await.len(), 2);
    ledger.close().expect("closes");
    to.0.close().expect("closes");
}

#[tokio::test]
async fn hostile_messages_are_refused_with_their_line_and_nothing_is_loaded() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ledger, blobs) = filled(folder.path()).await;
    let pod = saved(&ledger, &blobs, with_messages());
    let good = lines_of(&pod, PART);
    let with = |bytes: Vec<u8>| {
        let mut entries = entries(&pod);
        let manifest = serde_json::from_slice(&entries[0].1).expect("is JSON");
        entries.iter_mut().find(|(path, _)| path == PART).expect("has messages").1 = bytes;
        made(entries, manifest)
    };
    // The second line is one of a standard queue, the fourth of a FIFO queue.
    let changed = |line: usize, change: &dyn Fn(&mut Value)| {
        let mut second = good[line].clone();
        change(&mut second);
        with(format!("{}\n{second}\n", good[0]).into_bytes())
    };

    let other = tempfile::tempdir().expect("a folder");
    let to = store(other.path());
    let long = "a".repeat(1_048_577);
    for (bytes, reason) in [
        (with(b"\n".to_vec()), "line 1 of messages.jsonl cannot be read"),
        (with(good[0].to_string().into_bytes()), "line 1 of messages.jsonl has no end"),
        (changed(1, &|it| it["more"] = 1.into()), "unknown field `more`"),
        (changed(1, &|it| it["receives"] = (-1).into()), "line 2 of messages.jsonl cannot be read"),
        (changed(1, &|it| it["queue"]["name"] = "other".into()), "is in the queue other, which the pod has not"),
        (changed(1, &|it| it["queue"]["scope"]["region"] = "x".into()), "which the pod has not"),
        (changed(1, &|it| it["message_id"] = "a\nb".into()), "has no message id that can be one"),
        (changed(1, &|it| it["body"] = "".into()), "has a body that cannot be one"),
        (changed(1, &|it| it["body"] = "\u{1}".into()), "has a body that cannot be one"),
        (changed(1, &|it| it["body"] = long.as_str().into()), "has more than 1048576 bytes"),
        (changed(1, &|it| it["sender"] = "a\r\nb".into()), "has a trace or a sender that cannot be one"),
        (changed(1, &|it| it["deduplication"] = "d".into()), "has a message group or a deduplication id"),
        (changed(3, &|it| it["group"] = Value::Null), "has a message group or a deduplication id"),
        (changed(3, &|it| it["group"] = "a b".into()), "has a message group or a deduplication id"),
        (changed(2, &|it| it["attributes"]["b"]["binary"] = "%".into()), "line 2 of messages.jsonl cannot be read"),
        (changed(2, &|it| it["attributes"]["b"]["text"] = "x".into()), "either a text or bytes"),
        (changed(2, &|it| it["attributes"]["b"]["data_type"] = "String".into()), "has attributes that cannot be such"),
    ] {
        let error = load(&to, &bytes, trusting()).await.expect_err(reason).to_string();
        assert!(error.contains(reason), "{reason}: {error}");
        assert_eq!((to.0.state().sequence, to.0.runs().sequence), (0, 0), "{reason}: nothing is loaded");
    }
    assert_eq!(load(&to, &with(Vec::new()), trusting()).await.expect("there is none").messages.taken_in, 0);
    ledger.close().expect("closes");
    to.0.close().expect("closes");
}
