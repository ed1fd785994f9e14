//! How a source is read: settings, their defaults, and changes to them.

use super::source::SourceKind;
use crate::model::command::Stamp;
use crate::model::time::Timestamp;

/// Everything a caller can configure. A member that is `None` (or empty) is not shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// `BatchSize`.
    pub batch_size: u32,
    /// `MaximumBatchingWindowInSeconds`; absent where the default is half a second.
    pub batching_window_s: Option<u32>,
    /// The patterns of `FilterCriteria`.
    pub filters: Vec<String>,
    /// `KMSKeyArn`.
    pub kms_key_arn: Option<String>,
    /// `Metrics` of `MetricsConfig`.
    pub metrics: Vec<String>,
    /// `SystemLogLevel` of `LoggingConfig`.
    pub log_level: Option<String>,
    /// `MaximumConcurrency` of `ScalingConfig`.
    pub max_concurrency: Option<u32>,
    /// `ParallelizationFactor`.
    pub parallelization_factor: Option<u32>,
    /// `MaximumRecordAgeInSeconds`; -1: for ever.
    pub max_record_age_s: Option<i64>,
    /// `MaximumRetryAttempts`; -1: without end.
    pub max_retry_attempts: Option<i64>,
    /// `BisectBatchOnFunctionError`.
    pub bisect_batch: Option<bool>,
    /// `TumblingWindowInSeconds`.
    pub tumbling_window_s: Option<u32>,
    /// `Destination` of `OnFailure`.
    pub on_failure: Option<String>,
    /// `FunctionResponseTypes`.
    pub response_types: Vec<String>,
    /// `SourceAccessConfigurations`.
    pub access: Vec<SourceAccess>,
    /// `AmazonManagedKafkaEventSourceConfig` or `SelfManagedKafkaEventSourceConfig`, whichever the kind has.
    pub kafka: Option<KafkaConfig>,
    /// `DocumentDBEventSourceConfig`.
    pub document_db: Option<DocumentDbConfig>,
    /// `ProvisionedPollerConfig`.
    pub pollers: Option<ProvisionedPollers>,
    /// What cannot be changed later.
    pub origin: Origin,
}

impl Settings {
    /// Whether records of a stream are put together in tumbling windows.
    pub fn has_windows(&self) -> bool {
        self.tumbling_window_s.is_some_and(|seconds| seconds > 0)
    }

    /// How many batches of one shard may run at once: of a window one follows the other, for each gets the state that the
    /// one before it left.
    pub fn lanes(&self) -> usize {
        let factor = if self.has_windows() { 1 } else { self.parallelization_factor.unwrap_or(1) };
        usize::try_from(factor).unwrap_or(1).max(1)
    }
}

/// What is given at creation only.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Origin {
    /// `StartingPosition`.
    pub position: Option<String>,
    /// `StartingPositionTimestamp`.
    pub timestamp: Option<Timestamp>,
    /// `Topics`.
    pub topics: Vec<String>,
    /// `Queues`.
    pub queues: Vec<String>,
}

/// A `SourceAccessConfiguration`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceAccess {
    /// `Type`.
    pub kind: String,
    /// `URI`; some types have none.
    pub uri: Option<String>,
}

/// How Kafka is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaConfig {
    /// `ConsumerGroupId`.
    pub consumer_group: String,
    /// `SchemaRegistryConfig`.
    pub registry: Option<SchemaRegistry>,
    /// `ConsumptionMode`, of self-managed clusters.
    pub consumption_mode: Option<String>,
}

/// A `KafkaSchemaRegistryConfig`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaRegistry {
    /// `SchemaRegistryURI`.
    pub uri: Option<String>,
    /// `EventRecordFormat`.
    pub format: Option<String>,
    /// `AccessConfigs`.
    pub access: Vec<RegistryAccess>,
    /// The attributes of `SchemaValidationConfigs`.
    pub validated: Vec<String>,
}

/// A `KafkaSchemaRegistryAccessConfig`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryAccess {
    /// `Type`.
    pub kind: Option<String>,
    /// `URI`.
    pub uri: Option<String>,
}

/// A `DocumentDBEventSourceConfig`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentDbConfig {
    /// `DatabaseName`.
    pub database: String,
    /// `CollectionName`; absent: all.
    pub collection: Option<String>,
    /// `FullDocument`.
    pub full_document: String,
}

/// A `ProvisionedPollerConfig`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvisionedPollers {
    /// `MinimumPollers`.
    pub least: u32,
    /// `MaximumPollers`.
    pub most: u32,
    /// `PollerGroupName`.
    pub group: Option<String>,
}

