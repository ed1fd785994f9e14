//! Brokers of messages, which event sources are read from: where those are that AWS's names do not tell of here.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use axum::http::Uri;

/// What a broker speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokerProtocol {
    /// Kafka's protocol.
    Kafka,
    /// AMQP 0.9.1, as `RabbitMQ` speaks it.
    Amqp,
}

/// A broker: `kafka://HOST:PORT` or `amqp://HOST:PORT`; with TLS `kafkas` and `amqps`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// What it speaks.
    pub protocol: BrokerProtocol,
    /// Whether with TLS.
    pub has_tls: bool,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl FromStr for Broker {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let advice = || {
            format!(
                "{text:?} is no broker; write kafka://HOST:PORT or amqp://HOST:PORT, with TLS kafkas:// or amqps://"
            )
        };
        let uri: Uri = text.parse().map_err(|_| advice())?;
        let (protocol, has_tls) = match uri.scheme_str() {
            Some("kafka") => (BrokerProtocol::Kafka, false),
            Some("kafkas") => (BrokerProtocol::Kafka, true),
            Some("amqp") => (BrokerProtocol::Amqp, false),
            Some("amqps") => (BrokerProtocol::Amqp, true),
            _ => return Err(advice()),
        };
        let authority = uri.authority().ok_or_else(advice)?;
        if authority.as_str().contains('@') {
            return Err("a broker is named without a user; who reads it stands in the mapping's secret".to_owned());
        }
        if uri.path_and_query().is_some_and(|rest| rest.as_str() != "/") {
            return Err(format!("{text:?}: a broker has no path; a virtual host stands in the mapping"));
        }
        let port = authority.port_u16().unwrap_or(match (protocol, has_tls) {
            (BrokerProtocol::Kafka, _) => 9092,
            (BrokerProtocol::Amqp, false) => 5672,
            (BrokerProtocol::Amqp, true) => 5671,
        });

        Ok(Self { protocol, has_tls, host: authority.host().to_owned(), port })
    }
}

/// One value of `--broker`: `URL`, or `SOURCE=URL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerOption {
    /// The ARN of a cluster or a broker, or a bootstrap server of a mapping; without one all ARNs that have none of their
    /// own.
    pub source: Option<String>,
    /// Where it is.
    pub broker: Broker,
}

impl FromStr for BrokerOption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((source, url)) = text.split_once('=') else {
            return Ok(Self { source: None, broker: text.parse()? });
        };
        if source.is_empty() {
            return Err(format!(
                "{text:?}: write the ARN of a source, or HOST:PORT of a bootstrap server, before the ="
            ));
        }
        Ok(Self { source: Some(source.to_owned()), broker: url.parse()? })
    }
}

/// All brokers that were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Brokers {
    of_arns: Vec<Broker>,
    named: BTreeMap<String, Vec<Broker>>,
}

impl Brokers {
    /// Puts the values of the option together.
    pub fn new(options: impl IntoIterator<Item = BrokerOption>) -> Self {
        let mut brokers = Self::default();
        for BrokerOption { source, broker } in options {
            match source {
                None => brokers.of_arns.push(broker),
                Some(source) => brokers.named.entry(source).or_default().push(broker),
            }
        }
        brokers
    }

    /// The brokers of a source that was given by itself.
    pub fn named(&self, source: &str, protocol: BrokerProtocol) -> Vec<&Broker> {
        let named = self.named.get(source).into_iter().flatten();
        named.filter(|broker| broker.protocol == protocol).collect()
    }

    /// The brokers of an ARN: its own, or those of all.
    pub fn of_arn(&self, arn: &str, protocol: BrokerProtocol) -> Vec<&Broker> {
        let named = self.named(arn, protocol);
        if !named.is_empty() {
            return named;
        }
        self.of_arns.iter().filter(|broker| broker.protocol == protocol).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brokers(texts: &[&str]) -> Brokers {
        Brokers::new(texts.iter().map(|text| text.parse().expect("a broker")))
    }

    #[test]
    fn a_source_has_its_own_brokers_or_those_of_all() {
        let arn = "arn:aws:kafka:us-east-1:000000000000:cluster/c/1-2-3";
        let given = brokers(&[
            "kafka://any:1",
            "amqps://mq",
            &format!("{arn}=kafkas://own:2"),
            &format!("{arn}=kafkas://own:3"),
            "b-1.prod:9092=kafka://localhost",
        ]);
        let shown = |brokers: Vec<&Broker>| brokers.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(shown(given.of_arn(arn, BrokerProtocol::Kafka)), ["own:2", "own:3"]);
        assert_eq!(shown(given.of_arn("arn:aws:kafka:x", BrokerProtocol::Kafka)), ["any:1"]);
        assert_eq!(shown(given.of_arn(arn, BrokerProtocol::Amqp)), ["mq:5671"]);
        assert_eq!(shown(given.named("b-1.prod:9092", BrokerProtocol::Kafka)), ["localhost:9092"]);
        assert!(given.named("elsewhere:9092", BrokerProtocol::Kafka).is_empty(), "others name their servers");
        assert!(given.of_arn(arn, BrokerProtocol::Kafka).iter().all(|broker| broker.has_tls));
    }

    #[test]
    fn what_is_no_broker_is_refused_with_what_to_write() {
        for (text, says) in [
            ("localhost:9092", "write kafka://HOST:PORT"),
            ("http://localhost", "write kafka://HOST:PORT"),
            ("amqp://guest:guest@localhost", "without a user"),
            ("amqp://localhost/vhost", "has no path"),
            ("=kafka://localhost", "before the ="),
            ("a=", "is no broker"),
        ] {
            let error = text.parse::<BrokerOption>().expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
