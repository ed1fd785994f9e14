//! Messages of queues, as stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::queues::QueueKey;
use super::stored::Stored;
use crate::model::time::Timestamp;
use crate::runs::event::RunEvent;
use crate::runs::messages::{self, Deduplication, FifoIds, MessageState, Messages};
use crate::runs::{RunId, messages::QueuedMessage};

/// An attribute's value: one of both.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attribute {
    data_type: String,
    text: Option<String>,
    binary: Option<Bytes>,
}

impl Stored<messages::MessageAttribute> for Attribute {
    fn store(model: &messages::MessageAttribute) -> Self {
        let data_type = model.data_type.clone();
        match &model.value {
            messages::AttributeValue::Text(text) => Self { data_type, text: Some(text.clone()), binary: None },
            messages::AttributeValue::Binary(bytes) => Self { data_type, text: None, binary: Some(bytes.clone()) },
        }
    }

    fn load(self) -> messages::MessageAttribute {
        let value = match self.binary {
            Some(bytes) => messages::AttributeValue::Binary(bytes),
            None => messages::AttributeValue::Text(self.text.unwrap_or_default()),
        };
        messages::MessageAttribute { data_type: self.data_type, value }
    }
}

/// What a FIFO queue knows a message by.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fifo {
    group: String,
    in_group: bool,
    id: String,
}

impl Stored<FifoIds> for Fifo {
    fn store(model: &FifoIds) -> Self {
        let Deduplication { group, id } = &model.deduplication;
        Self { group: model.group.clone(), in_group: group.is_some(), id: id.clone() }
    }

    fn load(self) -> FifoIds {
        let group = self.in_group.then(|| self.group.clone());
        FifoIds { group: self.group, deduplication: Deduplication { group, id: self.id } }
    }
}

/// The members of a message that was sent.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sent {
    queue: QueueKey,
    message_id: String,
    body: String,
    attributes: BTreeMap<String, Attribute>,
    trace_header: Option<String>,
    sender: String,
    group: Option<String>,
    deduplication: Option<String>,
    fifo: Option<Fifo>,
    time: u64,
    visible: u64,
}

impl Sent {
    pub(super) fn of(
        (queue, message): (&crate::model::queues::QueueKey, &QueuedMessage),
        fifo: Option<&FifoIds>,
        (time, visible): (Timestamp, Timestamp),
    ) -> Self {
        let attributes = message.attributes.iter();
        let attributes = attributes.map(|(name, value)| (name.clone(), Stored::store(value))).collect();
        Self {
            queue: Stored::store(queue),
            message_id: message.message_id.clone(),
            body: message.body.clone(),
            attributes,
            trace_header: message.trace_header.clone(),
            sender: message.sender.clone(),
            group: message.group.clone(),
            deduplication: message.deduplication.clone(),
            fifo: fifo.map(Stored::store),
            time: time.0,
            visible: visible.0,
        }
    }

    pub(super) fn load(self) -> RunEvent {
        let attributes = self.attributes.into_iter().map(|(name, value)| (name, value.load())).collect();
        let message = QueuedMessage {
            message_id: self.message_id,
            body: self.body,
            attributes,
            trace_header: self.trace_header,
            sender: self.sender,
            group: self.group,
            deduplication: self.deduplication,
        };
        RunEvent::Sent {
            queue: self.queue.load(),
            message: Box::new(message),
            fifo: self.fifo.map(Stored::load),
            sent: Timestamp(self.time),
            visible: Timestamp(self.visible),
        }
    }
}

/// The members of a message that is hidden.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hidden {
    until: u64,
    receives: u32,
    first_received: u64,
}

impl Hidden {
    pub(super) fn of(until: Timestamp, receives: u32, first_received: Timestamp) -> Self {
        Self { until: until.0, receives, first_received: first_received.0 }
    }

