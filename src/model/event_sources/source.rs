//! What is read: the kinds of event sources, told by their ARNs.

use crate::model::arn::Arn;

/// An event source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A resource of AWS, by its ARN.
    Arn {
        /// What it is.
        kind: SourceKind,
        /// Its ARN, one item: see [`Source::names`].
        arn: [String; 1],
    },
    /// A Kafka cluster somewhere, by its bootstrap servers.
    SelfManagedKafka(Vec<String>),
}

/// The kinds of event sources, which differ in what can be configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// A standard queue.
    Sqs,
    /// A FIFO queue.
    SqsFifo,
    /// A Kinesis stream or a consumer of one.
    Kinesis,
    /// A stream of a `DynamoDB` table.
    DynamoDb,
    /// A cluster of Amazon MSK, or a VPC connection to one.
    Msk,
    /// A Kafka cluster that AWS does not manage.
    SelfManagedKafka,
    /// A broker of Amazon MQ. Its ARN does not say whether it is `ActiveMQ` or `RabbitMQ`.
    Mq,
    /// A change stream of a `DocumentDB` cluster.
    DocumentDb,
}

impl Source {
    /// The source with this ARN, if it is one that Lambda reads from.
    pub fn of_arn(arn: &str) -> Option<Self> {
        let kind = SourceKind::of_arn(arn)?;
        Some(Self::Arn { kind, arn: [arn.to_owned()] })
    }

    /// What kind it is.
    pub fn kind(&self) -> SourceKind {
        match self {
            Self::Arn { kind, .. } => *kind,
            Self::SelfManagedKafka(_) => SourceKind::SelfManagedKafka,
        }
    }

    /// Its ARN, unless it is self-managed.
    pub fn arn(&self) -> Option<&str> {
        match self {
            Self::Arn { arn: [arn], .. } => Some(arn),
            Self::SelfManagedKafka(_) => None,
        }
    }

    /// The names it can be found by: the ARN, or each bootstrap server.
    pub fn names(&self) -> &[String] {
        match self {
            Self::Arn { arn, .. } => arn,
            Self::SelfManagedKafka(servers) => servers,
        }
    }
}

impl SourceKind {
    fn of_arn(arn: &str) -> Option<Self> {
        let Arn { service, resource, .. } = Arn::parse(arn)?;
        let named = |prefix: &str| resource.strip_prefix(prefix).is_some_and(|name| !name.is_empty());
        match service {
            "sqs" if resource.strip_suffix(".fifo").is_some() => Some(Self::SqsFifo),
            "sqs" => Some(Self::Sqs),
            "kinesis" if named("stream/") => Some(Self::Kinesis),
            // The table itself cannot be read, only its stream.
            "dynamodb" if named("table/") && resource.contains("/stream/") => Some(Self::DynamoDb),
            "kafka" => Some(Self::Msk),
            "mq" => Some(Self::Mq),
            "rds" if named("cluster:") => Some(Self::DocumentDb),
            _ => None,
        }
    }

    /// Queues of SQS.
    pub fn is_sqs(self) -> bool {
        matches!(self, Self::Sqs | Self::SqsFifo)
    }

    /// Kinesis and `DynamoDB`: what AWS calls streams.
    pub fn is_stream(self) -> bool {
        matches!(self, Self::Kinesis | Self::DynamoDb)
    }

    /// Kafka, whoever manages it.
    pub fn is_kafka(self) -> bool {
        matches!(self, Self::Msk | Self::SelfManagedKafka)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_told_by_the_arn() {
        let kind = |arn: &str| Source::of_arn(&format!("arn:aws:{arn}")).map(|source| source.kind());
        assert_eq!(kind("sqs:us-east-1:000000000000:q"), Some(SourceKind::Sqs));
        assert_eq!(kind("sqs:us-east-1:000000000000:q.fifo"), Some(SourceKind::SqsFifo));
        assert_eq!(kind("kinesis:us-east-1:000000000000:stream/s"), Some(SourceKind::Kinesis));
        assert_eq!(kind("kinesis:us-east-1:000000000000:stream/s/consumer/c:1"), Some(SourceKind::Kinesis));
        let stream = "dynamodb:us-east-1:000000000000:table/t/stream/2024-01-01T00:00:00.000";
        assert_eq!(kind(stream), Some(SourceKind::DynamoDb));
        assert_eq!(kind("dynamodb:us-east-1:000000000000:table/t"), None);
        assert_eq!(kind("kafka:us-east-1:000000000000:cluster/c/1-2-3"), Some(SourceKind::Msk));
        assert_eq!(kind("mq:us-east-1:000000000000:broker:b:b-1"), Some(SourceKind::Mq));
        assert_eq!(kind("rds:us-east-1:000000000000:cluster:d"), Some(SourceKind::DocumentDb));

        assert_eq!(kind("s3:::bucket"), None);
    }
}
