//! A partition as a source: records one after the other, and nothing behind those that the function has not done.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{Compression, OffsetAt, PartitionClient};
use rskafka::record::RecordAndOffset;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::cluster::{self, ANSWER, Cluster};
use super::failure::{self, Failure};
use super::record;
use crate::clock;
use crate::model::event_sources::filters::Filters;
use crate::model::event_sources::{EventSourceMapping, Settings};
use crate::reactors::sources::current::Current;
use crate::reactors::sources::results::Results;
use crate::reactors::sources::source::{Batch, Handle, Outcome, Problem, Source, Verdict};
use crate::reactors::sources::streams::record::StreamRecord;
use crate::reactors::sources::streams::work::{After, GivenUp, MAX_EVENT, Work};
use crate::runs::command::RunCommand;
use crate::runs::cursors::{Cursor, Position};

/// How long one call waits for records.
const WAIT: Duration = Duration::from_secs(5);

/// How long a partition that answered at once that it has nothing is not asked again: behind its last record there may be
/// what is none, such as the ends of transactions.
const IMPATIENCE: Duration = Duration::from_secs(1);

/// The batching window of Kafka where a mapping has none.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-kafka-parms.html>.
const WINDOW: Duration = Duration::from_millis(500);

/// Bytes of one call. More come where one batch of Kafka's is larger.
const OF_A_CALL: i32 = 4 * 1024 * 1024;

/// How long a batch is kept for a function that is throttled, where its records do not grow too old.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// Attempts after the first where a mapping has a destination for failures and tries without end.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure-destination.html>.
const ENDLESS: i64 = 10;

/// A partition, read for a mapping.
#[derive(Debug)]
pub struct PartitionSource {
    /// The cluster that it is of.
    pub cluster: Arc<Cluster>,
    /// Its topic.
    pub topic: String,
    /// Its number.
    pub partition: i32,
    /// The mapping.
    pub current: Current,
    /// What is told of the mapping.
    pub results: Arc<Results>,
    /// Ends its poller.
    pub retired: CancellationToken,
    /// The way to it, while it is good.
    pub connection: tokio::sync::Mutex<Option<Arc<PartitionClient>>>,
    /// What is read of it and not done.
    pub progress: Mutex<Progress>,
}

/// What is read of a partition and not done.
#[derive(Debug, Default)]
pub struct Progress {
    /// What is done next, in this order.
    waiting: VecDeque<Work>,
    /// What the function has.
    running: Option<Work>,
}

/// What was read for one batch.
#[derive(Debug, Default)]
struct Read {
    records: Vec<StreamRecord>,
    bytes: usize,
    /// The last offset, whether filters let its record pass or not.
    upto: Option<i64>,
    /// When the first record came.
    begun: Option<Instant>,
}

impl PartitionSource {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn name(&self) -> String {
        record::name(&self.topic, self.partition)
    }

    /// Waits; `false` where the partition is not to be read any more.
    async fn pause(&self, pause: Duration) -> bool {
        self.retired.run_until_cancelled(tokio::time::sleep(pause)).await.is_some()
    }

    async fn client(&self, mapping: &EventSourceMapping) -> Result<Arc<PartitionClient>, Problem> {
        let mut connection = self.connection.lock().await;
        if let Some(client) = &*connection {
            return Ok(Arc::clone(client));
        }
        let cluster = self.cluster.client(mapping).await?;
        let client = Arc::new(cluster::partition(&cluster, &self.topic, self.partition).await?);
        *connection = Some(Arc::clone(&client));
        Ok(client)
    }

    /// The next offset that is read.
    async fn next(&self, mapping: &EventSourceMapping) -> Result<i64, Problem> {
        let runs = self.current.ledger.runs();
        let position = runs.cursors.get(&mapping.key, &self.name()).map(|(_, cursor)| cursor.position.clone());
        match position {
            Some(Position::After(offset)) => {
                let offset: Option<i64> = offset.parse().ok();
                offset.map(|offset| offset + 1).ok_or_else(|| Problem("An offset that is stored is none.".to_owned()))
            }
            _ => cluster::answered(self.client(mapping).await?.get_offset(OffsetAt::Earliest)).await,
        }
    }