    pub(super) fn load(self, id: RunId) -> RunEvent {
        let Self { until, receives, first_received } = self;
        RunEvent::Hidden { id, until: Timestamp(until), receives, first_received: Timestamp(first_received) }
    }
}

/// The members of one that went to another queue.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Moved {
    queue: QueueKey,
    dead_letter_source: Option<QueueKey>,
    time: u64,
}

impl Moved {
    pub(super) fn of(
        queue: &crate::model::queues::QueueKey,
        dead_letter_source: Option<&crate::model::queues::QueueKey>,
        time: Timestamp,
    ) -> Self {
        Self { queue: Stored::store(queue), dead_letter_source: dead_letter_source.map(Stored::store), time: time.0 }
    }

    pub(super) fn load(self, id: RunId) -> RunEvent {
        let dead_letter_source = self.dead_letter_source.map(Stored::load);
        RunEvent::Moved { id, queue: self.queue.load(), dead_letter_source, time: Timestamp(self.time) }
    }
}

/// The messages of a queue in a checkpoint. Lists without names: there may be a million.
#[derive(Serialize, Deserialize)]
pub(super) struct OfQueue(QueueKey, Vec<Known>);

/// A message: id, times when it was sent and can be received, how often and when it was first received, whether it was
/// deleted, and what few have.
#[derive(Serialize, Deserialize)]
struct Known(u64, u64, u64, u32, u64, bool, Option<QueueKey>, Option<Fifo>);

/// Those of all queues.
pub(super) fn store(messages: &Messages) -> Vec<OfQueue> {
    let of_queue = |queue: &Arc<crate::model::queues::QueueKey>| {
        let ids = messages.all_of(queue).into_iter();
        let known = ids.filter_map(|id| Some(Known::of(id, messages.get(&id)?))).collect();
        OfQueue(Stored::store(&**queue), known)
    };
    messages.queues().map(|(queue, _)| of_queue(queue)).collect()
}

/// Puts those of a checkpoint in.
pub(super) fn load(stored: Vec<OfQueue>, messages: &mut Messages) {
    for OfQueue(queue, known) in stored {
        let queue = Arc::new(queue.load());
        for Known(id, sent, visible, receives, first_received, is_deleted, source, fifo) in known {
            let message = MessageState {
                queue: Arc::clone(&queue),
                sent: Timestamp(sent),
                visible: Timestamp(visible),
                receives,
                first_received: Timestamp(first_received),
                dead_letter_source: source.map(|source| Arc::new(source.load())),
                fifo: fifo.map(|fifo| Arc::new(fifo.load())),
                is_deleted,
            };
            messages.put(RunId(id), &message);
        }
    }
}

