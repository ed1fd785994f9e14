//! The reactor that tells others of events that were run or given up: destinations and dead-letter queues. Each target has
//! a queue of its own, so that one that cannot be reached holds up no other; what it refuses is lost, as on AWS, and told.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::lanes::{Lanes, Room, Token, Worked};
use super::lost::LostDeliveries;
use super::targets::{Refusal, Targets};
use crate::clock;
use crate::ledger::{CommitError, Ledger};
use crate::runs::RunId;
use crate::runs::command::RunCommand;
use crate::runs::deliveries::{Delivery, DeliveryKind, DeliveryLane};
use crate::runs::retry::{Next, RetryPolicy, Setback};

/// Deliveries to one target at the same time, and to all.
const ROOM: Room = Room { of_lane: 10, of_all: 100 };

/// Makes deliveries until `stop`; those that are under way then are made by the next server. What is given up is counted in
/// `lost`.
pub async fn run(ledger: Arc<Ledger>, targets: Targets, lost: Arc<LostDeliveries>, stop: CancellationToken) {
    let tasks = TaskTracker::new();
    let deliverer = Arc::new(Deliverer { ledger: Arc::clone(&ledger), targets, lost });
    let start = |token: Token<DeliveryLane>| {
        let deliverer = Arc::clone(&deliverer);
        let stop = stop.clone();
        tasks.spawn(async move {
            // A target may take minutes to answer.
            if let Some(worked) = stop.run_until_cancelled(deliverer.deliver(token.id())).await {
                token.end(worked);
            }
        });
    };
    Lanes::new(ROOM).run(&ledger, |runs| &runs.deliveries, start, stop.clone()).await;
    tasks.close();
    tasks.wait().await;
}

/// What makes one delivery.
struct Deliverer {
    ledger: Arc<Ledger>,
    targets: Targets,
    lost: Arc<LostDeliveries>,
}

impl Deliverer {
    async fn deliver(&self, id: RunId) -> Worked {
        let reading = Arc::clone(&self.ledger);
        let read = tokio::task::spawn_blocking(move || reading.delivery(id)).await;
        let (delivery, payload) = match read {
            Ok(Ok(Some(found))) => found,
            Ok(Ok(None)) => return self.note(RunCommand::End(id)).await,
            Ok(Err(error)) => {
                tracing::error!(%error, ?id, "a delivery cannot be read; it is tried again");
                return Worked::HeldBack;
            }
            Err(_) => return Worked::Done,
        };

        let refusal = match self.targets.deliver(id, &delivery, &payload).await {
            Ok(command) => match self.ledger.commit_run(command).await {
                // The function that it was for is not there.
                Err(CommitError::Refused(error)) => Refusal::Never(error.to_string()),
                noted => return worked(noted.map(drop)),
            },
            Err(refusal) => refusal,
        };
        self.refused(id, &delivery, &refusal).await
    }

    /// What becomes of a delivery that was not made: one that nobody could be asked for is tried again.
    async fn refused(&self, id: RunId, delivery: &Delivery, refusal: &Refusal) -> Worked {
        let attempts = self.ledger.runs().deliveries.get(&id).map(|waiting| waiting.attempts).unwrap_or_default();
        let next = RetryPolicy::DEFAULT.after(Setback::HeldBack, delivery.begun, attempts, clock::now());
        if let (Refusal::NotNow(reason), Next::At(due, attempts)) = (refusal, next) {
            tracing::debug!(target = delivery.target, reason, "a delivery is put off");
            self.note(RunCommand::Delay { id, due, attempts }).await;
            return Worked::HeldBack;
        }

        let metric = match delivery.kind {
            DeliveryKind::DeadLetter { .. } => "DeadLetterErrors",
            DeliveryKind::OnSuccess | DeliveryKind::OnFailure => "DestinationDeliveryFailures",
        };
        self.lost.count(&delivery.function, metric);
        let Delivery { request_id, function_arn, target, .. } = delivery;
        tracing::warn!(request_id, function_arn, target, metric, reason = %refusal, "what was to be delivered is lost");
        self.note(RunCommand::End(id)).await
    }

    /// Notes what became of it.
    async fn note(&self, command: RunCommand) -> Worked {
        worked(self.ledger.commit_run(command).await.map(drop))
    }
}

/// What cannot be stored is done again.
fn worked(noted: Result<(), CommitError>) -> Worked {
    match noted {
        Err(CommitError::Storage(error)) => {
            tracing::error!(%error, "what became of a delivery cannot be stored; it is made again");
            Worked::HeldBack
        }
        Ok(()) | Err(_) => Worked::Done,
    }
}
