//! What the function gets of a shard. Of windows it is as AWS's example has it.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html>.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::time::Instant;

use super::record::StreamRecord;
use super::span::Span;
use super::work::Work;
use crate::model::event_sources::Settings;
use crate::model::time::Timestamp;
use crate::reactors::sources::source::{Batch, Handle};
use crate::runs::cursors::OpenWindow;

/// How long a batch is kept for a function that is throttled, where its records do not grow too old.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// A shard, by the mapping's source and by its id.
#[derive(Debug, Clone, Copy)]
pub struct ShardName<'a> {
    /// The source's ARN.
    pub arn: &'a str,
    /// The shard's id.
    pub id: &'a str,
}

/// The event of a work, while a window is open.
pub fn event(work: &Work, shard: ShardName<'_>, window: Option<&OpenWindow>) -> String {
    let records: Vec<_> = work.records.iter().map(|record| record.text.as_str()).collect();
    let records = records.join(",");
    let Some(span) = work.span else { return format!("{{\"Records\":[{records}]}}") };
    let open = window.filter(|window| Span::of_open(window) == span);
    // Behind one whose state has become too large its time begins anew.
    let state = open.filter(|window| work.is_end || !window.is_early).map_or("{}", |window| window.state.as_str());
    let is_early = work.is_end && open.is_some_and(|window| window.is_early);

    let (start, end) = (in_seconds(span.start), in_seconds(span.end));
    let (id, arn) = (Value::from(shard.id), Value::from(shard.arn));
    format!(
        "{{\"Records\":[{records}],\"window\":{{\"start\":\"{start}\",\"end\":\"{end}\"}},\"state\":{state},\
         \"shardId\":{id},\"eventSourceARN\":{arn},\"isFinalInvokeForWindow\":{},\"isWindowTerminatedEarly\":{is_early}}}",
        work.is_end
    )
}

/// The batch of a work that runs in a lane.
pub fn batch(work: &Work, event: String, lane: usize, settings: &Settings) -> Batch {
    let handle = |record: &StreamRecord| Handle { id: record.sequence.clone(), receipt: String::new() };
    let age = settings.max_record_age_s.and_then(|age| u64::try_from(age).ok()).map(Duration::from_secs);

    Batch {
        payload: Bytes::from(event),
        records: work.records.iter().map(handle).collect(),
        trace_id: None,
        lane: Some(lane.to_string()),
        deadline: Instant::now() + age.unwrap_or(PATIENCE),
    }
}

/// The lane of a batch.
pub fn lane(batch: &Batch) -> Option<usize> {
    batch.lane.as_deref()?.parse().ok()
}

/// `2025-11-25T16:35:30Z`.
pub fn in_seconds(time: Timestamp) -> String {
    format!("{}Z", time.iso().split('.').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARD: ShardName<'_> = ShardName { arn: "arn:aws:kinesis:us-east-1:111111111111:stream/s", id: "shardId-1" };

    fn work(span: Option<Span>, is_end: bool) -> Work {
        let mut work = Work { span, is_end, ..Work::default() };
        let record = || StreamRecord { sequence: "1".into(), arrived: 1.0, key: "k".into(), text: r#"{"a":1}"#.into() };
        (0..if is_end { 0 } else { 2 }).for_each(|_| work.push(record()));
        work
    }

    /// The example of AWS's page, in its order.
    #[test]
    fn events_of_windows_have_their_state() {
        assert_eq!(event(&work(None, false), SHARD, None), r#"{"Records":[{"a":1},{"a":1}]}"#);
        let span = Span::of(1_607_497_445.5, 120);
        let window = OpenWindow {
            start: span.start,
            end: span.end,
            state: r#"{"1":282}"#.to_owned(),
            is_early: false,
            failures: 0,
        };
        let rest = r#""shardId":"shardId-1","eventSourceARN":"arn:aws:kinesis:us-east-1:111111111111:stream/s""#;
        let times = r#""window":{"start":"2020-12-09T07:04:00Z","end":"2020-12-09T07:06:00Z"}"#;
        assert_eq!(
            event(&work(Some(span), false), SHARD, Some(&window)),
            format!(
                r#"{{"Records":[{{"a":1}},{{"a":1}}],{times},"state":{{"1":282}},{rest},"isFinalInvokeForWindow":false,"isWindowTerminatedEarly":false}}"#
            )
        );
        let early = OpenWindow { is_early: true, ..window };
        assert_eq!(
            event(&work(Some(span), true), SHARD, Some(&early)),
            format!(
                r#"{{"Records":[],{times},"state":{{"1":282}},{rest},"isFinalInvokeForWindow":true,"isWindowTerminatedEarly":true}}"#
            )
        );
        let other = Span::of(1_607_497_445.5, 60);
        assert!(
            event(&work(Some(other), false), SHARD, Some(&early)).contains(r#""state":{},"#),
            "a state is of one window"
        );
    }
}
