//! Log streams: made, described, removed.

use serde_json::{Value, json};

use super::listings::listing;
use super::named::{identified_group, stream};
use super::paging::PAGING;
use super::put_events::SEQUENCE_TOKEN;
use super::{Logs, invalid, shapes};
use crate::ledger::log_lines::Counters;
use crate::model::logs::command::LogsCommand;
use crate::model::logs::decide::log_group_not_found;
use crate::model::logs::{LogPlace, LogStream};
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::page::{Order, Page};
use crate::protocol::shape::{Kind, Member, one_of};

/// A request that names a stream.
pub const STREAM: &[Member] = &[shapes::GROUP_NAME, shapes::STREAM_NAME];

/// `DescribeLogStreams`.
pub const DESCRIBE: &[Member] = &[
    Member::body("logGroupName", shapes::GROUP),
    Member::body("logGroupIdentifier", shapes::IDENTIFIER),
    Member::body("logStreamNamePrefix", shapes::STREAM),
    Member::body("orderBy", one_of(&["LogStreamName", "LastEventTime"])),
    Member::body("descending", Kind::Boolean),
    shapes::NEXT_TOKEN,
    Member::body("limit", shapes::LIMIT),
];

/// `CreateLogStream`.
pub async fn create(logs: &Logs, call: Call) -> Answer {
    logs.commit(LogsCommand::CreateStream(stream(&call)), call.origin()).await?;
    call.done()
}

/// `DeleteLogStream`.
pub async fn delete(logs: &Logs, call: Call) -> Answer {
    let key = stream(&call);
    let place = logs.ledger.state().log_place(&key);
    logs.commit(LogsCommand::DeleteStream(key), call.origin()).await?;
    if let Some(place) = place {
        logs.on_lines(move |lines| {
            lines.remove_stream(place);
            Ok(())
        })
        .await?;
    }

    call.done()
}

/// `DescribeLogStreams`.
pub async fn describe(logs: &Logs, call: Call) -> Answer {
    let key = identified_group(&call)?;
    let prefix = call.text("logStreamNamePrefix");
    let by_time = call.text("orderBy") == Some("LastEventTime");
    if by_time && prefix.is_some() {
        return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
    }
    let page = Page::of(&call, &PAGING)?;
    let state = logs.ledger.state();
    let group = state.log_groups.get(&key).ok_or_else(log_group_not_found)?;
    let descending = call.flag("descending").unwrap_or_default();
    let from = prefix.unwrap_or_default();
    let streams = state.log_streams_from(&key, from).take_while(|stream| stream.key.name.as_str().starts_with(from));
    let mut streams: Vec<(String, _, _)> = streams
        .map(|stream| {
            let counters = logs.lines.counters(LogPlace { group: group.id, stream: stream.id });
            (sort_key(stream, counters, by_time), stream, counters)
        })
        .collect();
    if by_time {
        streams.sort_by(|one, other| one.0.cmp(&other.0));
    }
    let order = if descending { Order::Descending } else { Order::Ascending };
    if descending {
        streams.reverse();
    }
    let (streams, next) = page.take_sorted(streams.into_iter(), |(key, ..)| key.clone(), order);
    let streams = streams.into_iter().map(|(_, stream, counters)| described(stream, counters)).collect();

    call.answer(&listing("logStreams", streams, next))
}

/// What a listing is sorted by, as a text.
fn sort_key(stream: &LogStream, counters: Option<Counters>, by_time: bool) -> String {
    if by_time {
        let last = held(counters).map_or(0, |counters| counters.last_ms);
        format!("{last:020}/{}", stream.key.name)
    } else {
        stream.key.name.to_string()
    }
}

/// The counters of a stream that holds lines.
fn held(counters: Option<Counters>) -> Option<Counters> {
    counters.filter(|counters| counters.lines > 0)
}

/// A stream as it is described. Its bytes are always 0 (the model's documentation: since June 2019).
fn described(stream: &LogStream, counters: Option<Counters>) -> Value {
    let mut described = json!({
        "logStreamName": stream.key.name.as_str(),
        "creationTime": stream.created.0,
        "arn": stream.key.arn(),
        "storedBytes": 0,
    });
    if let Some(counters) = held(counters) {
        described["firstEventTimestamp"] = counters.first_ms.into();
        described["lastEventTimestamp"] = counters.last_ms.into();
        described["lastIngestionTime"] = counters.ingested_ms.into();
        described["uploadSequenceToken"] = SEQUENCE_TOKEN.into();
    }

    described
}
