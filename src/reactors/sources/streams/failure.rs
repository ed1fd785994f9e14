//! What is told of records that were given up. Shapes are recorded on AWS
//! (`test_kinesis_event_source_mapping_with_on_failure_destination_config` and its likes).

use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use super::record::StreamRecord;
use super::work::{GivenUp, Work};
use crate::model::arn::{self, Arn};
use crate::model::event_sources::{EventSourceMapping, SourceKind};
use crate::model::time::Timestamp;
use crate::runs::deliveries::{Delivery, DeliveryKind};

/// The delivery for a mapping's destination, if it has one.
pub fn delivery(
    mapping: &EventSourceMapping,
    shard: &str,
    (work, given_up): (&Work, GivenUp),
    now: Timestamp,
) -> Option<(Delivery, Bytes)> {
    let target = mapping.settings.on_failure.clone()?;
    let function = mapping.target.function.clone();
    let request_id = work.call.as_ref().map_or_else(|| Uuid::new_v4().to_string(), |call| call.request_id.clone());
    let mut record = record(mapping, shard, (work, given_up), &request_id, now);
    // In a bucket there is room for the records themselves.
    if Arn::parse(&target).is_some_and(|arn| arn.service == "s3") {
        let records: Vec<_> = work.records.iter().map(|record| record.json.clone()).collect();
        record["payload"] = json!({ "Records": records });
    }
    let delivery = Delivery {
        function_arn: arn::function(&function),
        function,
        target,
        kind: DeliveryKind::OnFailure,
        request_id,
        trace_id: None,
        folder: Some(format!("aws/lambda/{}/{shard}", mapping.key.id)),
        begun: now,
    };

    Some((delivery, Bytes::from(record.to_string())))
}

fn record(
    mapping: &EventSourceMapping,
    shard: &str,
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

    let is_kinesis = mapping.source.kind() == SourceKind::Kinesis;
    let first = work.records.first();
    let last = work.records.last();
    let arrival = |record: Option<&StreamRecord>| {
        let seconds = record.map_or(0.0, |record| record.arrived);
        // Those of tables are whole seconds, and are written so.
        if is_kinesis { text(seconds, true) } else { text(seconds.floor(), false) }
    };
    let info = json!({
        "shardId": shard,
        "startSequenceNumber": first.map(|record| &record.sequence),
        "endSequenceNumber": last.map(|record| &record.sequence),
        "approximateArrivalOfFirstRecord": arrival(first),
        "approximateArrivalOfLastRecord": arrival(last),
        "batchSize": work.records.len(),
        "streamArn": mapping.source.arn(),
    });
    record["version"] = "1.0".into();
    record["timestamp"] = written(now, true).into();
    record[if is_kinesis { "KinesisBatchInfo" } else { "DDBStreamBatchInfo" }] = info;

    record
}

fn text(seconds: f64, has_ms: bool) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // A time of a record: what is no time reads as one far away.
    let ms = (seconds * 1000.0).round() as u64;
    written(Timestamp(ms), has_ms)
}

/// `2025-11-25T16:35:30.123Z`, or without the milliseconds.
fn written(time: Timestamp, has_ms: bool) -> String {
    let text = time.iso();
    if has_ms { text } else { format!("{}Z", text.split('.').next().unwrap_or_default()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_recorded() {
        assert_eq!(text(1_764_088_450.0, true), "2025-11-25T16:34:10.000Z");
        assert_eq!(text(1_764_088_450.0, false), "2025-11-25T16:34:10Z");
        assert_eq!(written(Timestamp(1_764_088_530_123), true), "2025-11-25T16:35:30.123Z");
    }
}