impl Known {
    fn of(id: RunId, message: &MessageState) -> Self {
        let source = message.dead_letter_source.as_deref().map(Stored::store);
        let fifo = message.fifo.as_deref().map(Stored::store);
        let MessageState { sent, visible, receives, first_received, is_deleted, .. } = message;
        Self(id.0, sent.0, visible.0, *receives, first_received.0, *is_deleted, source, fifo)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::ledger::run_frame;
    use crate::ledger::runs_checkpoint::RunsCheckpoint;
    use crate::ledger::shapes::runs::{decode_run, decode_runs, encode_run, encode_runs};
    use crate::model::command::Stamp;
    use crate::model::names::Scope;
    use crate::model::queues::{DeduplicationScope, Fifo, Queue, QueueKey, QueueSettings, Redrive};
    use crate::model::state::State;
    use crate::model::time::Timestamp;
    use crate::runs::RunId;
    use crate::runs::command::{MessageCommand, Receipt, RunCommand};
    use crate::runs::decide::decide;
    use crate::runs::messages::{QueuedMessage, Sending};
    use crate::runs::state::Runs;

    fn key(name: &str) -> QueueKey {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        QueueKey { scope, name: name.into() }
    }

    /// Two queues with a dead-letter queue each: standard ones, and FIFO ones.
    fn model() -> State {
        let mut state = State::default();
        for (name, scope) in [("q", None), ("q.fifo", Some(DeduplicationScope::MessageGroup))] {
            let dead = key(&format!("dead-{name}"));
            let fifo = scope.map(|scope| Fifo { deduplication_scope: scope, ..Fifo::default() });
            let settings = QueueSettings { fifo, ..QueueSettings::new(false) };
            let zero = Timestamp(0);
            let mut queue = Queue { key: dead.clone(), created: zero, modified: zero, settings, tags: [].into() };
            state.queues.insert(dead.clone(), queue.clone().into());
            queue.key = key(name);
            queue.settings.redrive = Some(Redrive { dead_letter_queue: dead.arn(), max_receive_count: 2 });
            state.queues.insert(key(name), queue.into());
        }
        state
    }

    fn message(number: u8) -> Sending {
        let group = format!("g{}", number % 3);
        let message = QueuedMessage {
            message_id: number.to_string(),
            body: "b".repeat(number.into()),
            attributes: [].into(),
            trace_header: None,
            sender: "s".into(),
            group: Some(group),
            deduplication: Some((number / 4).to_string()),
        };
        Sending { message, delay_s: number.is_multiple_of(7).then_some(1) }
    }

    fn any_command() -> impl Strategy<Value = MessageCommand> {
        let receipt = || (1..40_u64, 1..4_u32).prop_map(|(id, receives)| Receipt { id: RunId(id), receives });
        prop_oneof![
            3 => prop::collection::vec(any::<u8>(), 1..4)
                .prop_map(|numbers| MessageCommand::Send(numbers.into_iter().map(message).collect())),
            3 => (1..5_usize).prop_map(|most| MessageCommand::Receive { most, visibility_s: None }),
            1 => (receipt(), 0..5_u32).prop_map(|change| MessageCommand::ChangeVisibility(vec![change])),
            3 => prop::collection::vec(receipt(), 1..4).prop_map(MessageCommand::Delete),
            1 => Just(MessageCommand::DropExpired),
            1 => (1..3_usize).prop_map(|most| MessageCommand::Move(key("q"), most)),
        ]
    }

    proptest! {
        /// What is under way is what the frames of its entries say, and what its checkpoint says.
        #[test]
        fn messages_come_back(commands in prop::collection::vec((any_command(), 0..3_usize, 0..200_000_u64), 1..60)) {
            let model = model();
            let names = [key("q"), key("q.fifo"), key("dead-q.fifo")];
            let mut runs = Runs::default();
            let (mut frames, mut now) = (Vec::new(), Timestamp(1000));
            for (command, queue, later) in commands {
                now = Timestamp(now.0 + later);
                let stamp = Stamp { time: now, seed: uuid::Uuid::nil() };
                let command = RunCommand::Messages(names[queue].clone(), command);
                for event in decide(&runs, &model, &command, &stamp).expect("is allowed") {
                    let sequence = runs.sequence + 1;
                    runs.apply(sequence, &event);
                    let frame = encode_run(sequence, &event).expect("encodes");
                    prop_assert_eq!(decode_run(&frame).expect("decodes"), (sequence, event));
                    frames.push(frame);
                }
            }

            let mut replayed = Runs::default();
            for frame in &frames {
                let (head, _) = run_frame::read(frame).expect("reads");
                if head.goes_on(&runs) || head.sequence == runs.sequence {
                    let (sequence, event) = decode_run(frame).expect("decodes");
                    replayed.apply(sequence, &event);
                }
            }
            prop_assert_eq!(&replayed, &runs);

            let checkpoint = RunsCheckpoint { state: runs.clone().into(), ..RunsCheckpoint::default() };
            let read = decode_runs(&encode_runs(&checkpoint).expect("encodes")).expect("decodes");
            prop_assert_eq!(&*read.state, &runs);
        }
    }
}
