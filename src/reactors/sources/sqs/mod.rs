//! Queues of SQS as event sources.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>.

mod batches;
mod embedded;
mod queue;
mod record;
mod upstream;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use batches::{MAX_EVENT, batches};
pub use embedded::EmbeddedQueue;
use queue::{Message, Queue};
use record::Record;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
pub use upstream::UpstreamQueue;

use super::current::Current;
use super::source::{Batch, Outcome, Problem, Source, Verdict};
use crate::model::event_sources::filters::Filters;
use crate::model::event_sources::{EventSourceMapping, SourceKind};

/// How long a poll of a FIFO queue waits while the function has messages of it: moto sees only at the beginning of a poll
/// that a message group has become free.
const GROUP_POLL: Duration = Duration::from_secs(1);

/// Seconds that messages stay hidden beyond window and timeout, where the queue would show them before.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>.
const HIDDEN_LONGER_S: u32 = 30;

/// How long the queue's visibility timeout is believed.
const KNOWN: Duration = Duration::from_secs(60);

/// How long giving messages back may take at the server's end.
const RELEASE: Duration = Duration::from_secs(5);

/// How long a queue that answered at once that it has nothing is not asked again: not every endpoint waits.
const IMPATIENCE: Duration = Duration::from_secs(1);

/// What SQS has for a visibility timeout where nobody says another, in seconds.
const DEFAULT_VISIBILITY_S: u32 = 30;

/// A queue, read for a mapping.
#[derive(Debug)]
pub struct QueueSource {
    queue: Arc<dyn Queue>,
    current: Current,
    stop: CancellationToken,
    /// The queue's visibility timeout, and when it was asked for.
    visibility: Mutex<Option<(Instant, u32)>>,
    /// The filters that were read last, and what they were read from.
    filters: Mutex<Option<(Vec<String>, Arc<Filters>)>>,
}

/// What was received for one batch.
#[derive(Debug)]
struct Collected {
    records: Vec<Record>,
    bytes: usize,
    /// When the first of it came.
    begun: Instant,
}

impl Collected {
    fn add(&mut self, records: Vec<Record>) {
        if self.records.is_empty() {
            self.begun = Instant::now();
        }
        self.bytes += records.iter().map(|record| record.json.len()).sum::<usize>();
        self.records.extend(records);
    }
}

impl QueueSource {
    /// A queue that is read until `stop`, which ends also those that wait for messages.
    pub fn new(queue: Arc<dyn Queue>, current: Current, stop: CancellationToken) -> Self {
        Self { queue, current, stop, visibility: Mutex::new(None), filters: Mutex::new(None) }
    }

    /// Receives messages until a batch is full or its window over; those that filters let pass.
    async fn collect(
        &self,
        mapping: &EventSourceMapping,
        hidden_s: Option<u32>,
        wait: Duration,
    ) -> Result<Collected, Problem> {
        let window = Duration::from_secs(mapping.settings.batching_window_s.unwrap_or_default().into());
        let size = usize::try_from(mapping.settings.batch_size).unwrap_or(usize::MAX);
        let mut collected = Collected { records: Vec::new(), bytes: 0, begun: Instant::now() };
        loop {
            let is_begun = !collected.records.is_empty();
            let left = if is_begun { window.saturating_sub(collected.begun.elapsed()) } else { wait };
            if left.is_zero() || collected.records.len() >= size || collected.bytes >= MAX_EVENT {
                return Ok(collected);
            }

            let wanted = size - collected.records.len();
            let received = match self.receive(wanted, left.min(self.queue.longest_wait()), hidden_s).await {
                Some(Ok(received)) => received,
                // What there is is delivered; the next poll tells the problem.
                Some(Err(problem)) => return if is_begun { Ok(collected) } else { Err(problem) },
                None => return Ok(self.give_back(collected).await),
            };
            let is_nothing = received.is_empty();
            let Some(passed) = self.filtered(received).await? else { return Ok(self.give_back(collected).await) };
            collected.add(passed);

            if window.is_zero() || (is_nothing && !is_begun) {
                return Ok(collected);
            }
        }
    }

    /// Waits for messages; `None` where nobody is to wait any more.
    async fn receive(
        &self,
        most: usize,
        wait: Duration,
        hidden_s: Option<u32>,
    ) -> Option<Result<Vec<Message>, Problem>> {
        let begun = Instant::now();
        let received = self.stop.run_until_cancelled(self.queue.receive(most, wait, hidden_s)).await?;
        let is_nothing = received.as_ref().is_ok_and(Vec::is_empty);
        let rest = IMPATIENCE.min(wait).saturating_sub(begun.elapsed());
        if is_nothing && !rest.is_zero() {
            self.stop.run_until_cancelled(tokio::time::sleep(rest)).await?;
        }
        Some(received)
    }

