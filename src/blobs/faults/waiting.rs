//! What is under way in a store under faults: what was accepted waits, with its payload, until its end is told.

use std::collections::BTreeMap;

use bytes::Bytes;
use tokio::runtime::Runtime;

use crate::ledger::{CommitError, Ledger};
use crate::model::names::FunctionKey;
use crate::runs::command::RunCommand;
use crate::runs::{RunId, WaitingEvent};

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
        let oldest: Vec<(RunId, WaitingEvent)> =
            ledger.runs().events.iter().take(count).map(|(id, event)| (*id, event.clone())).collect();
        for (id, event) in oldest {
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

    /// What waits is there, with its payload where it can be read; what is done is not.
    pub fn check(&self, ledger: &Ledger, after: &str, can_be_read: bool) {
        let runs = ledger.runs();
        let there: BTreeMap<_, _> = runs.events.iter().map(|(id, event)| (event.request_id.as_str(), *id)).collect();
        assert_eq!(there.len(), runs.events.len(), "{after}: none is there twice");
        for (request_id, (known, length)) in &self.events {
            match (known, there.get(request_id.as_str())) {
                (Known::Waits, None) | (Known::Done, Some(_)) => panic!("{after}: {request_id} is {known:?}"),
                (_, Some(id)) if can_be_read => {
                    let read = ledger.payload(*id).unwrap_or_else(|error| panic!("{after}: {request_id}: {error}"));
                    assert!(read == Some(payload(request_id, *length)), "{after}: the payload of {request_id}");
                }
                _ => {}
            }
        }
    }
}
