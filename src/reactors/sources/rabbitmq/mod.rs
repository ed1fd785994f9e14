//! Queues of `RabbitMQ`, as Amazon MQ has it, as event sources. A message is acknowledged when the function has done it; what
//! failed goes back to where it stood.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/with-mq.html>.

mod record;
mod session;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use record::Message;
use session::Session;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::broker_reader::BrokerReader;
use super::current::Current;
use super::delivery::Delivery;
use super::poller;
use super::results::Results;
use super::source::{Batch, Handle, Outcome, Problem, Source, Verdict};
use crate::model::event_sources::EventSourceMapping;
use crate::model::event_sources::filters::Filters;
use crate::upstream::Upstream;

/// How long one poll waits for a message.
const WAIT: Duration = Duration::from_secs(5);

/// The batching window of Amazon MQ where a mapping has none.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-mq-params.html>.
const WINDOW: Duration = Duration::from_millis(500);

/// Bytes of an event, without what is around its messages.
const MAX_EVENT: usize = 6 * 1024 * 1024 - 4096;

/// How long a batch is kept for a function that is throttled: brokers take messages back that nobody acknowledges for half
/// an hour.
///
/// Source: <https://www.rabbitmq.com/docs/consumers#acknowledgement-timeout>.
const PATIENCE: Duration = Duration::from_secs(25 * 60);

/// A queue of a broker, read for a mapping.
#[derive(Debug)]
struct QueueSource {
    upstream: Arc<Upstream>,
    current: Current,
    results: Arc<Results>,
    retired: CancellationToken,
    /// The way to it, while it is good.
    session: Mutex<Option<Session>>,
}

/// Reads a queue until it is `retired`, or the server ends.
pub async fn run(reader: BrokerReader, retired: CancellationToken) {
    let BrokerReader { current, upstream, invoker, results, stop } = reader;
    let source = Arc::new(QueueSource {
        upstream,
        current: current.clone(),
        results: Arc::clone(&results),
        retired: retired.clone(),
        session: Mutex::default(),
    });
    let of_batches: Arc<dyn Source> = source.clone();
    let delivery = Delivery { current, source: of_batches, invoker, stop: stop.clone() };
    poller::run(delivery, results, retired).await;
    // At the server's end batches may still run, which are acknowledged when they are done.
    if !stop.is_cancelled() {
        source.give_back().await;
    }
}

impl QueueSource {
    /// Messages until a batch is full or its window over; those that filters let pass.
    async fn collect(&self, mapping: &EventSourceMapping, session: &mut Session) -> Result<Vec<Message>, Problem> {
        let window = mapping.settings.batching_window_s.map_or(WINDOW, |s| Duration::from_secs(s.into()));
        let size = usize::try_from(mapping.settings.batch_size).unwrap_or(usize::MAX);
        let filters = Filters::of(mapping.source.kind(), &mapping.settings.filters);
        let filters = filters.ok_or_else(|| Problem("Invalid filter pattern definition.".to_owned()))?;
        let mut messages: Vec<Message> = Vec::new();
        let mut bytes = 0;
        let mut begun = None;
        while messages.len() < size {
            let left = begun.map_or(WAIT, |begun: Instant| window.saturating_sub(begun.elapsed()));
            let Some(message) = session.next(left).await? else { break };
            if !filters.pass(message.json.clone()) {
                session.acknowledge(message.tag, false).await?;
                continue;
            }
            let length = message.json.to_string().len() + 1;
            if bytes + length > MAX_EVENT && !messages.is_empty() {
                session.hold(message);
                break;
            }
            bytes += length;
            begun.get_or_insert_with(Instant::now);
            messages.push(message);
        }
        Ok(messages)
    }

    /// What the function is to get next.
    async fn receive(&self, mapping: &EventSourceMapping) -> Result<Option<Batch>, Problem> {
        let mut known = self.session.lock().await;
        let session = match known.take().filter(|session| session.is_of(mapping)) {
            Some(session) => known.insert(session),
            None => known.insert(Session::open(mapping, &self.upstream).await?),
        };
        let messages = self.collect(mapping, session).await?;
        if messages.is_empty() {
            return Ok(None);
        }

        let (queue, host) = (session.queue.clone(), session.virtual_host.clone());
        let receipt = session.id.to_string();
        let handle = |message: &Message| Handle { id: message.tag.to_string(), receipt: receipt.clone() };
        let event = record::event(mapping.source.arn().unwrap_or_default(), (&queue, &host), &messages);
        Ok(Some(Batch {
            payload: Bytes::from(event.to_string()),
            records: messages.iter().map(handle).collect(),
            trace_id: None,
            lane: None,
            deadline: Instant::now() + PATIENCE,
        }))
    }

    /// Ends the session: the broker puts all that is not acknowledged back to where it stood.
    async fn give_back(&self) {
        if let Some(session) = self.session.lock().await.take() {
            session.close().await;
        }
    }
}

#[async_trait]
impl Source for QueueSource {
    async fn poll(&self, _running: usize) -> Result<Vec<Batch>, Problem> {
        let Some(mapping) = self.current.mapping() else { return Ok(Vec::new()) };
        match self.retired.run_until_cancelled(self.receive(&mapping)).await {
            Some(Ok(batch)) => Ok(batch.into_iter().collect()),
            Some(Err(problem)) => {
                self.give_back().await;
                Err(problem)
            }
            // What was received by then goes back with the session.
            None => Ok(Vec::new()),
        }
    }

    async fn settle(&self, batch: &Batch, outcome: &Outcome) -> Result<(), Problem> {
        let Some(last) = batch.records.last() else { return Ok(()) };
        if outcome.call.is_some() {
            self.results.note_batch(&self.current.key, outcome.verdict == Verdict::Done);
        }
        if outcome.verdict != Verdict::Done {
            self.give_back().await;
            return Ok(());
        }
        let known = self.session.lock().await;
        let session = known.as_ref().filter(|session| session.id.to_string() == last.receipt);
        let (Some(session), Ok(tag)) = (session, last.id.parse()) else {
            tracing::debug!("what became of messages came too late: they come again");
            return Ok(());
        };

        // There is one batch at a time: no message before its last is another's.
        session.acknowledge(tag, true).await
    }
}