    /// The records from an offset on, once there are some; `None` where there is no such offset.
    async fn fetch(
        &self,
        mapping: &EventSourceMapping,
        offset: i64,
        wait: Duration,
    ) -> Result<Option<Vec<RecordAndOffset>>, Problem> {
        let client = self.client(mapping).await?;
        let wait_ms = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        let limit = wait + ANSWER;
        let fetched = tokio::time::timeout(limit, client.fetch_records(offset, 1..OF_A_CALL, wait_ms)).await;
        match fetched {
            // Not every broker refuses an offset that is behind the end, as it is where a topic was made anew.
            Ok(Ok((records, end))) => Ok((!records.is_empty() || end >= offset).then_some(records)),
            Ok(Err(Error::ServerError { protocol_error: ProtocolError::OffsetOutOfRange, .. })) => Ok(None),
            Ok(Err(error)) => Err(cluster::problem(&error)),
            Err(_) => Err(cluster::silent(limit)),
        }
    }

    /// Goes to the oldest record of a partition that has no such offset.
    async fn begin_anew(&self, mapping: &EventSourceMapping, offset: i64) -> Result<(), Problem> {
        let client = self.client(mapping).await?;
        let oldest = cluster::answered(client.get_offset(OffsetAt::Earliest)).await?;
        if oldest == offset {
            return Err(Problem(format!(
                "The topic cannot be read. It begins at the offset {offset}, which it has not."
            )));
        }
        tracing::warn!(partition = self.name(), offset, oldest, "records of a topic were gone before they were read");
        self.reach(mapping, (oldest - 1).to_string(), None).await
    }

    /// Reads on: what the function is to get next, if there is something.
    async fn read(&self, mapping: &EventSourceMapping) -> Result<Option<Work>, Problem> {
        let window = mapping.settings.batching_window_s.map_or(WINDOW, |s| Duration::from_secs(s.into()));
        let size = usize::try_from(mapping.settings.batch_size).unwrap_or(usize::MAX);
        let filters = Filters::of(mapping.source.kind(), &mapping.settings.filters);
        let filters = filters.ok_or_else(|| Problem("Invalid filter pattern definition.".to_owned()))?;
        let mut next = self.next(mapping).await?;
        let mut read = Read::default();
        loop {
            let left = read.begun.map_or(WAIT, |begun| window.saturating_sub(begun.elapsed()));
            if left.is_zero() || read.records.len() >= size || read.bytes >= MAX_EVENT {
                break;
            }
            let asked = Instant::now();
            match self.fetch(mapping, next, left).await {
                // What there is is delivered; the next poll tells what else there is.
                Ok(None) | Err(_) if read.begun.is_some() => break,
                Ok(None) => return self.begin_anew(mapping, next).await.map(|()| None),
                Ok(Some(records)) if records.is_empty() => {
                    // With nothing begun, the poller asks again, and looks whether it still may.
                    let rest = IMPATIENCE.min(left).saturating_sub(asked.elapsed());
                    tokio::time::sleep(rest).await;
                    if read.begun.is_none() {
                        break;
                    }
                }
                Ok(Some(records)) => next = self.take(records, &filters, &mut read).unwrap_or(next),
                Err(problem) => return Err(problem),
            }
        }

        let Some(upto) = read.upto else { return Ok(None) };
        if read.records.is_empty() {
            // No filter let any of it pass.
            self.reach(mapping, upto.to_string(), None).await?;
            return Ok(None);
        }
        let mut works = cut(read.records, size, upto);
        let first = works.pop_front();
        self.progress().waiting = works;
        Ok(first)
    }

    /// Takes in what was fetched; the offset behind it.
    fn take(&self, records: Vec<RecordAndOffset>, filters: &Filters, read: &mut Read) -> Option<i64> {
        for given in records {
            read.upto = Some(given.offset);
            let (record, seen) = record::of(given, &self.topic, self.partition);
            if filters.pass(seen) {
                read.bytes += record.text.len() + 1;
                read.records.push(record);
                read.begun.get_or_insert_with(Instant::now);
            }
        }
        read.upto.map(|upto| upto + 1)
    }

