//! One connection to a broker, with one consumer. What it has received and not acknowledged the broker has again when it ends.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::uri::{AMQPAuthority, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Channel, Connection, ConnectionProperties, Consumer, Error, ErrorKind};

use super::record::Message;
use crate::model::event_sources::{EventSourceMapping, SourceAccess};
use crate::reactors::sources::access::Access;
use crate::reactors::sources::source::Problem;
use crate::tls;
use crate::upstream::{BrokerProtocol, Upstream};

/// How long a broker may take for an answer that waits for nothing.
const ANSWER: Duration = Duration::from_secs(10);

/// The virtual host where a mapping names none.
const DEFAULT_HOST: &str = "/";

/// A connection and its consumer.
#[derive(Debug)]
pub struct Session {
    /// Which one: tags of messages count in it alone.
    pub id: u64,
    /// The queue.
    pub queue: String,
    /// Its virtual host.
    pub virtual_host: String,
    access: Vec<SourceAccess>,
    batch_size: u32,
    connection: Connection,
    channel: Channel,
    consumer: Consumer,
    /// What was received, and found no room in a batch.
    held: VecDeque<Message>,
}

impl Session {
    /// Connects to a mapping's broker, with the secrets that it names now.
    pub async fn open(mapping: &EventSourceMapping, upstream: &Upstream) -> Result<Self, Problem> {
        static SESSIONS: AtomicU64 = AtomicU64::new(1);
        let access = Access::of(mapping, upstream).await?;
        let virtual_host = access.virtual_host.clone().unwrap_or_else(|| DEFAULT_HOST.to_owned());
        let uri = uri(mapping, upstream, access, &virtual_host)?;
        tls::install();
        let properties = ConnectionProperties::default().with_connection_name("larder".into());
        let connection = answered(Connection::connect_uri(uri, properties)).await?;
        let channel = answered(connection.create_channel()).await?;

        let queue = mapping.settings.origin.queues.first().cloned().unwrap_or_default();
        let name = ShortString::try_new(queue.clone()).map_err(|error| Problem(error.to_string()))?;
        // No more than a batch: what nobody can run yet stays in the queue, for others.
        let most = u16::try_from(mapping.settings.batch_size).unwrap_or(u16::MAX);
        answered(channel.basic_qos(most, BasicQosOptions::default())).await?;
        let consuming = channel.basic_consume(name, "".into(), BasicConsumeOptions::default(), FieldTable::default());
        let consumer = answered(consuming).await?;

        Ok(Self {
            id: SESSIONS.fetch_add(1, Ordering::Relaxed),
            queue,
            virtual_host,
            access: mapping.settings.access.clone(),
            batch_size: mapping.settings.batch_size,
            connection,
            channel,
            consumer,
            held: VecDeque::new(),
        })
    }

    /// Whether it is what a mapping asks for.
    pub fn is_of(&self, mapping: &EventSourceMapping) -> bool {
        self.access == mapping.settings.access && self.batch_size == mapping.settings.batch_size
    }

    /// Waits for the next message.
    pub async fn next(&mut self, wait: Duration) -> Result<Option<Message>, Problem> {
        if let Some(message) = self.held.pop_front() {
            return Ok(Some(message));
        }
        match tokio::time::timeout(wait, self.consumer.next()).await {
            Err(_) => Ok(None),
            Ok(Some(Ok(delivery))) => Ok(Some(Message::of(&delivery))),
            Ok(Some(Err(error))) => Err(problem(&error)),
            Ok(None) => {
                Err(Problem("Connection error. The broker ended the delivery of the queue's messages.".to_owned()))
            }
        }
    }

    /// Keeps a message for the next batch.
    pub fn hold(&mut self, message: Message) {
        self.held.push_front(message);
    }

    /// Tells the broker that a message is done, or all up to it are.
    pub async fn acknowledge(&self, tag: u64, multiple: bool) -> Result<(), Problem> {
        answered(self.channel.basic_ack(tag, BasicAckOptions { multiple })).await
    }

    /// Ends it.
    pub async fn close(self) {
        // One that is broken is at its end already.
        let _ = tokio::time::timeout(ANSWER, self.connection.close(200, "read no more".into())).await;
    }
}

fn uri(
    mapping: &EventSourceMapping,
    upstream: &Upstream,
    access: Access,
    virtual_host: &str,
) -> Result<AMQPUri, Problem> {
    let arn = mapping.source.arn().unwrap_or_default();
    let brokers = upstream.brokers().of_arn(arn, BrokerProtocol::Amqp);
    let broker = brokers.first().ok_or_else(|| Problem(format!("Where {arn} is was not told.")))?;
    let (_, user) = access.user.ok_or_else(|| Problem("The mapping has no BASIC_AUTH.".to_owned()))?;
    Ok(AMQPUri {
        scheme: if broker.has_tls { AMQPScheme::AMQPS } else { AMQPScheme::AMQP },
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo { username: user.username, password: user.password },
            host: broker.host.clone(),
            port: broker.port,
        },
        vhost: virtual_host.to_owned(),
        query: lapin::uri::AMQPQueryString::default(),
    })
}

/// What a broker answers in its time.
async fn answered<T>(asked: impl Future<Output = Result<T, Error>>) -> Result<T, Problem> {
    match tokio::time::timeout(ANSWER, asked).await {
        Ok(answer) => answer.map_err(|error| problem(&error)),
        Err(_) => Err(Problem(format!("Connection error. The broker did not answer within {} s.", ANSWER.as_secs()))),
    }
}

fn problem(error: &Error) -> Problem {
    Problem(match error.kind() {
        ErrorKind::ProtocolError(told) => {
            let message = told.get_message().as_str();
            let is_stranger = message.starts_with("ACCESS_REFUSED");
            let begin =
                if is_stranger { "The broker failed to authenticate Lambda." } else { "The queue cannot be read." };
            format!("{begin} {message}")
        }
        _ => format!("Connection error. {error}"),
    })
}
