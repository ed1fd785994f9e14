//! Why topics of Kafka and queues of Amazon MQ are not read, where that is plain before anybody is asked. The texts are
//! Larder's.

#[cfg(any(feature = "kafka", feature = "rabbitmq"))]
use super::access;
use super::source::Problem;
use crate::model::event_sources::EventSourceMapping;
#[cfg(any(feature = "kafka", feature = "rabbitmq"))]
use crate::upstream::BrokerProtocol;
use crate::upstream::Upstream;

/// Why a topic is not read.
#[cfg(feature = "kafka")]
pub fn topic(mapping: &EventSourceMapping, upstream: &Upstream) -> Option<Problem> {
    let kafka = mapping.settings.kafka.as_ref();
    if kafka.is_some_and(|kafka| kafka.registry.is_some()) {
        return Some(Problem::not_read("topics with a schema registry"));
    }
    if kafka.is_some_and(|kafka| kafka.consumption_mode.as_deref() == Some("Queue")) {
        return Some(Problem::not_read("share groups (ConsumptionMode Queue)"));
    }
    let untold = mapping.source.arn().and_then(|arn| untold(arn, "kafka", BrokerProtocol::Kafka, upstream));
    untold.or_else(|| access::unusable(mapping))
}

/// Why it is not.
#[cfg(not(feature = "kafka"))]
#[allow(clippy::unnecessary_wraps, reason = "with the feature there may be no reason")]
pub fn topic(_mapping: &EventSourceMapping, _upstream: &Upstream) -> Option<Problem> {
    Some(left_out("kafka"))
}

/// Why a queue is not read. An ARN does not say what the broker speaks; who told where it is did.
#[cfg(feature = "rabbitmq")]
pub fn queue(mapping: &EventSourceMapping, upstream: &Upstream) -> Option<Problem> {
    let untold = mapping.source.arn().and_then(|arn| untold(arn, "amqp", BrokerProtocol::Amqp, upstream));
    untold.or_else(|| access::unusable(mapping))
}

/// Why it is not.
#[cfg(not(feature = "rabbitmq"))]
#[allow(clippy::unnecessary_wraps, reason = "with the feature there may be no reason")]
pub fn queue(_mapping: &EventSourceMapping, _upstream: &Upstream) -> Option<Problem> {
    Some(left_out("rabbitmq"))
}

#[cfg(any(feature = "kafka", feature = "rabbitmq"))]
fn untold(arn: &str, scheme: &str, protocol: BrokerProtocol, upstream: &Upstream) -> Option<Problem> {
    let only = match protocol {
        BrokerProtocol::Kafka => "",
        BrokerProtocol::Amqp => " Brokers of RabbitMQ are read, those of ActiveMQ are not.",
    };
    upstream.brokers().of_arn(arn, protocol).is_empty().then(|| {
        Problem(format!(
            "Larder does not know where {arn} is. Start it with --broker {arn}={scheme}://HOST:PORT.{only}"
        ))
    })
}

#[cfg(not(all(feature = "kafka", feature = "rabbitmq")))]
fn left_out(feature: &str) -> Problem {
    Problem(format!("This larder was built without what reads it: build it with `--features {feature}`."))
}
