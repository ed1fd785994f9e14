//! Which of the events that wait run right now. That is known to this process alone: for the store an event waits until
//! what became of it is noted.

use std::sync::Arc;

use imbl::OrdMap;
use tokio::sync::watch;

use crate::model::names::FunctionKey;
use crate::runs::RunId;

/// The events that run, and whose they are. A clone is cheap.
pub type RunningEvents = OrdMap<RunId, Arc<FunctionKey>>;

/// What runs right now.
#[derive(Debug, Default)]
pub struct RunningNow(watch::Sender<RunningEvents>);

impl RunningNow {
    /// An attempt begins. An event that is dropped from here on is run all the same.
    pub fn begin(&self, id: RunId, function: Arc<FunctionKey>) {
        self.0.send_modify(|events| drop(events.insert(id, function)));
    }

    /// What became of the attempt is stored.
    pub fn end(&self, id: RunId) {
        self.0.send_modify(|events| drop(events.remove(&id)));
    }

    /// Those that run now.
    pub fn now(&self) -> RunningEvents {
        self.0.borrow().clone()
    }

    /// Tells whenever others run.
    pub fn changes(&self) -> watch::Receiver<RunningEvents> {
        self.0.subscribe()
    }
}
