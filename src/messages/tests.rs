//! Queues over a store on disk, that is opened again.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{Counts, Messages, MessagesError, NewMessage, ReceiptError, Received, Sent, Wanted};
use crate::ledger::{Durability, Ledger, LedgerOptions};
use crate::model::event::Origin;
use crate::model::limits::Limits;
use crate::model::names::Scope;
use crate::model::queues::QueueKey;
use crate::model::queues::command::{CreateQueue, QueueCommand};

fn key(name: &str) -> QueueKey {
    let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
    QueueKey { scope, name: name.into() }
}

fn open(folder: &Path) -> Messages {
    let options = LedgerOptions { path: folder.into(), durability: Durability::Always, limits: Limits::default() };
    Messages::new(Arc::new(Ledger::open(options).expect("opens")))
}

async fn create(messages: &Messages, name: &str, attributes: &[(&str, &str)]) -> QueueKey {
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let create = QueueCommand::Create(CreateQueue { key: key(name), attributes, tags: BTreeMap::new() });
    messages.ledger.commit(create.into(), Origin::default(), None).await.expect("is created");
    key(name)
}

fn text(body: &str) -> NewMessage {
    NewMessage { body: body.to_owned(), ..NewMessage::default() }
}

fn grouped(group: &str, id: &str) -> NewMessage {
    NewMessage { group: Some(group.to_owned()), deduplication: Some(id.to_owned()), ..text(id) }
}

fn now(most: usize) -> Wanted {
    Wanted { most, wait: Duration::ZERO, visibility_s: None, attempt: None }
}

fn bodies(received: &[Received]) -> Vec<&str> {
    received.iter().map(|received| received.message.body.as_str()).collect()
}

async fn delete(messages: &Messages, queue: &QueueKey, received: &[Received]) {
    let receipts: Vec<_> = received.iter().map(|received| received.receipt.clone()).collect();
    let deleted = messages.delete(queue, &receipts).await.expect("are deleted");
    assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
}

#[tokio::test]
async fn what_was_sent_received_and_deleted_is_so_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let messages = open(folder.path());
    let queue = create(&messages, "q", &[]).await;
    messages.send(&queue, vec![text("a"), text("b"), text("c")]).await.expect("are sent");
    let first = messages.receive(&queue, &now(2)).await.expect("are received");
    assert_eq!(bodies(&first), ["a", "b"]);
    delete(&messages, &queue, &first[..1]).await;
    messages.ledger.close().expect("closes");
    drop(messages);

    let messages = open(folder.path());
    assert_eq!(messages.counts(&queue), Counts { visible: 1, in_flight: 1, delayed: 0 });
    assert_eq!(bodies(&messages.receive(&queue, &now(10)).await.expect("are received")), ["c"]);
    messages.change_visibility(&queue, &[(first[1].receipt.clone(), 0)]).await.expect("is changed");
    let again = messages.receive(&queue, &now(10)).await.expect("are received");
    assert_eq!((bodies(&again), again[0].receive_count), (vec!["b"], 2));
    assert_eq!(again[0].message.message_id, first[1].message.message_id);

    // A receipt of another receiving deletes nothing.
    messages.delete(&queue, &[first[1].receipt.clone()]).await.expect("is no error");
    assert_eq!(messages.counts(&queue).in_flight, 2);
    let changed = messages.change_visibility(&queue, &[(first[1].receipt.clone(), 0)]).await.expect("is told");
    assert!(matches!(changed[0], Err(ReceiptError::Expired)), "{changed:?}");
    // Of one that can be received again by the same receipt nothing is changed, and nothing is wrong.
    let last = [(again[0].receipt.clone(), 0)];
    for _ in 0..2 {
        let changed = messages.change_visibility(&queue, &last).await.expect("is told");
        assert!(changed[0].is_ok(), "{changed:?}");
    }
    let again = messages.receive(&queue, &now(10)).await.expect("are received");
    delete(&messages, &queue, &again).await;
    messages.purge(&queue).await.expect("is purged");
    assert_eq!(messages.counts(&queue), Counts::default());
}