/// The settings that a caller gave. An empty text, list or structure takes away what can be absent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SettingsPatch {
    /// `BatchSize`.
    pub batch_size: Option<u32>,
    /// `MaximumBatchingWindowInSeconds`.
    pub batching_window_s: Option<u32>,
    /// The patterns of `FilterCriteria`.
    pub filters: Option<Vec<String>>,
    /// `KMSKeyArn`.
    pub kms_key_arn: Option<String>,
    /// `MetricsConfig`.
    pub metrics: Option<Vec<String>>,
    /// `LoggingConfig`.
    pub log_level: Option<Option<String>>,
    /// `ScalingConfig`.
    pub max_concurrency: Option<Option<u32>>,
    /// `ParallelizationFactor`.
    pub parallelization_factor: Option<u32>,
    /// `MaximumRecordAgeInSeconds`.
    pub max_record_age_s: Option<i64>,
    /// `MaximumRetryAttempts`.
    pub max_retry_attempts: Option<i64>,
    /// `BisectBatchOnFunctionError`.
    pub bisect_batch: Option<bool>,
    /// `TumblingWindowInSeconds`.
    pub tumbling_window_s: Option<u32>,
    /// `DestinationConfig`.
    pub destination: Option<Destination>,
    /// `FunctionResponseTypes`.
    pub response_types: Option<Vec<String>>,
    /// `SourceAccessConfigurations`.
    pub access: Option<Vec<SourceAccess>>,
    /// `AmazonManagedKafkaEventSourceConfig`.
    pub managed_kafka: Option<KafkaPatch>,
    /// `SelfManagedKafkaEventSourceConfig`.
    pub self_managed_kafka: Option<KafkaPatch>,
    /// `DocumentDBEventSourceConfig`.
    pub document_db: Option<DocumentDbPatch>,
    /// `ProvisionedPollerConfig`.
    pub pollers: Option<PollersPatch>,
}

/// A `DestinationConfig`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Destination {
    /// Whether there is an `OnSuccess`, which no mapping can have.
    pub on_success: bool,
    /// `Destination` of `OnFailure`.
    pub on_failure: Option<String>,
}

/// What is given of a [`KafkaConfig`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KafkaPatch {
    /// `ConsumerGroupId`.
    pub consumer_group: Option<String>,
    /// `SchemaRegistryConfig`.
    pub registry: Option<SchemaRegistry>,
    /// `ConsumptionMode`.
    pub consumption_mode: Option<String>,
}

/// What is given of a [`DocumentDbConfig`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DocumentDbPatch {
    /// `DatabaseName`.
    pub database: Option<String>,
    /// `CollectionName`.
    pub collection: Option<String>,
    /// `FullDocument`.
    pub full_document: Option<String>,
}

/// What is given of [`ProvisionedPollers`]; nothing at all takes them away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PollersPatch {
    /// `MinimumPollers`.
    pub least: Option<u32>,
    /// `MaximumPollers`.
    pub most: Option<u32>,
    /// `PollerGroupName`.
    pub group: Option<String>,
}

/// The second id of a command that creates: the first is the mapping's own.
const CONSUMER_GROUP: u8 = 1;

impl Settings {
    /// What AWS shows for a mapping of which nothing is configured.
    ///
    /// Sources: recorded answers for SQS (`test_event_source_mapping_lifecycle`); `LocalStack`'s snapshots of AWS's
    /// mappings (`event_source_mapping`) for Kinesis and `DynamoDB`; the API reference for
    /// the batch sizes and the half second of Kafka, MQ and `DocumentDB`, which a member in whole seconds
    /// cannot show; the developer guide's example for `DocumentDB`, which shows 0 nevertheless.
    pub fn defaults(kind: SourceKind, origin: Origin, stamp: &Stamp) -> Self {
        let stream = kind.is_stream();
        let shows_window = kind.is_sqs() || stream || kind == SourceKind::DocumentDb;
        let kafka = || KafkaConfig {
            consumer_group: stamp.revision(CONSUMER_GROUP).to_string(),
            registry: None,
            consumption_mode: None,
        };
        let position = origin.position.clone().or_else(|| default_position(kind).map(str::to_owned));

        Self {
            batch_size: if kind.is_sqs() { 10 } else { 100 },
            batching_window_s: shows_window.then_some(0),
            parallelization_factor: stream.then_some(1),
            max_record_age_s: stream.then_some(-1),
            max_retry_attempts: stream.then_some(-1),
            bisect_batch: stream.then_some(false),
            tumbling_window_s: stream.then_some(0),
            kafka: kind.is_kafka().then(kafka),
            origin: Origin { position, ..origin },
            ..Self::default()
        }
    }

