//! What a command on messages leads to.

use std::collections::HashSet;

use super::Messages;
use super::message::{BroughtMessage, DEDUPLICATION_MS, FifoIds, MessageState, Receiving, Sending};
use crate::model::error::{ApiError, ErrorCode};
use crate::model::queues::{self, Queue, QueueKey};
use crate::model::state::State;
use crate::model::time::Timestamp;
use crate::runs::RunId;
use crate::runs::command::{MessageCommand, Receipt};
use crate::runs::event::RunEvent;

/// Messages that are looked at to find some that can be received: those before may be too old.
const LOOK: usize = 1000;

/// Messages that expire at a time.
const EXPIRE: usize = 1000;

/// Messages of a queue that may be in flight.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
const IN_FLIGHT: usize = 120_000;

/// Decides a command on the messages of a queue.
///
/// # Errors
/// The queue is not there, or too much of it is in flight.
pub fn decide(
    messages: &Messages,
    model: &State,
    (key, command): (&QueueKey, &MessageCommand),
    now: Timestamp,
) -> Result<Vec<RunEvent>, ApiError> {
    if matches!(command, MessageCommand::DropAll) {
        return Ok(messages.all_of(key).into_iter().map(RunEvent::Ended).collect());
    }

    let Some(queue) = model.queue(key) else {
        return Err(queues::queue_not_found());
    };
    let asked = Asked { messages, model, queue, now };
    match command {
        MessageCommand::Send(sending) => Ok(asked.send(sending)),
        MessageCommand::Receive { most, visibility_s } => asked.receive(*most, *visibility_s),
        MessageCommand::ChangeVisibility(changes) => {
            Ok(changes.iter().filter_map(|(receipt, seconds)| asked.hide(*receipt, *seconds)).collect())
        }
        MessageCommand::Delete(receipts) => Ok(asked.delete(receipts)),
        MessageCommand::DropExpired => Ok(asked.expired()),
        MessageCommand::DropAll => Ok(Vec::new()),
    }
}

/// What takes messages in that were in a queue of another store, all behind the event `sequence`: they can be received at
/// once, as often as is left of their receives there.
///
/// # Errors
/// The queue is not there.
pub fn brought(
    model: &State,
    (key, messages): (&QueueKey, &[BroughtMessage]),
    sequence: u64,
    now: Timestamp,
) -> Result<Vec<RunEvent>, ApiError> {
    let queue = model.queue(key).ok_or_else(queues::queue_not_found)?;
    let mut events = Vec::with_capacity(messages.len());
    for BroughtMessage { message, receives, dead_letter_source } in messages {
        let id = RunId(sequence + 1 + events.len() as u64);
        events.push(RunEvent::Sent {
            queue: key.clone(),
            fifo: FifoIds::of(message, &queue.settings),
            message: Box::new(message.clone()),
            sent: now,
            visible: now,
        });

        let source = dead_letter_source.clone();
        let moved = source.map(|source| RunEvent::Moved {
            id,
            queue: key.clone(),
            dead_letter_source: Some(source),
            time: now,
        });
        events.extend(moved);
        let receiving = Receiving { first: now, last: now };
        let received = RunEvent::Hidden { id, until: now, receives: *receives, receiving };
        events.extend((*receives > 0).then_some(received));
    }

    Ok(events)
}

/// A question about a queue that is there.
struct Asked<'a> {
    messages: &'a Messages,
    model: &'a State,
    queue: &'a Queue,
    now: Timestamp,
}

