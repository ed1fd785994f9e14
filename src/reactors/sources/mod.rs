//! Event sources that are read: the reactor that has a poller for each mapping that is to be read, and for no other. It
//! works from the state alone, so that a restart needs no path of its own.

#[cfg(any(feature = "kafka", feature = "rabbitmq"))]
mod access;
mod answer;
#[cfg(any(feature = "kafka", feature = "rabbitmq"))]
mod broker_reader;
mod current;
mod delivery;
#[cfg(feature = "kafka")]
mod kafka;
mod pace;
mod poller;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;
mod results;
mod source;
mod sqs;
mod streams;
mod unread;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

#[cfg(any(feature = "kafka", feature = "rabbitmq"))]
use broker_reader::BrokerReader;
use current::{Current, is_read};
use delivery::Delivery;
use imbl::OrdMap;
pub use results::Results;
use source::Source;
use sqs::{EmbeddedQueue, QueueSource, UpstreamQueue};
use streams::{Reader, Stream};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::invoke::Invoker;
use crate::ledger::Ledger;
use crate::messages::Messages;
#[cfg(feature = "rabbitmq")]
use crate::model::event_sources::SourceKind;
use crate::model::event_sources::{EventSourceMapping, MappingKey};
use crate::model::queues::QueueKey;
use crate::runs::command::RunCommand;
use crate::upstream::Upstream;

/// The service that has queues.
const SQS: &str = "sqs";

/// Pause between two looks at the state: changes come by the thousand a second.
const PAUSE: Duration = Duration::from_millis(20);

/// What sources are read with.
#[derive(Debug)]
pub struct Sources {
    /// The state, which says what is read.
    pub ledger: Arc<Ledger>,
    /// Runs functions.
    pub invoker: Arc<Invoker>,
    /// What the house's own queues hold.
    pub messages: Arc<Messages>,
    /// Where other queues and streams are.
    pub upstream: Arc<Upstream>,
    /// What went wrong, for people.
    pub results: Arc<Results>,
}

/// Reads sources until `stop`. Batches that run then are waited for by the invoker.
pub async fn run(sources: Sources, stop: CancellationToken) {
    let mut changes = sources.ledger.changes();
    let mut reactor = Reactor {
        sources,
        stop: stop.clone(),
        seen: None,
        pollers: HashMap::new(),
        turns: HashMap::new(),
        tasks: TaskTracker::new(),
    };
    loop {
        changes.mark_unchanged();
        reactor.look();
        tokio::select! {
            () = stop.cancelled() => break,
            change = changes.changed() => if change.is_err() { break },
        }
        if stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
            break;
        }
    }

    reactor.tasks.close();
    reactor.tasks.wait().await;
}

type Mappings = OrdMap<MappingKey, Arc<EventSourceMapping>>;

struct Reactor {
    sources: Sources,
    stop: CancellationToken,
    /// The mappings as they were when they were looked at last.
    seen: Option<Mappings>,
    /// What ends the poller of a mapping; of one that cannot be read there is no poller.
    pollers: HashMap<MappingKey, CancellationToken>,
    /// Of streams: who reads one after another waits until batches of that are done, which may be read again else.
    turns: HashMap<MappingKey, Arc<Mutex<()>>>,
    tasks: TaskTracker,
}

impl Reactor {
    /// Has pollers for the mappings that are to be read now.
    fn look(&mut self) {
        let state = self.sources.ledger.state();
        let mappings = &state.event_source_mappings;
        if self.seen.as_ref().is_some_and(|seen| seen.ptr_eq(mappings)) {
            return;
        }
        let results = &self.sources.results;
        self.pollers.retain(|key, retired| {
            let is_wanted = mappings.get(key).is_some_and(|mapping| is_read(mapping));
            if !is_wanted {
                retired.cancel();
                results.forget(key);
            }
            is_wanted
        });

        for (key, mapping) in mappings.iter().filter(|(_, mapping)| is_read(mapping)) {
            if !self.pollers.contains_key(key) {
                self.start(key, mapping);
            }
        }
        self.turns.retain(|key, _| mappings.contains_key(key));
        self.forget_cursors(mappings);
        self.seen = Some(mappings.clone());
    }

