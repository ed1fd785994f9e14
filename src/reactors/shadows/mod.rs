//! The reactor of shadows: of each function here the Lambda of an upstream endpoint has one of the same name that hands on
//! what it gets. So the triggers of the upstream's other services reach the functions here, as they run theirs in their own
//! process and could be told of no other place.
//!
//! It derives what is to be there from the state, and remembers what is there; after a failure it looks again.

mod bring;
mod keeper;
mod report;
mod target;
mod wanted;
mod way;

use std::sync::Arc;

pub use report::{Report, Reports, Standing};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::keeper::Keeper;
use self::target::Target;
use self::way::Way;
use crate::ledger::Ledger;
use crate::upstream::Upstream;

/// What shadows are made from.
#[derive(Debug)]
pub struct Shadows {
    /// The functions.
    pub ledger: Arc<Ledger>,
    /// Where they have shadows.
    pub upstream: Arc<Upstream>,
    /// Where those reach this server.
    pub here: String,
    /// Who is told how they fare.
    pub reports: Arc<Reports>,
    /// Whether the store ends with the server, and its shadows with both.
    pub are_passing: bool,
}

/// Keeps the shadows of all endpoints until `stop`, each apart from the others.
pub async fn run(shadows: Shadows, stop: CancellationToken) {
    let Shadows { ledger, upstream, here, reports, are_passing } = shadows;
    let target = match Target::new(here, ledger.store_id(), ledger.secret()) {
        Ok(target) => target,
        Err(error) => return tracing::error!(%error, "there are no shadows: their program cannot be packed"),
    };

    let tasks = TaskTracker::new();
    for endpoint in upstream.triggers() {
        let way = Way { upstream: Arc::clone(&upstream), endpoint, target: target.clone() };
        let keeper = Keeper::new(Arc::clone(&ledger), way, Arc::clone(&reports), are_passing);
        tasks.spawn(keeper.run(stop.clone()));
    }
    tasks.close();
    tasks.wait().await;
}