    /// The records of messages that the filters let pass; the others are deleted, as on AWS. `None`, where the mapping is
    /// not to be read any more: then all of them are given back.
    async fn filtered(&self, received: Vec<Message>) -> Result<Option<Vec<Record>>, Problem> {
        let Some(mapping) = self.current.mapping() else {
            self.release(received.into_iter().map(|message| message.receipt).collect()).await;
            return Ok(None);
        };
        let arn = mapping.source.arn().unwrap_or_default();
        let has_window = mapping.settings.batching_window_s.unwrap_or_default() > 0;
        let records = received.into_iter().map(|message| Record::of(message, arn, has_window));
        let Some(filters) = self.filters(&mapping)? else { return Ok(Some(records.collect())) };
        let (passed, dropped): (Vec<_>, Vec<_>) =
            records.partition(|record| filters.pass(serde_json::from_str(&record.json).unwrap_or_default()));
        if !dropped.is_empty() {
            let receipts: Vec<_> = dropped.into_iter().map(|record| record.receipt).collect();
            // They come again, and are dropped then.
            if let Err(problem) = self.queue.delete(&receipts).await {
                tracing::warn!(source = arn, %problem, "messages that no filter lets pass could not be deleted");
            }
        }

        Ok(Some(passed))
    }

    /// The filters of a mapping, if it has some, read once for as long as they stay the same.
    fn filters(&self, mapping: &EventSourceMapping) -> Result<Option<Arc<Filters>>, Problem> {
        let patterns = &mapping.settings.filters;
        if patterns.is_empty() {
            return Ok(None);
        }
        let mut known = self.filters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, filters)) = &*known
            && of == patterns
        {
            return Ok(Some(Arc::clone(filters)));
        }
        let filters = Filters::of(mapping.source.kind(), patterns);
        let filters = Arc::new(filters.ok_or_else(|| Problem("Invalid filter pattern definition.".to_owned()))?);
        *known = Some((patterns.clone(), Arc::clone(&filters)));

        Ok(Some(filters))
    }

    /// The queue's visibility timeout, as it was a while ago at most.
    async fn visibility_s(&self) -> Result<u32, Problem> {
        let known = *self.visibility.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, seconds)) = known
            && at.elapsed() < KNOWN
        {
            return Ok(seconds);
        }
        let seconds = self.queue.visibility_s().await?;
        *self.visibility.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), seconds));
        Ok(seconds)
    }

    /// How long messages are to be hidden, where the queue's own timeout is too short for window and function.
    async fn hidden_s(&self, mapping: &EventSourceMapping) -> Result<Option<u32>, Problem> {
        let window = mapping.settings.batching_window_s.unwrap_or_default();
        if window == 0 {
            return Ok(None);
        }
        let needed = window + self.current.timeout_s(mapping);
        Ok((needed > self.visibility_s().await?).then_some(needed + HIDDEN_LONGER_S))
    }

    async fn give_back(&self, mut collected: Collected) -> Collected {
        self.release(collected.records.drain(..).map(|record| record.receipt).collect()).await;
        collected
    }

    /// Gives messages back that nobody runs; what cannot be given back comes again after its visibility timeout.
    async fn release(&self, receipts: Vec<String>) {
        if receipts.is_empty() {
            return;
        }
        match tokio::time::timeout(RELEASE, self.queue.release(&receipts)).await {
            Ok(Ok(())) => {}
            Ok(Err(problem)) => tracing::debug!(%problem, "messages come again later"),
            Err(_) => tracing::debug!("messages come again later: the queue did not answer"),
        }
    }
}

#[async_trait]
impl Source for QueueSource {
    async fn poll(&self, running: usize) -> Result<Vec<Batch>, Problem> {
        let Some(mapping) = self.current.mapping() else { return Ok(Vec::new()) };
        let hidden_s = self.hidden_s(&mapping).await?;
        let is_fifo = mapping.source.kind() == SourceKind::SqsFifo;
        let wait = if is_fifo && running > 0 { GROUP_POLL } else { self.queue.longest_wait() };
        let Collected { records, begun, .. } = self.collect(&mapping, hidden_s, wait).await?;
        if records.is_empty() {
            return Ok(Vec::new());
        }

        let visible_s = match hidden_s {
            Some(seconds) => seconds,
            None => self.visibility_s().await.unwrap_or(DEFAULT_VISIBILITY_S),
        };
        let deadline = begun + Duration::from_secs(visible_s.into());
        let (batches, rest) = batches(records, mapping.source.kind(), deadline);
        self.release(rest).await;

        Ok(batches)
    }

    async fn settle(&self, batch: &Batch, outcome: &Outcome) -> Result<(), Problem> {
        let receipts = |is_wanted: &dyn Fn(&str) -> bool| -> Vec<String> {
            let wanted = batch.records.iter().filter(|record| is_wanted(&record.id));
            wanted.map(|record| record.receipt.clone()).collect()
        };
        if outcome.verdict == Verdict::Untried {
            self.release(receipts(&|_| true)).await;
            return Ok(());
        }

        // What failed comes again after its visibility timeout.
        let done = receipts(&|id| outcome.verdict.is_done(id));
        if done.is_empty() { Ok(()) } else { self.queue.delete(&done).await }
    }
}
