//! Topics of Kafka as event sources: a poller for each partition. How far each is read lies on disk before anything behind it
//! is; the broker is told nothing, as no group is joined.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/kafka-smaa.html> and
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-msk.html>.

mod cluster;
mod failure;
mod partition;
mod record;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cluster::Cluster;
use partition::{PartitionSource, Progress};
use rskafka::client::Client;
use rskafka::client::partition::OffsetAt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::broker_reader::BrokerReader;
use super::delivery::Delivery;
use super::pace::Backoff;
use super::poller;
use super::source::{Problem, Source};
use crate::clock;
use crate::model::event_sources::EventSourceMapping;
use crate::runs::command::RunCommand;
use crate::runs::cursors::{Cursor, Position};

/// How often a topic is asked for its partitions.
const LOOK: Duration = Duration::from_secs(10);

/// Pauses after a cluster that could not be asked.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The place that stands for all partitions: who has it has begun.
const BEGUN: &str = "";

/// Reads the partitions of a topic until it is `retired`, or the server ends, once it is its turn.
pub async fn run(reader: BrokerReader, turn: Arc<tokio::sync::Mutex<()>>, retired: CancellationToken) {
    let Some(_turn) = retired.run_until_cancelled(turn.lock()).await else { return };
    let cluster = Arc::new(Cluster::new(Arc::clone(&reader.upstream)));
    let mut topic =
        Topic { reader, cluster, retired: retired.clone(), running: HashMap::new(), tasks: TaskTracker::new() };
    let mut problems = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        let current = topic.reader.current.clone();
        if retired.run_until_cancelled(current.wait_for_function()).await != Some(true) {
            break;
        }
        let Some(looked) = retired.run_until_cancelled(topic.look()).await else { break };
        let pause = match looked {
            Ok(()) => {
                problems.reset();
                LOOK
            }
            Err(problem) => {
                topic.is_ill(&problem).await;
                problems.pause()
            }
        };
        if retired.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            break;
        }
    }
    topic.tasks.close();
    topic.tasks.wait().await;
}

struct Topic {
    reader: BrokerReader,
    cluster: Arc<Cluster>,
    retired: CancellationToken,
    /// What ends the pollers of partitions that are read.
    running: HashMap<i32, CancellationToken>,
    tasks: TaskTracker,
}

impl Topic {
    /// Has a poller for each partition that there is.
    async fn look(&mut self) -> Result<(), Problem> {
        let Some(mapping) = self.reader.current.mapping() else { return Ok(()) };
        let name = mapping.settings.origin.topics.first().cloned().unwrap_or_default();
        let client = self.cluster.client(&mapping).await?;
        let partitions = cluster::partitions(&client, &name).await?;
        self.begin(&mapping, &client, (&name, &partitions)).await?;
        if self.reader.results.clear(&mapping.key) {
            tracing::info!(mapping = %mapping.key.id, topic = name, "a topic is read again");
        }
        for partition in partitions {
            if !self.running.contains_key(&partition) {
                self.start(&name, partition);
            }
        }
        Ok(())
    }

    /// Notes where each partition begins of a topic that is not read from its beginning: records that come while the server
    /// is away are not to be lost. Partitions that come later are read from their beginning.
    async fn begin(
        &self,
        mapping: &EventSourceMapping,
        client: &Client,
        (topic, partitions): (&str, &[i32]),
    ) -> Result<(), Problem> {
        let ledger = &self.reader.current.ledger;
        if ledger.runs().cursors.get(&mapping.key, BEGUN).is_some() {
            return Ok(());
        }
        let origin = &mapping.settings.origin;
        let at = match origin.position.as_deref() {
            Some("LATEST") => OffsetAt::Latest,
            Some("AT_TIMESTAMP") => OffsetAt::Timestamp(record::time(origin.timestamp.unwrap_or_default())),
            _ => return Ok(()),
        };

        let place = |shard: String, position| {
            let cursor = Cursor::at(mapping.key.clone(), shard, position);
            RunCommand::Reach { cursor, deliveries: Vec::new() }
        };
        let mut places = vec![place(BEGUN.to_owned(), Position::Since(clock::now()))];
        for partition in partitions {
            let first = cluster::first_offset(client, topic, *partition, at).await?;
            places.push(place(record::name(topic, *partition), Position::After((first - 1).to_string())));
        }
        let committed = ledger.commit_run(RunCommand::InTurn(places)).await;
        committed.map(drop).map_err(|error| Problem(format!("how far a topic is read could not be stored: {error}")))
    }

    fn start(&mut self, topic: &str, partition: i32) {
        let retired = self.retired.child_token();
        self.running.insert(partition, retired.clone());
        let BrokerReader { current, invoker, results, stop, .. } = self.reader.clone();
        let source: Arc<dyn Source> = Arc::new(PartitionSource {
            cluster: Arc::clone(&self.cluster),
            topic: topic.to_owned(),
            partition,
            current: current.clone(),
            results: Arc::clone(&results),
            retired: retired.clone(),
            connection: tokio::sync::Mutex::default(),
            progress: Mutex::new(Progress::default()),
        });
        let delivery = Delivery { current, source, invoker, stop };
        self.tasks.spawn(poller::run(delivery, results, retired));
    }

    async fn is_ill(&self, problem: &Problem) {
        self.cluster.forget().await;
        let key = &self.reader.current.key;
        if self.reader.results.note(key, problem) {
            tracing::warn!(mapping = %key.id, %problem, "a topic cannot be read; this is said once until it can");
        }
    }
}
