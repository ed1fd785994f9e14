//! What is under way in a store under faults: what was accepted waits, with its payload, until its end is told.

use std::collections::BTreeMap;

use bytes::Bytes;
use tokio::runtime::Runtime;

use crate::ledger::{CommitError, Ledger};
use crate::model::names::FunctionKey;
use crate::runs::WaitingEvent;
use crate::runs::command::RunCommand;

/// What is known of an event.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Known {
    Waits,
    /// It was not said whether its beginning, or its end, was stored.
    Unsure,
    Done,
}

/// The events that a store was given, by request id.
#[derive(Debug, Default)]
pub struct Waiting {
    events: BTreeMap<String, (Known, usize)>,
}

/// The payload of an event: what another one has not.
fn payload(request_id: &str, length: usize) -> Bytes {
    request_id.bytes().cycle().take(length).collect()
}

impl Waiting {
    /// Gives a function an event.
    pub fn accept(&mut self, (runtime, ledger): (&Runtime, &Ledger), function: FunctionKey, length: usize) {
        let request_id = format!("request-{}", self.events.len());
        let event = WaitingEvent { request_id: request_id.clone(), ..WaitingEvent::of(function) };
        let command = RunCommand::Accept { event: Box::new(event), payload: payload(&request_id, length) };
        let known = match runtime.block_on(ledger.commit_run(command)) {
            Ok(_) => Known::Waits,
            Err(CommitError::Refused(_)) => return,
            Err(_) => Known::Unsure,
        };

        self.events.insert(request_id, (known, length));
    }

    /// Ends the oldest events.
    pub fn end(&mut self, (runtime, ledger): (&Runtime, &Ledger), count: usize) {
        for id in ledger.runs().events.iter().map(|(id, _)| *id).take(count) {
            let Ok(Some((event, _))) = ledger.waiting_event(id) else { continue };
            let ended = runtime.block_on(ledger.commit_run(RunCommand::End(id)));
            if let Some((known, _)) = self.events.get_mut(&event.request_id) {
                *known = if ended.is_ok() { Known::Done } else { Known::Unsure };
            }
        }
    }

    /// A file is lost: what is done may be done once more.
    pub fn lose(&mut self) {
        self.events
            .values_mut()
            .filter(|(known, _)| *known == Known::Done)
            .for_each(|(known, _)| *known = Known::Unsure);
    }

    /// What waits is there, with its payload; what is done is not. For a disk that can be read.
    pub fn check(&self, ledger: &Ledger, after: &str) {
        let mut there = BTreeMap::new();
        for id in ledger.runs().events.iter().map(|(id, _)| *id) {
            let read = ledger.waiting_event(id).unwrap_or_else(|error| panic!("{after}: {id:?}: {error}"));
            let (event, payload) = read.unwrap_or_else(|| panic!("{after}: {id:?} waits and is not there"));
            let first = there.insert(event.request_id, payload);
            assert!(first.is_none(), "{after}: none is there twice");
        }

        for (request_id, (known, length)) in &self.events {
            match (known, there.get(request_id)) {
                (Known::Waits, None) | (Known::Done, Some(_)) => panic!("{after}: {request_id} is {known:?}"),
                (_, Some(found)) => assert!(*found == payload(request_id, *length), "{after}: payload of {request_id}"),
                (_, None) => {}
            }
        }
    }
}
