//! A cluster, and the way to it.

use std::sync::Arc;
use std::time::Duration;

use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder, Credentials, SaslConfig};
use rskafka::{BackoffConfig, ConnectionError};
use tokio::sync::Mutex;

use crate::model::event_sources::{EventSourceMapping, SourceAccess};
use crate::reactors::sources::access::{Access, Mechanism};
use crate::reactors::sources::source::Problem;
use crate::tls;
use crate::upstream::{Broker, BrokerProtocol, Upstream};

/// How long a cluster may take to be connected to, and for an answer that waits for nothing.
pub const ANSWER: Duration = Duration::from_secs(10);

/// How long the client tries by itself before the problem is told: the pollers have their own pauses.
const PATIENCE: Duration = Duration::from_millis(300);

/// Bytes of one answer at most: a batch of Kafka's comes whole, however large it is.
const MAX_ANSWER: usize = 100 * 1024 * 1024;

/// A cluster, as one mapping reads it.
#[derive(Debug)]
pub struct Cluster {
    upstream: Arc<Upstream>,
    client: Mutex<Option<Known>>,
}

/// A client, and what it was made with.
#[derive(Debug)]
struct Known {
    access: Vec<SourceAccess>,
    client: Arc<Client>,
}

impl Cluster {
    /// A cluster that nobody has connected to yet.
    pub fn new(upstream: Arc<Upstream>) -> Self {
        Self { upstream, client: Mutex::default() }
    }

    /// The client of a mapping's cluster, with the secrets that it names now.
    pub async fn client(&self, mapping: &EventSourceMapping) -> Result<Arc<Client>, Problem> {
        let mut known = self.client.lock().await;
        if let Some(Known { access, client }) = &*known
            && *access == mapping.settings.access
        {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(self.connect(mapping).await?);
        *known = Some(Known { access: mapping.settings.access.clone(), client: Arc::clone(&client) });
        Ok(client)
    }

    /// Has the next who asks connect anew.
    pub async fn forget(&self) {
        *self.client.lock().await = None;
    }

    /// The servers as functions are told of them.
    pub fn servers(&self, mapping: &EventSourceMapping) -> String {
        match mapping.source.arn() {
            Some(arn) => hosts(&self.upstream.brokers().of_arn(arn, BrokerProtocol::Kafka)).join(","),
            None => mapping.source.names().join(","),
        }
    }

    async fn connect(&self, mapping: &EventSourceMapping) -> Result<Client, Problem> {
        let access = Access::of(mapping, &self.upstream).await?;
        let (servers, has_tls) = servers(mapping, &self.upstream, &access);
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(50),
            max_backoff: PATIENCE,
            base: 2.0,
            deadline: Some(PATIENCE),
        };
        let mut builder =
            ClientBuilder::new(servers).client_id("larder").max_message_size(MAX_ANSWER).backoff_config(backoff);
        if let Some((mechanism, user)) = access.user {
            let credentials = Credentials::new(user.username, user.password);
            builder = builder.sasl_config(match mechanism {
                Mechanism::Plain => SaslConfig::Plain(credentials),
                Mechanism::ScramSha256 => SaslConfig::ScramSha256(credentials),
                Mechanism::ScramSha512 => SaslConfig::ScramSha512(credentials),
            });
        }
        if has_tls {
            let identity = access.client_certificate;
            if identity.as_ref().is_some_and(|identity| identity.private_key_password.is_some()) {
                return Err(Problem("This version of Larder reads no encrypted private keys.".to_owned()));
            }
            let identity = identity.as_ref().map(|found| (found.certificate.as_str(), found.private_key.as_str()));
            let config = tls::config(access.root_ca.as_deref(), identity);
            let refused = |reason| Problem(format!("Provided certificate or private key is invalid. {reason}"));
            builder = builder.tls_config(Arc::new(config.map_err(refused)?));
        }

        answered(builder.build()).await
    }
}

/// The bootstrap servers of a mapping, and whether they are spoken to with TLS: as they were given to this server, else as
/// AWS would.
fn servers(mapping: &EventSourceMapping, upstream: &Upstream, access: &Access) -> (Vec<String>, bool) {
    let brokers = upstream.brokers();
    let names = mapping.source.names();
    let given: Vec<_> = match mapping.source.arn() {
        Some(arn) => brokers.of_arn(arn, BrokerProtocol::Kafka),
        None => names.iter().flat_map(|name| brokers.named(name, BrokerProtocol::Kafka)).collect(),
    };
    if given.is_empty() {
        return (names.to_vec(), access.asks_for_tls());
    }
    (hosts(&given), given.iter().any(|broker| broker.has_tls))
}

fn hosts(brokers: &[&Broker]) -> Vec<String> {
    brokers.iter().map(ToString::to_string).collect()
}

/// The partitions of a topic.
pub async fn partitions(client: &Client, topic: &str) -> Result<Vec<i32>, Problem> {
    let topics = answered(client.list_topics()).await?;
    let found = topics.into_iter().find(|found| found.name == topic && !found.partitions.is_empty());
    let found = found.ok_or_else(|| Problem(format!("The topic {topic} is not there.")))?;
    Ok(found.partitions.into_iter().collect())
}

/// The client of a partition.
pub async fn partition(client: &Client, topic: &str, partition: i32) -> Result<PartitionClient, Problem> {
    answered(client.partition_client(topic, partition, UnknownTopicHandling::Error)).await
}

/// The offset of the first record of a place, or of the next one that comes.
pub async fn first_offset(client: &Client, topic: &str, number: i32, at: OffsetAt) -> Result<i64, Problem> {
    let client = partition(client, topic, number).await?;
    let first = answered(client.get_offset(at)).await?;
    // Of a time after which nothing came yet.
    if first < 0 { answered(client.get_offset(OffsetAt::Latest)).await } else { Ok(first) }
}

/// What a cluster answers in its time.
pub async fn answered<T>(asked: impl Future<Output = Result<T, Error>>) -> Result<T, Problem> {
    match tokio::time::timeout(ANSWER, asked).await {
        Ok(answer) => answer.map_err(|error| problem(&error)),
        Err(_) => Err(silent(ANSWER)),
    }
}

/// The problem of a cluster that says nothing.
pub fn silent(limit: Duration) -> Problem {
    Problem(format!("Connection error. The cluster did not answer within {} s.", limit.as_secs()))
}

/// What an error is to people: AWS's words, where it has some, and the client's.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/with-kafka-troubleshoot.html>.
pub fn problem(error: &Error) -> Problem {
    let text = error.to_string();
    let says = |part: &str| text.contains(part);
    let begin = match error {
        Error::ServerError { protocol_error: ProtocolError::TopicAuthorizationFailed, .. } => {
            "Cluster failed to authorize Lambda."
        }
        Error::ServerError { .. } => "The topic cannot be read.",
        // The client gives causes as texts alone, once it has tried again.
        Error::Connection(ConnectionError::SaslFailed(_)) => "SASL authentication failed.",
        _ if says("Sasl") || says("sasl") => "SASL authentication failed.",
        _ if says("invalid peer certificate") => "Lambda failed to authenticate server.",
        _ if says("received fatal alert") => "Server failed to authenticate Lambda.",
        _ => "Connection error.",
    };
    Problem(format!("{begin} {text}"))
}