    /// Puts what was given in the place of what is there.
    pub fn apply(&mut self, patch: &SettingsPatch, kind: SourceKind) {
        self.batch_size = patch.batch_size.unwrap_or(self.batch_size);
        keep(&mut self.batching_window_s, patch.batching_window_s);
        keep(&mut self.parallelization_factor, patch.parallelization_factor);
        keep(&mut self.max_record_age_s, patch.max_record_age_s);
        keep(&mut self.max_retry_attempts, patch.max_retry_attempts);
        keep(&mut self.bisect_batch, patch.bisect_batch);
        keep(&mut self.tumbling_window_s, patch.tumbling_window_s);
        replace(&mut self.filters, patch.filters.as_ref());
        replace(&mut self.metrics, patch.metrics.as_ref());
        replace(&mut self.response_types, patch.response_types.as_ref());
        replace(&mut self.log_level, patch.log_level.as_ref());
        replace(&mut self.max_concurrency, patch.max_concurrency.as_ref());
        if let Some(arn) = &patch.kms_key_arn {
            self.kms_key_arn = filled(arn);
        }
        if let Some(destination) = &patch.destination {
            self.on_failure = destination.on_failure.as_deref().and_then(filled);
        }
        if let Some(access) = &patch.access {
            self.access = with_virtual_host(access.clone(), &self.access);
        }
        if let Some(patch) = patch.managed_kafka.as_ref().or(patch.self_managed_kafka.as_ref()) {
            self.apply_kafka(patch);
        }
        if let Some(patch) = &patch.document_db {
            self.apply_document_db(patch);
        }

        if let Some(patch) = &patch.pollers {
            self.pollers = patch.on(self.pollers.as_ref(), kind);
        }
    }

    fn apply_kafka(&mut self, patch: &KafkaPatch) {
        let Some(kafka) = &mut self.kafka else { return };
        if let Some(group) = &patch.consumer_group {
            kafka.consumer_group.clone_from(group);
        }
        if let Some(registry) = &patch.registry {
            // An empty structure takes the registry away: nothing of it could be used.
            kafka.registry = registry.uri.is_some().then(|| registry.clone());
        }
        if let Some(mode) = &patch.consumption_mode {
            kafka.consumption_mode = Some(mode.clone());
            if mode == "Queue" {
                // No position, and no retries unless asked for (API reference, `ConsumptionMode` and
                // `MaximumRetryAttempts`).
                self.origin.position = None;
                self.max_retry_attempts.get_or_insert(0);
            }
        }
    }

    fn apply_document_db(&mut self, patch: &DocumentDbPatch) {
        let before = self.document_db.take();
        let (database, collection, full) = match before {
            Some(before) => (Some(before.database), before.collection, before.full_document),
            None => (None, None, "Default".to_owned()),
        };
        self.document_db = patch.database.clone().or(database).map(|database| DocumentDbConfig {
            database,
            collection: patch.collection.clone().or(collection),
            full_document: patch.full_document.clone().unwrap_or(full),
        });
    }
}

/// Kafka is read from its beginning, and `DocumentDB` from now on, where a caller says nothing: a guess, as
/// the API reference requires a position of Kinesis and `DynamoDB` only and names no default.
fn default_position(kind: SourceKind) -> Option<&'static str> {
    match kind {
        SourceKind::Msk | SourceKind::SelfManagedKafka => Some("TRIM_HORIZON"),
        SourceKind::DocumentDb => Some("LATEST"),
        _ => None,
    }
}

/// The virtual host of a broker cannot be given in an update, so it stays.
fn with_virtual_host(mut access: Vec<SourceAccess>, before: &[SourceAccess]) -> Vec<SourceAccess> {
    let is_host = |access: &&SourceAccess| access.kind == "VIRTUAL_HOST";
    if !access.iter().any(|access| is_host(&access)) {
        access.extend(before.iter().find(is_host).cloned());
    }
    access
}

impl PollersPatch {
    /// Defaults as in the API reference of `ProvisionedPollerConfig`.
    fn on(&self, before: Option<&ProvisionedPollers>, kind: SourceKind) -> Option<ProvisionedPollers> {
        if *self == Self::default() {
            return None;
        }
        let least = before.map_or(if kind.is_sqs() { 2 } else { 1 }, |before| before.least);
        let least = self.least.unwrap_or(least);
        let most = before.map_or(200, |before| before.most);
        let group = self.group.clone().or_else(|| before.and_then(|before| before.group.clone()));

        Some(ProvisionedPollers {
            least,
            most: self.most.unwrap_or_else(|| most.max(least)),
            group: group.filter(|group| !group.is_empty()),
        })
    }
}

fn keep<T>(place: &mut Option<T>, given: Option<T>) {
    if given.is_some() {
        *place = given;
    }
}

fn replace<T: Clone>(place: &mut T, given: Option<&T>) {
    if let Some(given) = given {
        place.clone_from(given);
    }
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
