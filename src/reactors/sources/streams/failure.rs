//! What is told of records that were given up. Shapes are recorded on AWS
//! (`test_kinesis_event_source_mapping_with_on_failure_destination_config` and its likes).

use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use super::event::in_seconds;
use super::work::{GivenUp, Work};
use crate::model::arn::{self, Arn};
use crate::model::event_sources::{EventSourceMapping, SourceKind};
use crate::model::time::Timestamp;
use crate::runs::deliveries::{Delivery, DeliveryKind};

/// The delivery for a mapping's destination, if it has one, of what the function had or would have had as this event.
pub fn delivery(
    mapping: &EventSourceMapping,
    shard: &str,
    (work, given_up): (&Work, GivenUp),
    event: &str,
    now: Timestamp,
) -> Option<(Delivery, Bytes)> {
    let target = mapping.settings.on_failure.clone()?;
    let request_id = request_id(work);
    let mut record = record(mapping, shard, (work, given_up), &request_id, now);
    // In a bucket there is room for the event itself.
    if Arn::parse(&target).is_some_and(|arn| arn.service == "s3") {
        record["payload"] = serde_json::from_str(event).unwrap_or_default();
    }
    let delivery = to_destination((mapping, target), shard, request_id, now);

    Some((delivery, Bytes::from(record.to_string())))
}

/// The request that is told of: the last one that had the records, or one of its own where none had.
pub fn request_id(work: &Work) -> String {
    work.call.as_ref().map_or_else(|| Uuid::new_v4().to_string(), |call| call.request_id.clone())
}

/// What goes to a mapping's destination of records of a shard or partition.
pub fn to_destination(
    (mapping, target): (&EventSourceMapping, String),
    place: &str,
    request_id: String,
    now: Timestamp,
) -> Delivery {
    let function = mapping.target.function.clone();
    Delivery {
        function_arn: arn::function(&function),
        function,
        target,
        kind: DeliveryKind::OnFailure,
        request_id,
        trace_id: None,
        folder: Some(format!("aws/lambda/{}/{place}", mapping.key.id)),
        begun: now,
    }
}

/// The head of a record, which is the same of all sources: the request, how it ended, when that is told.
pub fn head(
    mapping: &EventSourceMapping,
    (work, given_up): (&Work, GivenUp),
    request_id: &str,
    now: Timestamp,
) -> Value {
    let mut record = json!({
        "requestContext": {
            "requestId": request_id,
            "functionArn": arn::function(&mapping.target.function),
            "condition": given_up.condition(),
            // What was never tried counts as one.
            "approximateInvokeCount": work.failures.max(1),
        },
    });
    if let Some(call) = work.call.as_ref().filter(|_| given_up != GivenUp::RecordAgeExceeded) {
        record["responseContext"] = json!({
            "statusCode": 200,
            "executedVersion": call.version,
            "functionError": call.is_error.then_some("Unhandled"),
        });
    }

    record["version"] = "1.0".into();
    record["timestamp"] = now.iso().into();
    record
}

fn record(
    mapping: &EventSourceMapping,
    shard: &str,
    (work, given_up): (&Work, GivenUp),
    request_id: &str,
    now: Timestamp,
) -> Value {
    let mut record = head(mapping, (work, given_up), request_id, now);
    let is_kinesis = mapping.source.kind() == SourceKind::Kinesis;
    let first = work.records.first();
    let last = work.records.last();
    // The end of a window has no records: its times stand for theirs (a guess).
    let arrived = [first.map(|record| record.arrived), last.map(|record| record.arrived)];
    let span = work.span.map(|span| [span.start, span.end]).unwrap_or_default();
    // Those of tables are whole seconds, and are written so.
    let written = |time: Timestamp| if is_kinesis { time.iso() } else { in_seconds(time) };
    let [begun, ended] = [0, 1].map(|at| written(arrived[at].map_or(span[at], time)));
    let info = json!({
        "shardId": shard,
        "startSequenceNumber": first.map(|record| &record.sequence),
        "endSequenceNumber": last.map(|record| &record.sequence),
        "approximateArrivalOfFirstRecord": begun,
        "approximateArrivalOfLastRecord": ended,
        "batchSize": work.records.len(),
        "streamArn": mapping.source.arn(),
    });
    record[if is_kinesis { "KinesisBatchInfo" } else { "DDBStreamBatchInfo" }] = info;

    record
}

/// When a record came.
fn time(seconds: f64) -> Timestamp {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // A time of a record: what is no time reads as one far away.
    let ms = (seconds * 1000.0).round() as u64;
    Timestamp(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_recorded() {
        assert_eq!(time(1_764_088_450.0).iso(), "2025-11-25T16:34:10.000Z");
        assert_eq!(in_seconds(time(1_764_088_450.9)), "2025-11-25T16:34:10Z");
        assert_eq!(time(1_764_088_530.123).iso(), "2025-11-25T16:35:30.123Z");
    }
}
