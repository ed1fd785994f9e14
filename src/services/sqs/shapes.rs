//! Members that many requests share, and the check of requests. SQS has few constraints in its model: what values may be
//! is checked by its operations, in words of their own.

use serde_json::{Map, Value};

use super::errors::missing;
use crate::model::error::ApiError;
use crate::protocol::shape::{self, Kind, Member, TEXT};

/// A whole number.
pub const NUMBER: Kind = Kind::Integer(i64::MIN, i64::MAX);

/// Texts.
pub const TEXTS: Kind = Kind::List { length: None, item: &TEXT };

/// Texts by their names.
pub const TEXTS_BY_NAME: Kind = Kind::Map { length: None, key: &TEXT, value: &TEXT };

/// The queue, by its URL.
pub const QUEUE_URL: Member = Member::body("QueueUrl", TEXT).required();

/// What a receive gave out.
pub const RECEIPT_HANDLE: Member = Member::body("ReceiptHandle", TEXT).required();

/// Names an entry of a batch.
pub const ENTRY_ID: Member = Member::body("Id", TEXT).required();

/// Seconds for which a message is not seen.
pub const VISIBILITY: Member = Member::body("VisibilityTimeout", NUMBER);

/// Attributes of a queue.
pub const ATTRIBUTES: Member = Member::body("Attributes", TEXTS_BY_NAME).on_wire("Attribute");

/// Items of a page at most.
pub const MAX_RESULTS: Member = Member::body("MaxResults", NUMBER);

/// The page.
pub const NEXT_TOKEN: Member = Member::body("NextToken", TEXT);

/// Attributes that a message is sent with.
pub const MESSAGE_ATTRIBUTES: Kind = Kind::Map { length: None, key: &TEXT, value: &MESSAGE_ATTRIBUTE };

const MESSAGE_ATTRIBUTE: Kind = Kind::Structure(&[
    Member::body("StringValue", TEXT),
    Member::body("BinaryValue", Kind::Blob),
    Member::body("StringListValues", TEXTS).on_wire("StringListValue"),
    Member::body("BinaryListValues", TEXTS).on_wire("BinaryListValue"),
    Member::body("DataType", TEXT),
]);

/// Checks that a request has what it must have, and that members are of the types of the model.
pub fn check(members: &[Member], input: &Map<String, Value>) -> Result<(), ApiError> {
    check_required(members, input, "")?;
    shape::check(members, input)
}

/// A parameter that is missing is named as in forms; so AWS does in both protocols.
fn check_required(members: &[Member], input: &Map<String, Value>, prefix: &str) -> Result<(), ApiError> {
    for member in members {
        let value = input.get(member.name).filter(|value| !value.is_null());
        let name = format!("{prefix}{}", member.wire_name);
        let Some(value) = value else {
            if member.required {
                return Err(missing(&name));
            }
            continue;
        };

        if let (Kind::List { item: Kind::Structure(inner), .. }, Some(entries)) = (&member.kind, value.as_array()) {
            for (number, entry) in (1..).zip(entries) {
                let entry = entry.as_object().cloned().unwrap_or_default();
                check_required(inner, &entry, &format!("{name}.{number}."))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::error::ErrorCode;

    #[test]
    fn what_is_missing_is_named() {
        const ENTRY: Kind = Kind::Structure(&[ENTRY_ID, VISIBILITY]);
        let members = &[QUEUE_URL, Member::body("Entries", Kind::List { length: None, item: &ENTRY }).on_wire("Entry")];
        let refusal = |input: &Value| check(members, input.as_object().expect("an object")).expect_err("is refused");

        let message = refusal(&json!({})).message.unwrap_or_default();
        assert_eq!(message, "The request must contain the parameter QueueUrl.");
        let message = refusal(&json!({ "QueueUrl": "u", "Entries": [{ "Id": "1" }, {}] })).message.unwrap_or_default();
        assert_eq!(message, "The request must contain the parameter Entry.2.Id.");
        let wrong = refusal(&json!({ "QueueUrl": "u", "Entries": [{ "Id": "1", "VisibilityTimeout": "x" }] }));
        assert_eq!(wrong.code, ErrorCode::Serialization);
    }
}
