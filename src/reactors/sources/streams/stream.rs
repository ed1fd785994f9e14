//! A stream of the upstream, and where a mapping is in it.

use std::sync::Arc;

use crate::clock;
use crate::model::arn::Arn;
use crate::model::event_sources::{EventSourceMapping, SourceKind};
use crate::model::time::Timestamp;
use crate::reactors::sources::source::Problem;
use crate::runs::cursors::{Cursors, Position};
use crate::upstream::{Page, ServiceError, Shard, Signer, Start, StreamAccess, StreamService, Upstream};

/// What the upstream says of an iterator that is too old.
const EXPIRED: &str = "ExpiredIteratorException";

/// What it says of a place in a table's stream whose records are gone.
const TRIMMED: &str = "TrimmedDataAccessException";

/// What Kinesis says of a sequence number that another stream of this name gave, which was deleted since.
const OTHER_STREAM: &str = "did not come from this stream";

/// A stream.
#[derive(Debug)]
pub struct Stream {
    upstream: Arc<Upstream>,
    /// Kinesis, or `DynamoDB`.
    pub kind: SourceKind,
    /// The mapping's source: of a consumer of a stream, the consumer.
    pub arn: String,
}

impl Stream {
    /// The stream of a mapping, if it reads one.
    pub fn of(mapping: &EventSourceMapping, upstream: Arc<Upstream>) -> Option<Self> {
        let kind = mapping.source.kind();
        let arn = mapping.source.arn().filter(|_| kind.is_stream())?.to_owned();
        Some(Self { upstream, kind, arn })
    }

    fn access(&self) -> StreamAccess {
        let arn = Arn::parse(&self.arn);
        let part = |part: fn(Arn<'_>) -> &str| arn.map_or_else(String::new, |arn| part(arn).to_owned());
        let signer = Signer {
            access_key_id: part(|arn| arn.account),
            region: part(|arn| arn.region),
            day: clock::now().date().replace('-', ""),
        };
        let service = if self.kind == SourceKind::Kinesis { StreamService::Kinesis } else { StreamService::DynamoDb };
        // `stream/NAME`, of a consumer with more behind it: it is read through the stream.
        let name = part(|arn| arn.resource.split('/').nth(1).unwrap_or_default());

        StreamAccess { service, arn: self.arn.clone(), name, signer }
    }

    /// Its shards.
    pub async fn shards(&self) -> Result<Vec<Shard>, Problem> {
        self.upstream.shards(&self.access()).await.map_err(problem)
    }

    /// Where a shard is read on.
    pub async fn iterator(&self, shard: &str, start: &Start) -> Result<String, Problem> {
        let access = self.access();
        match self.upstream.shard_iterator(&access, shard, start).await {
            Err(ServiceError::Refused { code, message }) if code == TRIMMED || message.contains(OTHER_STREAM) => {
                tracing::warn!(
                    stream = self.arn,
                    shard,
                    "what comes next in a stream is gone: it is read from its oldest record on"
                );
                self.upstream.shard_iterator(&access, shard, &Start::Oldest).await.map_err(problem)
            }
            found => found.map_err(problem),
        }
    }

    /// What is behind an iterator; `None` where that is too old.
    pub async fn page(&self, iterator: &str, most: usize) -> Result<Option<Page>, Problem> {
        match self.upstream.shard_records(&self.access(), iterator, most).await {
            Err(ServiceError::Refused { code, .. }) if code == EXPIRED || code == TRIMMED => Ok(None),
            page => page.map(Some).map_err(problem),
        }
    }

    /// Where a shard is read from, by what was read of it and by the mapping's position.
    pub fn start(&self, mapping: &EventSourceMapping, cursors: &Cursors, shard: &str) -> Start {
        let begun = || cursors.get(&mapping.key, "").map(|(_, cursor)| cursor.position.clone());
        let position = cursors.get(&mapping.key, shard).map(|(_, cursor)| cursor.position.clone()).or_else(begun);
        match position {
            Some(Position::After(sequence)) => Start::After(sequence),
            // Streams of tables know no times: what is older is passed over.
            Some(Position::Since(time)) if self.kind == SourceKind::Kinesis && time > Timestamp(0) => {
                Start::At(seconds(time.0))
            }
            _ => Start::Oldest,
        }
    }
}

/// Milliseconds as the seconds that AWS's services speak of.
pub fn seconds(ms: u64) -> f64 {
    #[allow(clippy::cast_precision_loss)]
    // Times of this age of the world have room.
    let ms = ms as f64;
    ms / 1000.0
}

fn problem(error: ServiceError) -> Problem {
    Problem(match error {
        ServiceError::Refused { code, message } => format!("The stream cannot be read. {code}: {message}"),
        error @ ServiceError::Upstream(_) => error.to_string(),
    })
}