    /// Notes how far the partition is read, and what is to be told of what was given up.
    async fn reach(
        &self,
        mapping: &EventSourceMapping,
        upto: String,
        given_up: Option<(&Work, GivenUp)>,
    ) -> Result<(), Problem> {
        let mut deliveries = Vec::new();
        if let Some((work, given_up)) = given_up {
            let partition = self.name();
            let (count, condition) = (work.records.len(), given_up.condition());
            tracing::warn!(mapping = %mapping.key.id, partition, count, condition, "records of a topic are given up");
            let servers = self.cluster.servers(mapping);
            let failure = Failure { mapping, servers: &servers, partition: &partition, work, given_up };
            match failure::topic(mapping) {
                Some(topic) => self.produce(mapping, topic, &failure).await?,
                None => deliveries.extend(failure.delivery(clock::now())),
            }
        }
        let cursor = Cursor::at(mapping.key.clone(), self.name(), Position::After(upto));
        let committed = self.current.ledger.commit_run(RunCommand::Reach { cursor, deliveries }).await;
        committed.map(drop).map_err(|error| Problem(format!("how far a topic is read could not be stored: {error}")))
    }

    /// Puts what was given up into a topic of the same cluster, in the partition of the same number, as far as there is one.
    async fn produce(&self, mapping: &EventSourceMapping, topic: &str, failure: &Failure<'_>) -> Result<(), Problem> {
        let cluster = self.cluster.client(mapping).await?;
        let partitions = cluster::partitions(&cluster, topic).await?;
        let place = usize::try_from(self.partition).unwrap_or_default() % partitions.len();
        let client = cluster::partition(&cluster, topic, partitions[place]).await?;
        cluster::answered(client.produce(failure.messages(clock::now()), Compression::NoCompression)).await.map(drop)
    }

    /// Notes what became of a work, as far as anything of it is settled.
    async fn conclude(&self, mapping: &EventSourceMapping, work: &Work, after: &After) -> Result<(), Problem> {
        let given_up = after.given_up.as_ref().map(|(work, why)| (work, *why));
        match settled(work, after) {
            Some(upto) => self.reach(mapping, upto, given_up).await,
            None => Ok(()),
        }
    }

    /// Gives up what is too old of a work; what is left of it, if anything is.
    async fn expired(&self, mapping: &EventSourceMapping, work: Work) -> Result<Option<Work>, Problem> {
        let count = work.expired(&mapping.settings, seconds(clock::now().0));
        if count == 0 {
            return Ok(Some(work));
        }
        let mut after = work.clone().expire(count);
        if let Err(problem) = self.conclude(mapping, &work, &after).await {
            self.progress().waiting.push_front(work);
            return Err(problem);
        }
        Ok(after.again.pop())
    }
}

#[async_trait]
impl Source for PartitionSource {
    async fn poll(&self, _running: usize) -> Result<Vec<Batch>, Problem> {
        let Some(mapping) = self.current.mapping() else { return Ok(Vec::new()) };
        let known = {
            let mut progress = self.progress();
            progress.running.take().or_else(|| progress.waiting.pop_front())
        };
        let work = match known {
            Some(work) => work,
            // Nothing is lost of what is read and not used.
            None => match self.retired.run_until_cancelled(self.read(&mapping)).await {
                Some(Ok(Some(work))) => work,
                Some(Ok(None)) | None => return Ok(Vec::new()),
                Some(Err(problem)) => {
                    *self.connection.lock().await = None;
                    self.cluster.forget().await;
                    return Err(problem);
                }
            },
        };
        if !self.pause(work.pause()).await {
            return Ok(Vec::new());
        }

        let Some(work) = self.expired(&mapping, work).await? else { return Ok(Vec::new()) };
        let batch = self.batch(&mapping, &work);
        self.progress().running = Some(work);
        Ok(vec![batch])
    }

    async fn settle(&self, _batch: &Batch, outcome: &Outcome) -> Result<(), Problem> {
        let running = self.progress().running.clone();
        let (Some(work), Some(mapping)) = (running, self.current.stored()) else { return Ok(()) };
        let after = work.clone().after(outcome, &limited(&mapping.settings));
        self.conclude(&mapping, &work, &after).await?;
        if outcome.call.is_some() {
            self.results.note_batch(&mapping.key, outcome.verdict == Verdict::Done);
        }

        let mut progress = self.progress();
        progress.running = None;
        for work in after.again.into_iter().rev() {
            progress.waiting.push_front(work);
        }
        Ok(())
    }
}

impl PartitionSource {
    /// What the function gets of a work.
    fn batch(&self, mapping: &EventSourceMapping, work: &Work) -> Batch {
        let name = self.name();
        let event = record::event(mapping, &self.cluster.servers(mapping), &name, &work.records);
        let handle = |record: &StreamRecord| Handle { id: record.sequence.clone(), receipt: name.clone() };
        let age = mapping.settings.max_record_age_s.and_then(|age| u64::try_from(age).ok()).map(Duration::from_secs);
        Batch {
            payload: Bytes::from(event),
            records: work.records.iter().map(handle).collect(),
            trace_id: None,
            lane: None,
            deadline: Instant::now() + age.unwrap_or(PATIENCE),
        }
    }
}

