//! A shard as a source: its lanes one batch after the other, and nothing behind what the function has not done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::event::{ShardName, batch, event, lane};
use super::failure;
use super::progress::{Progress, Read, Step};
use super::record::{Origin, StreamRecord};
use super::stream::{Stream, seconds};
use super::window;
use super::work::{After, Work};
use crate::clock;
use crate::model::event_sources::filters::Filters;
use crate::model::event_sources::{EventSourceMapping, SourceKind};
use crate::reactors::sources::current::Current;
use crate::reactors::sources::results::Results;
use crate::reactors::sources::source::{Batch, Outcome, Problem, Source, Verdict};
use crate::runs::command::RunCommand;
use crate::runs::cursors::{Cursor, Position};
use crate::runs::deliveries::Delivery;
use crate::upstream::{Page, Start};

/// Records of one call at most, of Kinesis and of tables.
const OF_KINESIS: usize = 10_000;
const OF_TABLES: usize = 1000;

/// A shard, read for a mapping.
#[derive(Debug)]
pub struct ShardSource {
    /// The stream that it is of.
    pub stream: Arc<Stream>,
    /// Its id.
    pub shard: String,
    /// Whether the stream says that it gets no more records.
    pub is_closed: Arc<AtomicBool>,
    /// The mapping.
    pub current: Current,
    /// What is told of the mapping.
    pub results: Arc<Results>,
    /// Ends its poller: it is cancelled when the shard is at its end, too.
    pub retired: CancellationToken,
    /// What is read of it and not done.
    pub progress: Mutex<Progress>,
    /// Is told when a batch has ended.
    pub changed: Notify,
    /// Whose turn it is to note how far the shard is done: the place never moves back.
    pub turn: tokio::sync::Mutex<()>,
}

/// What a batch made of a work.
type Made<'a> = Option<(&'a Work, &'a Outcome)>;

