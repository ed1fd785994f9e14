//! What is under way now: of each entry only what is asked for without reading it.

use super::cursors::Cursors;
use super::deliveries::DeliveryLane;
use super::event::RunEvent;
use super::messages::{MessageState, Messages};
use super::move_tasks::MoveTasks;
use super::waits::Waits;
use super::{Attempts, RunId};
use crate::model::names::FunctionKey;

/// What is under way. A clone is cheap.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Runs {
    /// Sequence of the newest event.
    pub sequence: u64,
    /// Events that have not been run to their end, by function.
    pub events: Waits<FunctionKey>,
    /// Deliveries that have not been made, by function and target.
    pub deliveries: Waits<DeliveryLane>,
    /// Messages of queues.
    pub messages: Messages,
    /// Tasks that move messages.
    pub move_tasks: MoveTasks,
    /// How far streams are read.
    pub cursors: Cursors,
}

#[allow(clippy::len_without_is_empty, reason = "nobody asks for that")]
impl Runs {
    /// Whether an entry goes on.
    pub fn contains(&self, id: &RunId) -> bool {
        self.events.contains(id)
            || self.deliveries.contains(id)
            || self.messages.contains(*id)
            || self.move_tasks.contains(id)
            || self.cursors.contains(id)
    }

    /// How many entries go on, of the kinds of which there may be many.
    pub fn len(&self) -> usize {
        self.events.len() + self.deliveries.len() + self.messages.len()
    }

    /// Takes what happened, as the event `sequence`. An event about an entry that is not there changes nothing more.
    pub fn apply(&mut self, sequence: u64, event: &RunEvent) {
        self.sequence = self.sequence.max(sequence);
        let id = event.id(sequence);
        match event {
            RunEvent::Accepted { event, .. } => self.events.put(id, &event.function, event.due, Attempts::default()),
            RunEvent::Delivering { delivery, .. } => {
                self.deliveries.put(id, &delivery.lane(), delivery.begun, Attempts::default());
            }
            RunEvent::Delayed { due, attempts, .. } => {
                self.events.delay(id, *due, *attempts);
                self.deliveries.delay(id, *due, *attempts);
            }
            RunEvent::Sent { queue, fifo, sent, visible, .. } => {
                let queue = self.messages.shared(queue);
                self.messages.put(id, &MessageState::new(queue, fifo.clone(), (*sent, *visible)));
            }
            RunEvent::Hidden { until, receives, receiving, .. } => self.messages.change(id, |message| {
                (message.visible, message.receives) = (*until, *receives);
                message.set_receiving(*receiving);
            }),
            RunEvent::Moved { queue, dead_letter_source, time, .. } => {
                let queue = self.messages.shared(queue);
                let source = dead_letter_source.as_ref().map(|source| self.messages.shared(source));
                self.messages.change(id, |message| message.move_to(queue, source, *time));
            }
            RunEvent::MoveTaskNoted(task) => self.move_tasks.put(id, (**task).clone()),
            RunEvent::Reached(cursor) => self.cursors.put(id, (**cursor).clone()),
            RunEvent::Deleted(_) => self.messages.change(id, |message| message.is_deleted = true),
            RunEvent::Ended(_) => {
                self.events.remove(id);
                self.deliveries.remove(id);
                self.messages.remove(id);
                self.move_tasks.remove(id);
                self.cursors.remove(id);
            }
            RunEvent::Cleaned(_) => {}
        }
    }
}
