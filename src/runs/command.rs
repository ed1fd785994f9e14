//! What the ledger is asked for about what is under way.

use bytes::Bytes;

use super::cursors::Cursor;
use super::deliveries::Delivery;
use super::messages::{BroughtMessage, Sending};
use super::move_tasks::MoveTaskCommand;
use super::{Attempts, RunId, WaitingEvent};
use crate::model::queues::QueueKey;
use crate::model::resource_pattern::ResourcePattern;
use crate::model::time::Timestamp;

/// A wish.
#[derive(Debug, Clone, PartialEq)]
pub enum RunCommand {
    /// Takes an event to be run as soon as it can be. Its times are set when that is decided. Refused where its
    /// function is not there any more.
    Accept {
        /// The event.
        event: Box<WaitingEvent>,
        /// Its payload.
        payload: Bytes,
    },
    /// An event is to be tried again. Nothing happens where it is not there any more.
    Delay {
        /// The event.
        id: RunId,
        /// When.
        due: Timestamp,
        /// How often it was tried.
        attempts: Attempts,
    },
    /// An entry is done: it is forgotten. Nothing happens where it is already.
    End(RunId),
    /// An event has been run or given up, and somebody is to be told. Nothing happens where it is not there any more.
    Settle {
        /// The event.
        id: RunId,
        /// What is to be told, each with its bytes.
        deliveries: Vec<(Delivery, Bytes)>,
    },
    /// A delivery was made to a function of the house: its event is accepted, and the delivery is done.
    Deliver {
        /// The delivery.
        id: RunId,
        /// The event.
        event: Box<WaitingEvent>,
        /// Its payload.
        payload: Bytes,
    },
    /// An event is to be run as soon as it can be, also one that is held. Nothing happens where it is not there any more,
    /// or due already.
    Hasten(RunId),
    /// Takes an event that was accepted by another store, with the attempts that were made there. Its age begins now.
    /// Refused where its function is not there.
    Bring {
        /// The event.
        event: Box<WaitingEvent>,
        /// Its payload.
        payload: Bytes,
        /// How often it was tried.
        attempts: Attempts,
        /// Whether somebody vouches for it: else it is held.
        trusted: bool,
    },
    /// A stream is read up to a place, and somebody is to be told of records that were given up on the way. Nothing
    /// happens where its mapping is not there any more.
    Reach {
        /// The place.
        cursor: Cursor,
        /// What is to be told, each with its bytes.
        deliveries: Vec<(Delivery, Bytes)>,
    },
    /// All that is of functions or in queues that are not there any more is dropped, as it may be after a rewind.
    DropOrphans,
    /// The events of the functions that any of these choose are dropped; all events, where there are none.
    DropEvents(Vec<ResourcePattern>),
    /// The messages in the queues that any of these choose are dropped, with what is known of deleted ones; all messages,
    /// where there are none.
    DropMessages(Vec<ResourcePattern>),
    /// Commands that are decided each after those before it: all of them, or none.
    InTurn(Vec<RunCommand>),
    /// A command on messages.
    Messages(QueueKey, MessageCommand),
    /// Takes messages that were in a queue of another store. Refused where the queue is not there.
    BringMessages(QueueKey, Vec<BroughtMessage>),
    /// Drops all that is of a queue.
    DropQueue(QueueKey),
    /// A command on a message move task.
    MoveTask(MoveTaskCommand),
}

/// What becomes of what waits where the state becomes another one, by a rewind or a pod: it waits on, but for what is of
/// functions and queues that are gone, unless it is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fate {
    /// Whether events are dropped.
    pub drops_events: bool,
    /// Whether messages of queues are.
    pub drops_messages: bool,
}

impl Fate {
    /// The command that goes with the change of what these patterns choose; of all, where there are none.
    pub fn command(self, only: &[ResourcePattern]) -> RunCommand {
        let events = self.drops_events.then(|| RunCommand::DropEvents(only.to_vec()));
        let messages = self.drops_messages.then(|| RunCommand::DropMessages(only.to_vec()));
        RunCommand::InTurn(events.into_iter().chain(messages).chain([RunCommand::DropOrphans]).collect())
    }
}

/// What is asked about the messages of a queue.
#[derive(Debug, Clone, PartialEq)]
pub enum MessageCommand {
    /// Puts messages into it: all of them, or none. What a FIFO queue knows already is passed over.
    Send(Vec<Sending>),
    /// Has up to so many messages received, hidden for so many seconds; without a time for as many as the queue says.
    /// What was received too often goes to the dead-letter queue, what is too old is dropped.
    Receive {
        /// How many at most.
        most: usize,
        /// For how many seconds.
        visibility_s: Option<u32>,
    },
    /// Has received messages hidden for so many seconds from now on.
    ChangeVisibility(Vec<(Receipt, u32)>),
    /// Deletes received messages.
    Delete(Vec<Receipt>),
    /// Drops what is too old, and forgets deleted messages that need not be known any more.
    DropExpired,
    /// Drops all messages.
    DropAll,
}

/// Which message was received, and which time of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The message.
    pub id: RunId,
    /// How often it had been received then.
    pub receives: u32,
}