impl Asked<'_> {
    fn later(&self, seconds: u32) -> Timestamp {
        Timestamp(self.now.0.saturating_add(u64::from(seconds) * 1000))
    }

    fn is_expired(&self, message: &MessageState) -> bool {
        message.sent.0.saturating_add(u64::from(self.queue.settings.retention_s) * 1000) <= self.now.0
    }

    fn send(&self, sending: &[Sending]) -> Vec<RunEvent> {
        let mut seen = HashSet::new();
        let mut events = Vec::with_capacity(sending.len());
        for Sending { message, delay_s } in sending {
            let fifo = FifoIds::of(message, &self.queue.settings);
            if let Some(fifo) = &fifo
                && (self.knows(fifo) || !seen.insert((fifo.deduplication.group.clone(), fifo.deduplication.id.clone())))
            {
                continue;
            }
            events.push(RunEvent::Sent {
                queue: self.queue.key.clone(),
                message: Box::new(message.clone()),
                fifo,
                sent: self.now,
                visible: self.later(delay_s.unwrap_or(self.queue.settings.delay_s)),
            });
        }

        events
    }

    /// Whether a FIFO queue got the same a short while ago.
    fn knows(&self, fifo: &FifoIds) -> bool {
        let known = self.messages.queue(&self.queue.key).and_then(|queue| queue.with(&fifo.deduplication));
        known.and_then(|id| self.messages.get(id)).is_some_and(|message| {
            let until = message.sent.0.saturating_add(DEDUPLICATION_MS);
            until > self.now.0
        })
    }

    fn receive(&self, most: usize, visibility_s: Option<u32>) -> Result<Vec<RunEvent>, ApiError> {
        self.must_have_room()?;
        let until = self.later(visibility_s.unwrap_or(self.queue.settings.visibility_s));
        let redrive = self.queue.settings.redrive.as_ref();
        let dead_letters = redrive.and_then(|redrive| {
            let to = self.dead_letter_queue(&redrive.dead_letter_queue)?;
            Some((to, redrive.max_receive_count))
        });
        let mut taken = 0;
        let mut events = Vec::new();

        for id in self.messages.receivable(&self.queue.key, self.now, most.saturating_add(LOOK)) {
            let Some(message) = self.messages.get(id) else { continue };
            if taken == most {
                break;
            }
            if self.is_expired(message) {
                events.push(RunEvent::Ended(id));
                continue;
            }
            if let Some((to, most_receives)) = &dead_letters
                && message.receives >= *most_receives
            {
                let dead_letter_source = Some(self.queue.key.clone());
                events.push(RunEvent::Moved { id, queue: to.clone(), dead_letter_source, time: self.now });
                continue;
            }
            taken += 1;
            let first = if message.receives == 0 { self.now } else { message.receiving().first };
            let receiving = Receiving { first, last: self.now };
            let receives = message.receives.saturating_add(1);
            events.push(RunEvent::Hidden { id, until, receives, receiving });
        }

        Ok(events)
    }

    fn must_have_room(&self) -> Result<(), ApiError> {
        let Some(queue) = self.messages.queue(&self.queue.key).filter(|queue| queue.len() > IN_FLIGHT) else {
            return Ok(());
        };
        let hidden = self.messages.hidden(queue, self.now);
        if hidden.filter(|message| message.receives > 0).count() < IN_FLIGHT {
            return Ok(());
        }
        Err(ApiError::new(ErrorCode::OverLimit, "Too many messages are in flight in this queue."))
    }

    /// The dead-letter queue that is named, if it is there.
    fn dead_letter_queue(&self, arn: &str) -> Option<QueueKey> {
        QueueKey::of_arn(arn).filter(|key| self.model.queue(key).is_some())
    }

    /// The message of a receipt: in this queue, and not received by another since.
    fn received(&self, receipt: Receipt) -> Option<&MessageState> {
        let message = self.messages.get(receipt.id)?;
        let is_current = *message.queue == self.queue.key && message.receives == receipt.receives;
        (is_current && !message.is_deleted).then_some(message)
    }

    fn hide(&self, receipt: Receipt, seconds: u32) -> Option<RunEvent> {
        let message = self.received(receipt)?;
        Some(RunEvent::Hidden {
            id: receipt.id,
            until: self.later(seconds),
            receives: message.receives,
            receiving: message.receiving(),
        })
    }

    fn delete(&self, receipts: &[Receipt]) -> Vec<RunEvent> {
        let mut seen = HashSet::new();
        let found = receipts.iter().filter(|receipt| seen.insert(receipt.id));
        let found = found.filter_map(|receipt| Some((receipt.id, self.received(*receipt)?)));
        found.map(|(id, message)| self.deleted(id, message)).collect()
    }

    /// A FIFO queue knows what was deleted for a while.
    fn deleted(&self, id: RunId, message: &MessageState) -> RunEvent {
        let is_known = message.fifo().is_some() && message.sent.0.saturating_add(DEDUPLICATION_MS) > self.now.0;
        if is_known { RunEvent::Deleted(id) } else { RunEvent::Ended(id) }
    }

    fn expired(&self) -> Vec<RunEvent> {
        let Some(queue) = self.messages.queue(&self.queue.key) else { return Vec::new() };
        let known = |sent: Timestamp| sent.0.saturating_add(DEDUPLICATION_MS) > self.now.0;
        let forgotten = queue.still_known().iter().take_while(|(sent, _)| !known(*sent)).map(|(_, id)| *id);
        // None was sent after it could be received.
        let visible = queue.by_time().iter().take_while(|(visible, _)| *visible <= self.now).map(|(_, id)| *id);
        let expired = |id: &RunId| self.messages.get(*id).is_some_and(|message| self.is_expired(message));
        let old = visible.take_while(expired);
        forgotten.chain(old).take(EXPIRE).map(RunEvent::Ended).collect()
    }
}
