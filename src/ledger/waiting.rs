//! Entries of what is under way: read from the disk, where all but some bytes of each lies.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::machine::{Machine as _, UnderWay};
use super::{Ledger, LedgerError, RunsTold, codec, writer};
use crate::model::error::ApiError;
use crate::model::state::State;
use crate::model::time::Timestamp;
use crate::runs::command::RunCommand;
use crate::runs::deliveries::Delivery;
use crate::runs::event::RunEvent;
use crate::runs::messages::QueuedMessage;
use crate::runs::{RunId, WaitingEvent};

impl Ledger {
    /// An event that waits, and its payload; `None` where it does not wait any more. Blocking.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn waiting_event(&self, id: RunId) -> Result<Option<(WaitingEvent, Bytes)>, LedgerError> {
        match self.beginning(id)? {
            Some(RunEvent::Accepted { event, payload }) => Ok(Some((*event, payload))),
            _ => Ok(None),
        }
    }

    /// Shows those of these events that still wait, in any order, one at a time where the index is right. Blocking.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn waiting_events(
        &self,
        ids: &[RunId],
        mut show: impl FnMut(RunId, WaitingEvent, Bytes),
    ) -> Result<(), LedgerError> {
        self.beginnings(ids, |id, event| {
            if let RunEvent::Accepted { event, payload } = event {
                show(id, *event, payload);
            }
        })
    }

    /// Shows what those of these messages say that are still there, in any order, one at a time where the index is right.
    /// Blocking.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn messages(&self, ids: &[RunId], mut show: impl FnMut(RunId, QueuedMessage)) -> Result<(), LedgerError> {
        self.beginnings(ids, |id, event| {
            if let RunEvent::Sent { message, .. } = event {
                show(id, *message);
            }
        })
    }

    /// Shows the events that began those of these entries that are still there.
    fn beginnings(&self, ids: &[RunId], mut show: impl FnMut(RunId, RunEvent)) -> Result<(), LedgerError> {
        let mut see = |id: RunId, frame: &[u8]| decoded(frame).map(|event| show(id, event));
        let mut unseen = BTreeSet::new();
        for id in ids {
            match self.log.indexed_begin_of(*id) {
                Some(frame) => see(*id, &frame)?,
                None => drop(unseen.insert(*id)),
            }
        }

        // Of what has ended meanwhile there is nothing to be found.
        let runs = self.runs();
        unseen.retain(|id| runs.contains(id));
        for (id, frame) in self.log.begins_in_journal(&unseen)? {
            see(id, &frame)?;
        }
        Ok(())
    }

    /// A delivery that was not made yet, and what is delivered; `None` where it is done. Blocking.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn delivery(&self, id: RunId) -> Result<Option<(Delivery, Bytes)>, LedgerError> {
        match self.beginning(id)? {
            Some(RunEvent::Delivering { delivery, payload }) => Ok(Some((*delivery, payload))),
            _ => Ok(None),
        }
    }

    /// The event that began an entry, as long as that is there.
    fn beginning(&self, id: RunId) -> Result<Option<RunEvent>, LedgerError> {
        self.log.begin_of(id)?.map(|frame| decoded(&frame)).transpose()
    }

    /// What a command on what is under way would make of it, where `model` is configured: in numbers, and how many events
    /// would wait.
    pub fn preview_runs(&self, model: &State, command: &RunCommand) -> Result<(RunsTold, usize), ApiError> {
        let mut runs = (*self.runs()).clone();
        let stamp = writer::stamp(Timestamp::default());
        let (events, told) = UnderWay::decide(&runs, command, &stamp, model)?;
        for event in &events {
            runs.apply(runs.sequence + 1, event);
        }
        Ok((told, runs.events.len()))
    }
}

/// The event of a frame of what is under way.
fn decoded(frame: &[u8]) -> Result<RunEvent, LedgerError> {
    let decoded = codec::decode_run(frame).map_err(|source| LedgerError::DamagedRun { source })?;
    Ok(decoded.1)
}
