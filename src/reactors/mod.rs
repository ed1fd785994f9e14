//! Reactors: they watch published states and do what those leave to do. They derive their work from the state alone, so
//! that a restart needs no path of its own, and sleep until something changes or is due.

mod activation;
pub mod async_events;
mod capacity_providers;
mod delayed;
pub mod deliveries;
mod event_sources;
mod lanes;
pub mod lost;
pub mod move_tasks;
mod provisioning;
pub mod queues;
pub mod running;
pub mod shadows;
pub mod sources;
pub mod targets;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::environments::Pool;
use crate::ledger::Ledger;

/// Starts them all, until `stop`. What waits in the state is settled `delay` after it was seen, or little later:
/// clients were made for a service that shows what is in progress.
pub fn start(tasks: &TaskTracker, ledger: &Arc<Ledger>, pool: &Arc<Pool>, delay: Duration, stop: &CancellationToken) {
    let ledger = || Arc::clone(ledger);
    let pool = || Arc::clone(pool);
    tasks.spawn(activation::run(ledger(), pool(), delay, stop.clone()));
    tasks.spawn(capacity_providers::run(ledger(), delay, stop.clone()));
    tasks.spawn(event_sources::run(ledger(), delay, stop.clone()));
    tasks.spawn(provisioning::run(ledger(), pool(), delay, stop.clone()));
}
