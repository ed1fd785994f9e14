//! Received messages, cut into batches.

use bytes::Bytes;
use tokio::time::Instant;

use super::record::{Record, event};
use crate::model::event_sources::SourceKind;
use crate::reactors::sources::source::{Batch, Handle};

/// Bytes of an event, which close a batch.
///
/// Source: "Batching behavior" of <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html>.
pub const MAX_EVENT: usize = 6 * 1024 * 1024;

/// The batches that records make, and the receipts of those that must wait for another time: an event has a size at most,
/// and of a FIFO queue each message group makes a batch of its own, of which there is one at a time.
pub fn batches(records: Vec<Record>, kind: SourceKind, deadline: Instant) -> (Vec<Batch>, Vec<String>) {
    if kind != SourceKind::SqsFifo {
        let parts = by_size(records);
        return (parts.into_iter().map(|part| batch(part, None, deadline)).collect(), Vec::new());
    }

    let mut groups: Vec<(String, Vec<Record>)> = Vec::new();
    for record in records {
        let group = record.group.clone().unwrap_or_default();
        match groups.iter_mut().find(|(name, _)| *name == group) {
            Some((_, members)) => members.push(record),
            None => groups.push((group, vec![record])),
        }
    }
    let mut made = Vec::new();
    let mut rest = Vec::new();
    for (group, members) in groups {
        let mut parts = by_size(members).into_iter();
        made.extend(parts.next().map(|part| batch(part, Some(group), deadline)));
        rest.extend(parts.flatten().map(|record| record.receipt));
    }

    (made, rest)
}

fn by_size(records: Vec<Record>) -> Vec<Vec<Record>> {
    // The object around the list.
    let empty = event(&[]).len();
    let mut parts: Vec<Vec<Record>> = Vec::new();
    let mut bytes = usize::MAX;
    for record in records {
        let length = record.json.len() + 1;
        match parts.last_mut() {
            Some(part) if bytes + length <= MAX_EVENT => {
                part.push(record);
                bytes += length;
            }
            _ => {
                parts.push(vec![record]);
                bytes = empty + length;
            }
        }
    }

    parts
}

fn batch(records: Vec<Record>, lane: Option<String>, deadline: Instant) -> Batch {
    let payload = Bytes::from(event(&records));
    // Of several messages no one's trace is the batch's.
    let trace_id = if let [only] = records.as_slice() { only.trace_id.clone() } else { None };
    let handle = |record: Record| Handle { id: record.id, receipt: record.receipt };

    Batch { payload, records: records.into_iter().map(handle).collect(), trace_id, lane, deadline }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, group: Option<&str>, size: usize) -> Record {
        let group = group.map(str::to_owned);
        Record {
            id: id.to_owned(),
            receipt: id.to_owned(),
            group,
            trace_id: Some(id.to_owned()),
            json: "1".repeat(size),
        }
    }

    fn ids(batches: &[Batch]) -> Vec<Vec<&str>> {
        batches.iter().map(|batch| batch.records.iter().map(|record| record.id.as_str()).collect()).collect()
    }

    #[test]
    fn a_batch_is_closed_by_its_size() {
        let half = MAX_EVENT / 2 - 20;
        let records = vec![record("a", None, half), record("b", Some("g"), half), record("c", Some("g"), half)];
        let (made, rest) = batches(records, SourceKind::Sqs, Instant::now());
        assert_eq!(ids(&made), [vec!["a", "b"], vec!["c"]]);
        assert!(rest.is_empty() && made.iter().all(|batch| batch.payload.len() <= MAX_EVENT && batch.lane.is_none()));
        assert_eq!((made[0].trace_id.as_deref(), made[1].trace_id.as_deref()), (None, Some("c")));
        let (made, _) = batches(vec![record("a", None, MAX_EVENT)], SourceKind::Sqs, Instant::now());
        assert_eq!(ids(&made), [vec!["a"]], "what is too large alone is refused by the invocation");
    }

    #[test]
    fn each_group_of_a_fifo_queue_has_one_batch() {
        let half = MAX_EVENT / 2;
        let records = [("a", "g"), ("b", "h"), ("c", "g")].map(|(id, group)| record(id, Some(group), 1));
        let (made, rest) = batches(records.to_vec(), SourceKind::SqsFifo, Instant::now());
        assert_eq!(ids(&made), [vec!["a", "c"], vec!["b"]]);
        assert_eq!((made[0].lane.as_deref(), rest.len()), (Some("g"), 0));
        let records = [("a", half), ("b", half), ("c", 1)].map(|(id, size)| record(id, Some("g"), size));
        let (made, rest) = batches(records.to_vec(), SourceKind::SqsFifo, Instant::now());
        assert_eq!((ids(&made), rest), (vec![vec!["a"]], vec!["b".to_owned(), "c".to_owned()]));
    }
}
