//! Batches: what their entries must be, and what came of each. Texts are recorded in `LocalStack`'s `test_sqs` (2023-11)
//! where nothing else is said.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::Value;

use crate::model::error::{ApiError, ErrorCode, Fault};
use crate::protocol::xml;

/// Entries of a batch at most.
const MAX_ENTRIES: usize = 10;

/// Characters of an entry's id at most.
const MAX_ID: usize = 80;

/// What came of a batch.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct BatchResult<T> {
    successful: Vec<T>,
    failed: Vec<Failed>,
}

/// An entry of which nothing came.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Failed {
    id: String,
    sender_fault: bool,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// An entry of which nothing more is to be told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Done {
    /// The entry's id.
    pub id: String,
}

impl<T> FromIterator<(String, Result<T, ApiError>)> for BatchResult<T> {
    fn from_iter<I: IntoIterator<Item = (String, Result<T, ApiError>)>>(entries: I) -> Self {
        let mut result = Self { successful: Vec::new(), failed: Vec::new() };
        for (id, outcome) in entries {
            match outcome {
                Ok(done) => result.successful.push(done),
                Err(error) => result.failed.push(Failed {
                    id,
                    sender_fault: error.fault != Some(Fault::Service),
                    code: xml::code(error.code),
                    message: error.message,
                }),
            }
        }
        result
    }
}

/// The id of an entry.
pub fn id(entry: &Value) -> &str {
    entry["Id"].as_str().unwrap_or_default()
}

/// Refuses a batch that is none; `kind` is how its entries are called.
pub fn check(entries: &[Value], kind: &str) -> Result<(), ApiError> {
    if entries.is_empty() {
        // moto's text, which follows AWS's.
        let message = format!("There should be at least one {kind} in the request.");
        return Err(ApiError::new(ErrorCode::EmptyBatchRequest, message));
    }
    if entries.len() > MAX_ENTRIES {
        let count = entries.len();
        let message = format!("Maximum number of entries per request are {MAX_ENTRIES}. You have sent {count}.");
        return Err(ApiError::new(ErrorCode::TooManyEntriesInBatchRequest, message));
    }
    if !entries.iter().all(|entry| is_id(id(entry))) {
        let message = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at \
                       most 80 letters long.";
        return Err(ApiError::new(ErrorCode::InvalidBatchEntryId, message));
    }

    let mut ids = HashSet::new();
    match entries.iter().map(id).find(|id| !ids.insert(*id)) {
        None => Ok(()),
        // moto's text, which follows AWS's.
        Some(id) => Err(ApiError::new(ErrorCode::BatchEntryIdsNotDistinct, format!("Id {id} repeated."))),
    }
}

fn is_id(id: &str) -> bool {
    (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(ids: &[&str]) -> Option<ErrorCode> {
        let entries: Vec<_> = ids.iter().map(|id| json!({ "Id": id })).collect();
        check(&entries, "DeleteMessageBatchRequestEntry").err().map(|error| error.code)
    }

    #[test]
    fn batches_have_few_entries_with_ids_of_their_own() {
        assert_eq!(refused(&["1", "a-B_2"]), None);
        assert_eq!(refused(&[]), Some(ErrorCode::EmptyBatchRequest));
        assert_eq!(refused(&["1"; 11]), Some(ErrorCode::TooManyEntriesInBatchRequest));
        assert_eq!(refused(&["1", "2", "1"]), Some(ErrorCode::BatchEntryIdsNotDistinct));
        for id in ["", "a:b", "a.b", &"x".repeat(81)] {
            assert_eq!(refused(&[id]), Some(ErrorCode::InvalidBatchEntryId), "{id}");
        }
    }
}