/// Settings with which no work is tried for ever that has somebody to be told to.
fn limited(settings: &Settings) -> Settings {
    let is_endless = settings.max_retry_attempts.is_none_or(|attempts| attempts < 0);
    let most = if is_endless && settings.on_failure.is_some() { Some(ENDLESS) } else { settings.max_retry_attempts };
    Settings { max_retry_attempts: most, ..settings.clone() }
}

fn seconds(ms: u64) -> f64 {
    #[allow(clippy::cast_precision_loss)]
    // Times of this age of the world have room.
    let ms = ms as f64;
    ms / 1000.0
}

/// The offset up to which a partition is settled after a work, if anything of it is.
fn settled(work: &Work, after: &After) -> Option<String> {
    // With all of it, what no filter let pass behind it is settled, too.
    let whole = work.last.as_deref().filter(|_| after.again.is_empty());
    whole.or_else(|| after.all_settled().last()).map(str::to_owned)
}

/// Works of records: none has more than a batch, or is larger than an event may be. The last goes up to an offset.
fn cut(records: Vec<StreamRecord>, size: usize, upto: i64) -> VecDeque<Work> {
    let mut works: VecDeque<Work> = VecDeque::new();
    for record in records {
        match works.back_mut() {
            Some(work) if work.takes(&record, None, size) => work.push(record),
            _ => works.push_back(Work::begin(record, None, None)),
        }
    }
    let mut works: VecDeque<_> = works.into_iter().map(Work::cut).collect();
    if let Some(work) = works.back_mut() {
        work.last = Some(upto.to_string());
    }

    works
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reactors::sources::source::Call;

    fn works() -> VecDeque<Work> {
        let record = |offset: u32| StreamRecord {
            sequence: offset.to_string(),
            arrived: f64::from(offset),
            key: String::new(),
            text: "{}".to_owned(),
        };
        cut((0..5).map(record).collect(), 2, 9)
    }

    #[test]
    fn what_was_read_is_cut_into_batches() {
        let upto: Vec<_> = works().into_iter().map(|work| (work.records.len(), work.last)).collect();
        assert_eq!(upto, [(2, Some("1".to_owned())), (2, Some("3".to_owned())), (1, Some("9".to_owned()))]);
    }

    #[test]
    fn a_place_moves_behind_what_is_settled_and_no_further() {
        let call = Call { request_id: "r".to_owned(), version: "1".to_owned(), is_error: true, state: None };
        let after = |work: &Work, verdict, settings: &Settings| {
            let after = work.clone().after(&Outcome { verdict, call: Some(call.clone()) }, settings);
            settled(work, &after)
        };
        let settings = |bisect: bool, retries| Settings {
            bisect_batch: Some(bisect),
            max_retry_attempts: Some(retries),
            max_record_age_s: Some(60),
            ..Settings::default()
        };
        let works = works();
        let third = || Verdict::Partly(["3".to_owned()].into());
        let some = |offset: &str| Some(offset.to_owned());
        assert_eq!(after(&works[2], Verdict::Done, &settings(false, 1)), some("9"));
        assert_eq!(after(&works[2], Verdict::Failed, &settings(false, 1)), None);
        assert_eq!(after(&works[2], Verdict::Failed, &settings(false, 0)), some("9"), "it is given up");
        assert_eq!(after(&works[1], Verdict::Failed, &settings(true, 0)), None, "it is cut in two");
        assert_eq!(after(&works[1], third(), &settings(false, 1)), some("2"));
        assert_eq!(after(&works[1], third(), &settings(false, 0)), some("3"));
        let count = works[1].expired(&settings(false, 1), 62.5);
        assert_eq!(settled(&works[1], &works[1].clone().expire(count)), some("2"));
    }

    #[test]
    fn who_has_somebody_to_tell_does_not_try_for_ever() {
        let told = Settings { on_failure: Some("arn".to_owned()), ..Settings::default() };
        assert_eq!(limited(&told).max_retry_attempts, Some(10));
        assert_eq!(limited(&Settings { max_retry_attempts: Some(2), ..told }).max_retry_attempts, Some(2));
        assert_eq!(limited(&Settings::default()).max_retry_attempts, None);
    }
}