#[tokio::test]
async fn who_waits_is_woken_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let messages = Arc::new(open(folder.path()));
    let queue = create(&messages, "q", &[]).await;
    let wanted = Wanted { wait: Duration::from_secs(20), ..now(1) };
    let waiting = tokio::spawn({
        let (messages, queue, wanted) = (Arc::clone(&messages), queue.clone(), wanted.clone());
        async move { messages.receive(&queue, &wanted).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    messages.send(&queue, vec![text("now")]).await.expect("is sent");
    let received = tokio::time::timeout(Duration::from_secs(5), waiting).await.expect("in time");
    assert_eq!(bodies(&received.expect("ends").expect("is received")), ["now"]);

    // One that can be received later is received then.
    messages.send(&queue, vec![NewMessage { delay_s: Some(1), ..text("later") }]).await.expect("is sent");
    assert_eq!(messages.counts(&queue).delayed, 1);
    assert_eq!(bodies(&messages.receive(&queue, &wanted).await.expect("is received")), ["later"]);
    let missing = messages.receive(&key("other"), &wanted).await.expect_err("is refused");
    assert!(matches!(&missing, MessagesError::Refused(error) if error.code.name().contains("NonExistentQueue")));
}

#[tokio::test]
async fn a_fifo_queue_keeps_its_order_and_knows_what_came_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let messages = open(folder.path());
    let queue = create(&messages, "q.fifo", &[("FifoQueue", "true")]).await;
    let sent = [grouped("x", "1"), grouped("x", "2"), grouped("y", "3"), grouped("y", "3")];
    let sent = messages.send(&queue, sent.to_vec()).await.expect("are sent");
    assert_eq!(sent[2], sent[3], "a duplicate");
    let numbers = |sent: &[Sent]| sent.iter().map(|sent| sent.sequence_number.clone()).collect::<Vec<_>>();
    assert!(numbers(&sent)[..3].is_sorted() && sent[0].sequence_number.as_ref().is_some_and(|it| it.len() == 20));

    let first = messages.receive(&queue, &now(1)).await.expect("are received");
    assert_eq!(bodies(&first), ["1"]);
    assert_eq!(bodies(&messages.receive(&queue, &now(10)).await.expect("are received")), ["3"], "x is in flight");
    delete(&messages, &queue, &first).await;
    messages.ledger.close().expect("closes");
    drop(messages);

    let messages = open(folder.path());
    let again = messages.send(&queue, vec![grouped("x", "1")]).await.expect("is sent");
    assert_eq!(again[0], sent[0], "it is known after it was deleted, and after a restart");
    let second = messages.receive(&queue, &now(10)).await.expect("are received");
    assert_eq!(bodies(&second), ["2"]);
    messages.change_visibility(&queue, &[(second[0].receipt.clone(), 0)]).await.expect("is changed");
    let late = messages.delete(&queue, &[second[0].receipt.clone()]).await.expect("is told");
    assert!(matches!(late[0], Err(ReceiptError::Expired)), "{late:?}");
}

#[tokio::test]
async fn what_was_received_too_often_goes_to_the_dead_letter_queue() {
    let folder = tempfile::tempdir().expect("a folder");
    let messages = open(folder.path());
    let dead = create(&messages, "dead", &[]).await;
    let redrive = format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":2}}"#, dead.arn());
    let queue = create(&messages, "q", &[("RedrivePolicy", &redrive)]).await;
    messages.send(&queue, vec![text("poison")]).await.expect("is sent");
    for count in 1..=2 {
        let received = messages.receive(&queue, &now(10)).await.expect("is received");
        assert_eq!((bodies(&received), received[0].receive_count), (vec!["poison"], count));
        messages.change_visibility(&queue, &[(received[0].receipt.clone(), 0)]).await.expect("is changed");
    }

    assert!(messages.receive(&queue, &now(10)).await.expect("none is left").is_empty());
    messages.ledger.close().expect("closes");
    drop(messages);

    let messages = open(folder.path());
    let found = messages.receive(&dead, &now(10)).await.expect("is received");
    assert_eq!((bodies(&found), found[0].receive_count), (vec!["poison"], 1));
    assert_eq!(found[0].dead_letter_source, Some(queue.arn()));
    messages.change_visibility(&dead, &[(found[0].receipt.clone(), 0)]).await.expect("is changed");
    let id = messages.start_move_task(dead.clone(), None, None).await.expect("is started");
    let task = messages.move_tasks(&dead).pop().expect("is there");
    assert_eq!(task.id, id);
    messages.step_move_task(task.key()).await.expect("is moved");
    let back = messages.receive(&queue, &now(10)).await.expect("is received");
    assert_eq!((bodies(&back), back[0].dead_letter_source.clone()), (vec!["poison"], None));
}

#[tokio::test]
async fn an_attempt_whose_answer_was_lost_gets_the_same_messages() {
    let folder = tempfile::tempdir().expect("a folder");
    let messages = open(folder.path());
    let queue = create(&messages, "q.fifo", &[("FifoQueue", "true")]).await;
    let sent: Vec<_> = ["1", "2", "3"].into_iter().map(|id| grouped("x", id)).collect();
    messages.send(&queue, sent).await.expect("are sent");
    let named = |id: &str, seconds| Wanted { attempt: Some(id.to_owned()), visibility_s: Some(seconds), ..now(2) };
    let receipts = |received: &[Received]| received.iter().map(|it| it.receipt.clone()).collect::<Vec<_>>();

    let first = messages.receive(&queue, &named("a", 30)).await.expect("are received");
    assert_eq!(bodies(&first), ["1", "2"]);
    assert!(messages.receive(&queue, &named("b", 30)).await.expect("is told").is_empty(), "another attempt");
    let again = messages.receive(&queue, &named("a", 60)).await.expect("are received");
    assert_eq!((bodies(&again), receipts(&again)), (vec!["1", "2"], receipts(&first)));
    assert!(again[0].hidden_until > first[0].hidden_until && again[0].receive_count == 1, "they are hidden anew");
    // What was received once more can be once more, and is deleted by the first receipts.
    assert_eq!(messages.receive(&queue, &named("a", 60)).await.expect("are received").len(), 2);

    delete(&messages, &queue, &first[..1]).await;
    assert!(messages.receive(&queue, &named("a", 60)).await.expect("is told").is_empty(), "one of them is deleted");
    delete(&messages, &queue, &first[1..]).await;
    assert_eq!(
        bodies(&messages.receive(&queue, &named("a", 60)).await.expect("are received")),
        ["3"],
        "it begins anew"
    );
}

#[tokio::test]
async fn no_message_is_hidden_for_more_than_twelve_hours() {
    let folder = tempfile::tempdir().expect("a folder");
    let messages = open(folder.path());
    let queue = create(&messages, "q", &[]).await;
    messages.send(&queue, vec![text("a")]).await.expect("is sent");
    let received = messages.receive(&queue, &now(1)).await.expect("is received");
    tokio::time::sleep(Duration::from_millis(5)).await;
    for (seconds, fits) in [(43_200, false), (43_199, true), (43_200, false), (0, true)] {
        let changed = messages.change_visibility(&queue, &[(received[0].receipt.clone(), seconds)]).await;
        let changed = changed.expect("is told").pop().expect("one");
        assert!(if fits { changed.is_ok() } else { matches!(changed, Err(ReceiptError::HiddenTooLong)) }, "{seconds}");
    }
}