impl ShardSource {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn name(&self) -> ShardName<'_> {
        ShardName { arn: &self.stream.arn, id: &self.shard }
    }

    /// Waits until something may be done.
    async fn wait(&self, until: Option<Instant>) {
        let moment = async {
            match until {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.retired.cancelled() => {}
            () = self.changed.notified() => {}
            () = moment => {}
        }
    }

    /// Begins the next batch of a lane, but for what of it is too old.
    async fn begin(&self, mapping: &EventSourceMapping, lane: usize) -> Result<Vec<Batch>, Problem> {
        let after = {
            let mut progress = self.progress();
            let window = progress.window.clone();
            let Some(work) = progress.lanes.run(lane) else { return Ok(Vec::new()) };
            let expired = work.expired(&mapping.settings, seconds(clock::now().0));
            if expired == 0 {
                let event = event(work, self.name(), window.as_ref());
                return Ok(vec![batch(work, event, lane, &mapping.settings)]);
            }
            work.clone().expire(expired)
        };
        let concluded = self.conclude(mapping, (Some(lane), after), None).await;
        if concluded.is_err() {
            self.progress().lanes.give_back(lane);
        }
        concluded.map(|()| Vec::new())
    }

    /// Notes what became of what ran in a lane: how far the shard is done, and what is to be told of what was given up.
    async fn conclude(
        &self,
        mapping: &EventSourceMapping,
        (lane, after): (Option<usize>, After),
        made: Made<'_>,
    ) -> Result<(), Problem> {
        let _turn = self.turn.lock().await;
        let (cursor, delivery) = {
            let progress = self.progress();
            let before = progress.window.clone();
            let delivery = self.told(mapping, &after, &progress);
            let window = match made {
                Some((work, outcome)) => window::after(before, work, outcome, &after),
                None => before,
            };
            (progress.cursor((&mapping.key, &self.shard), (lane, &after), window), delivery)
        };
        self.reach(cursor.clone(), delivery).await?;
        self.progress().conclude((lane, after), cursor, Instant::now());
        self.changed.notify_one();
        Ok(())
    }

    /// What is told of what is given up, if somebody is to be told.
    fn told(
        &self,
        mapping: &EventSourceMapping,
        after: &After,
        progress: &Progress,
    ) -> Option<(Delivery, bytes::Bytes)> {
        let (work, given_up) = after.given_up.as_ref()?;
        let count = work.records.len();
        let condition = given_up.condition();
        tracing::warn!(mapping = %mapping.key.id, shard = self.shard, count, condition, "records of a stream are given up");
        let event = event(work, self.name(), progress.window.as_ref());
        failure::delivery(mapping, &self.shard, (work, *given_up), &event, clock::now())
    }

    async fn reach(&self, cursor: Cursor, delivery: Option<(Delivery, bytes::Bytes)>) -> Result<(), Problem> {
        let deliveries = delivery.into_iter().collect();
        let committed = self.current.ledger.commit_run(RunCommand::Reach { cursor, deliveries }).await;
        committed.map(drop).map_err(|error| Problem(format!("how far a stream is read could not be stored: {error}")))
    }

    /// The shard is done: its children may be read now.
    async fn end(&self, mapping: &EventSourceMapping) -> Result<(), Problem> {
        self.reach(Cursor::at(mapping.key.clone(), self.shard.clone(), Position::End), None).await?;
        self.retired.cancel();
        Ok(())
    }

    /// Reads on, up to so many records.
    async fn read(&self, mapping: &EventSourceMapping, most: usize) -> Result<(), Problem> {
        let filters = Filters::of(mapping.source.kind(), &mapping.settings.filters);
        let filters = filters.ok_or_else(|| Problem("Invalid filter pattern definition.".to_owned()))?;
        let limit = if self.stream.kind == SourceKind::Kinesis { OF_KINESIS } else { OF_TABLES };
        // Records that come before a shard is closed are there when that is told.
        let is_closed = self.is_closed.load(Ordering::Acquire);
        let iterator = self.iterator(mapping).await?;
        let asked = clock::now();
        let Some(page) = self.stream.page(&iterator, most.min(limit)).await? else {
            // Too old: the next call begins anew where this one was.
            self.progress().be_quiet(Instant::now());
            return Ok(());
        };

        let is_empty = page.records.is_empty() && page.millis_behind_latest.unwrap_or_default() == 0;
        // Some emulators give another iterator for ever.
        let is_at_end = is_closed && is_empty && page.millis_behind_latest.is_some();
        let is_over = page.next_shard_iterator.is_none() || is_at_end;
        let records = self.wanted(mapping, &filters, &page);
        let read = Read { records, asked, is_empty, is_over, iterator: page.next_shard_iterator };
        let is_settled = self.progress().take(read, &mapping.settings, Instant::now());
        if is_settled {
            // No filter let them pass.
            self.conclude(mapping, (None, After::default()), None).await?;
        }
        Ok(())
    }

    async fn iterator(&self, mapping: &EventSourceMapping) -> Result<String, Problem> {
        let (iterator, read) = {
            let mut progress = self.progress();
            (progress.iterator.take(), progress.read.clone())
        };
        if let Some(iterator) = iterator {
            return Ok(iterator);
        }
        let runs = self.current.ledger.runs();
        let start = read.map_or_else(|| self.stream.start(mapping, &runs.cursors, &self.shard), Start::After);
        self.stream.iterator(&self.shard, &start).await
    }

    /// The records of a page, each with whether the function is to get it.
    fn wanted(&self, mapping: &EventSourceMapping, filters: &Filters, page: &Page) -> Vec<(StreamRecord, bool)> {
        let role = self.current.role(mapping);
        let origin = Origin { kind: self.stream.kind, arn: &self.stream.arn, shard: &self.shard, role: role.as_str() };
        let since = self.since(mapping);
        let records = page.records.iter().filter_map(|record| StreamRecord::of(record, origin));
        let wanted = |(record, seen): (StreamRecord, _)| {
            let is_wanted = record.arrived >= since && filters.pass(seen);
            (record, is_wanted)
        };
        records.map(wanted).collect()
    }

    /// Before when records are passed over, in whole seconds, as those of tables come.
    fn since(&self, mapping: &EventSourceMapping) -> f64 {
        let runs = self.current.ledger.runs();
        match runs.cursors.get(&mapping.key, "").map(|(_, cursor)| &cursor.position) {
            Some(Position::Since(time)) => seconds(time.0).floor(),
            _ => 0.0,
        }
    }
}

#[async_trait]
impl Source for ShardSource {
    async fn poll(&self, running: usize) -> Result<Vec<Batch>, Problem> {
        let Some(mapping) = self.current.mapping() else { return Ok(Vec::new()) };
        let step = self.progress().step(&mapping.settings, running, Instant::now());
        match step {
            Step::Run(lane) => return self.begin(&mapping, lane).await,
            Step::Read(most) => self.read(&mapping, most).await?,
            Step::End => self.end(&mapping).await?,
            Step::Wait(until) => self.wait(until).await,
        }
        Ok(Vec::new())
    }

    async fn settle(&self, batch: &Batch, outcome: &Outcome) -> Result<(), Problem> {
        let Some(lane) = lane(batch) else { return Ok(()) };
        let running = self.progress().lanes.running(lane).cloned();
        let (Some(work), Some(mapping)) = (running, self.current.stored()) else { return Ok(()) };
        let after = work.clone().after(outcome, &mapping.settings);
        if outcome.call.is_none() || outcome.verdict == Verdict::Untried {
            self.progress().lanes.end(lane, after.again, Instant::now());
            self.changed.notify_one();
            return Ok(());
        }

        self.conclude(&mapping, (Some(lane), after), Some((&work, outcome))).await?;
        self.results.note_batch(&mapping.key, outcome.verdict == Verdict::Done);
        Ok(())
    }
}
