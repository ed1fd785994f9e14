//! Messages of queues, as stored.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::ser::{Error as _, SerializeSeq as _};
use serde::{Deserialize, Serialize, Serializer};

use super::queues::QueueKey;
use super::stored::Stored;
use crate::model::time::Timestamp;
use crate::runs::event::RunEvent;
use crate::runs::messages::{self, BroughtMessage, Deduplication, FifoIds, MessageState, Messages, Receiving};
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

/// A message, as pods have it: its bytes are texts.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Portable {
    queue: QueueKey,
    message_id: String,
    body: String,
    attributes: BTreeMap<String, PortableAttribute>,
    trace_header: Option<String>,
    sender: String,
    group: Option<String>,
    deduplication: Option<String>,
    receives: u32,
    dead_letter_source: Option<QueueKey>,
}

/// An attribute's value: a text, or bytes in base64.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PortableAttribute {
    data_type: String,
    text: Option<String>,
    binary: Option<String>,
}

/// Writes a message as a line of JSON.
pub(in crate::ledger) fn message_to_json(
    queue: &crate::model::queues::QueueKey,
    BroughtMessage { message, receives, dead_letter_source }: &BroughtMessage,
) -> Result<String, serde_json::Error> {
    let attribute = |attribute: &messages::MessageAttribute| {
        let data_type = attribute.data_type.clone();
        match &attribute.value {
            messages::AttributeValue::Text(text) => {
                PortableAttribute { data_type, text: Some(text.clone()), binary: None }
            }
            messages::AttributeValue::Binary(bytes) => {
                PortableAttribute { data_type, text: None, binary: Some(STANDARD.encode(bytes)) }
            }
        }
    };
    let attributes = message.attributes.iter().map(|(name, value)| (name.clone(), attribute(value)));
    serde_json::to_string(&Portable {
        queue: Stored::store(queue),
        message_id: message.message_id.clone(),
        body: message.body.clone(),
        attributes: attributes.collect(),
        trace_header: message.trace_header.clone(),
        sender: message.sender.clone(),
        group: message.group.clone(),
        deduplication: message.deduplication.clone(),
        receives: *receives,
        dead_letter_source: dead_letter_source.as_ref().map(Stored::store),
    })
}

/// Reads what [`message_to_json`] wrote.
pub(in crate::ledger) fn message_from_json(
    json: &[u8],
) -> Result<(crate::model::queues::QueueKey, BroughtMessage), serde_json::Error> {
    let read: Portable = serde_json::from_slice(json)?;
    let attribute = |(name, attribute): (String, PortableAttribute)| {
        let PortableAttribute { data_type, text, binary } = attribute;
        let value = match (text, binary) {
            (Some(text), None) => messages::AttributeValue::Text(text),
            (None, Some(binary)) => {
                let bytes = STANDARD.decode(binary).map_err(<serde_json::Error as serde::de::Error>::custom)?;
                messages::AttributeValue::Binary(bytes.into())
            }
            _ => {
                return Err(<serde_json::Error as serde::de::Error>::custom("an attribute has either a text or bytes"));
            }
        };
        Ok((name, messages::MessageAttribute { data_type, value }))
    };
    let message = QueuedMessage {
        message_id: read.message_id,
        body: read.body,
        attributes: read.attributes.into_iter().map(attribute).collect::<Result<_, _>>()?,
        trace_header: read.trace_header,
        sender: read.sender,
        group: read.group,
        deduplication: read.deduplication,
    };
    let dead_letter_source = read.dead_letter_source.map(Stored::load);
    Ok((read.queue.load(), BroughtMessage { message, receives: read.receives, dead_letter_source }))
}

/// The members of a message that is hidden.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hidden {
    until: u64,
    receives: u32,
    first_received: u64,
    /// When it was last, where that is known.
    received: Option<u64>,
}

impl Hidden {
    pub(super) fn of(until: Timestamp, receives: u32, Receiving { first, last }: Receiving) -> Self {
        let known = (last != Timestamp::default()).then_some(last.0);
        Self { until: until.0, receives, first_received: first.0, received: known }
    }

    pub(super) fn load(self, id: RunId) -> RunEvent {
        let Self { until, receives, first_received, received } = self;
        let receiving = Receiving { first: Timestamp(first_received), last: Timestamp(received.unwrap_or_default()) };
        RunEvent::Hidden { id, until: Timestamp(until), receives, receiving }
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
#[derive(Deserialize)]
pub(super) struct OfQueue(QueueKey, Vec<Known>);

/// A message: id, times when it was sent and can be received, how often and when it was first received, whether it was
/// deleted, and what few have.
#[derive(Serialize, Deserialize)]
struct Known(u64, u64, u64, u32, u64, bool, Option<Box<QueueKey>>, Option<Box<Fifo>>);

/// Those of all queues, as [`OfQueue`]s, each made when it is written: all at once would take as much memory again.
pub(super) struct OfQueues<'a>(pub(super) &'a Messages);

impl Serialize for OfQueues<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.queues().map(|(queue, _)| (QueueKey::store(queue), KnownOf(self.0, queue))))
    }
}

/// Those of a queue.
struct KnownOf<'a>(&'a Messages, &'a crate::model::queues::QueueKey);

impl Serialize for KnownOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(messages, queue) = self;
        let ids = messages.all_of(queue);
        let mut list = serializer.serialize_seq(Some(ids.len()))?;
        for id in ids {
            let message =
                messages.get(id).ok_or_else(|| S::Error::custom("a queue has a message that is not there"))?;
            list.serialize_element(&Known::of(id, message))?;
        }
        list.end()
    }
}

/// When messages were last received, where that is known.
pub(super) fn received(messages: &Messages) -> Vec<(u64, u64)> {
    let known = messages.iter().map(|(id, message)| (id.0, message.receiving().last.0));
    known.filter(|(_, last)| *last > 0).collect()
}

/// Puts those of a checkpoint in, with the times when they were last received.
pub(super) fn load(stored: Vec<OfQueue>, received: &HashMap<u64, u64>, messages: &mut Messages) {
    for OfQueue(queue, known) in stored {
        let queue = Arc::new(queue.load());
        for Known(id, sent, visible, receives, first_received, is_deleted, source, fifo) in known {
            let times = (Timestamp(sent), Timestamp(visible));
            let mut message = MessageState::new(Arc::clone(&queue), fifo.map(|fifo| (*fifo).load()), times);
            (message.receives, message.is_deleted) = (receives, is_deleted);
            let last = received.get(&id).copied().unwrap_or_default();
            message.set_receiving(Receiving { first: Timestamp(first_received), last: Timestamp(last) });
            message.set_dead_letter_source(source.map(|source| Arc::new((*source).load())));
            messages.put(RunId(id), &message);
        }
    }
}

impl Known {
    fn of(id: RunId, message: &MessageState) -> Self {
        let source = message.dead_letter_source().map(|source| Box::new(Stored::store(source)));
        let fifo = message.fifo().map(|fifo| Box::new(Stored::store(fifo)));
        let MessageState { sent, visible, receives, is_deleted, .. } = message;
        Self(id.0, sent.0, visible.0, *receives, message.receiving().first.0, *is_deleted, source, fifo)
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