    /// Has places in streams forgotten whose mappings are gone.
    fn forget_cursors(&self, mappings: &Mappings) {
        let runs = self.sources.ledger.runs();
        let gone = runs.cursors.iter().filter(|(_, cursor)| !mappings.contains_key(&cursor.mapping));
        let ends: Vec<_> = gone.map(|(id, _)| RunCommand::End(id)).collect();
        if ends.is_empty() {
            return;
        }
        let ledger = Arc::clone(&self.sources.ledger);
        self.tasks.spawn(async move {
            if let Err(error) = ledger.commit_run(RunCommand::InTurn(ends)).await {
                tracing::warn!(%error, "places in streams of mappings that are gone could not be forgotten");
            }
        });
    }

    fn start(&mut self, key: &MappingKey, mapping: &EventSourceMapping) {
        let retired = self.stop.child_token();
        self.pollers.insert(key.clone(), retired.clone());
        let name = mapping.source.names().join(",");
        if let Some(problem) = results::unreadable(mapping, &self.sources.upstream) {
            tracing::warn!(mapping = %key.id, source = name, %problem, "an event source is not read");
            return;
        }
        let current = Current::new(Arc::clone(&self.sources.ledger), key.clone());
        tracing::info!(mapping = %key.id, source = name, "an event source is read");
        let invoker = Arc::clone(&self.sources.invoker);
        let results = Arc::clone(&self.sources.results);

        #[cfg(feature = "kafka")]
        if mapping.source.kind().is_kafka() {
            let upstream = Arc::clone(&self.sources.upstream);
            let reader = BrokerReader { current, upstream, invoker, results, stop: self.stop.clone() };
            let turn = Arc::clone(self.turns.entry(key.clone()).or_default());
            self.tasks.spawn(kafka::run(reader, turn, retired));
            return;
        }
        #[cfg(feature = "rabbitmq")]
        if mapping.source.kind() == SourceKind::Mq {
            let upstream = Arc::clone(&self.sources.upstream);
            let reader = BrokerReader { current, upstream, invoker, results, stop: self.stop.clone() };
            self.tasks.spawn(rabbitmq::run(reader, retired));
            return;
        }
        if let Some(stream) = Stream::of(mapping, Arc::clone(&self.sources.upstream)) {
            let reader = Reader { stream: Arc::new(stream), current, invoker, results, stop: self.stop.clone() };
            let turn = Arc::clone(self.turns.entry(key.clone()).or_default());
            self.tasks.spawn(streams::run(reader, turn, retired));
        } else if let Some(source) = self.queue(mapping, &current, &retired) {
            let delivery = Delivery { current, source, invoker, stop: self.stop.clone() };
            self.tasks.spawn(poller::run(delivery, results, retired));
        }
    }

    fn queue(
        &self,
        mapping: &EventSourceMapping,
        current: &Current,
        retired: &CancellationToken,
    ) -> Option<Arc<dyn Source>> {
        let kind = mapping.source.kind();
        let arn = mapping.source.arn().filter(|_| kind.is_sqs())?;
        // As for the calls of SQS: all of it is here, or all of it there.
        if self.sources.upstream.has_own(SQS) {
            let queue = Arc::new(UpstreamQueue::of_arn(Arc::clone(&self.sources.upstream), arn)?);
            return Some(Arc::new(QueueSource::new(queue, current.clone(), self.stop.clone())));
        }
        let Sources { messages, ledger, .. } = &self.sources;
        let queue = Arc::new(EmbeddedQueue::new(Arc::clone(messages), Arc::clone(ledger), QueueKey::of_arn(arn)?));

        // Whoever waits here has received nothing yet, and can go at any time.
        Some(Arc::new(QueueSource::new(queue, current.clone(), retired.clone())))
    }
}
