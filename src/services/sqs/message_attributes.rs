//! Attributes that messages are sent with: what they may be. Texts are those that `LocalStack` and moto have from AWS, of
//! empty values recorded (`test_send_message_with_empty_string_attribute`, 2023-11).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::errors::invalid;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::queues::is_message_letter;
use crate::runs::messages::{AttributeValue, MessageAttribute};

/// Attributes of a message at most.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
const MAX_ATTRIBUTES: usize = 10;

/// Bytes of a name or a type at most.
const MAX_NAME: usize = 256;

/// The only system attribute that can be sent.
pub const TRACE_HEADER: &str = "AWSTraceHeader";

/// What is said of characters that no message may have.
pub const INVALID_CHARACTERS: &str = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to \
                                      #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF";

/// Reads the attributes of a message.
pub fn read(attributes: &Map<String, Value>) -> Result<BTreeMap<String, MessageAttribute>, ApiError> {
    let count = attributes.len();
    if count > MAX_ATTRIBUTES {
        let message = format!("Number of message attributes [{count}] exceeds the allowed maximum [{MAX_ATTRIBUTES}].");
        return Err(invalid(message));
    }
    let read = |(name, value): (&String, &Value)| {
        check_name(name)?;
        Ok((name.clone(), attribute(name, value)?))
    };
    attributes.iter().map(read).collect()
}

/// Reads the system attributes of a message: its trace header, if it has one.
pub fn read_system(attributes: &Map<String, Value>) -> Result<Option<MessageAttribute>, ApiError> {
    let unknown = attributes.keys().find(|name| *name != TRACE_HEADER);
    if let Some(name) = unknown {
        // The rule is documented, the text is a guess.
        return Err(invalid(format!("Message system attribute name '{name}' is invalid.")));
    }
    let Some(value) = attributes.get(TRACE_HEADER) else { return Ok(None) };
    let attribute = attribute(TRACE_HEADER, value)?;
    if !matches!(attribute.value, AttributeValue::Text(_)) {
        return Err(invalid(format!("Message system attribute '{TRACE_HEADER}' must be of type 'String'.")));
    }
    Ok(Some(attribute))
}

fn check_name(name: &str) -> Result<(), ApiError> {
    if name.len() >= MAX_NAME {
        return Err(invalid("Message (user) attribute names must be shorter than 256 Bytes"));
    }
    let is_letter = |letter: char| {
        letter.is_ascii_alphanumeric() || "_-.".contains(letter) || ('\u{c0}'..='\u{17f}').contains(&letter)
    };
    if name.is_empty() || !name.chars().all(is_letter) {
        return Err(invalid(
            "Message (user) attributes name can only contain upper and lower score characters, digits, periods, hyphens \
             and underscores. ",
        ));
    }

    let lower = name.to_lowercase();
    let is_reserved = lower.starts_with("aws.") || lower.starts_with("amazon.");
    if is_reserved || name.starts_with('.') || name.ends_with('.') {
        return Err(invalid(
            "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are reserved for \
             internal use. Additionally, they cannot start or end with '.'.",
        ));
    }
    Ok(())
}

fn attribute(name: &str, value: &Value) -> Result<MessageAttribute, ApiError> {
    let lists = ["StringListValues", "BinaryListValues"];
    let is_list = |list: &&str| value[*list].as_array().is_some_and(|items| !items.is_empty());
    if lists.iter().any(is_list) {
        let message = "Message attribute list values in SendMessage operation are not supported.";
        return Err(ApiError::new(ErrorCode::UnsupportedOperation, message));
    }
    let data_type = value["DataType"].as_str().unwrap_or_default();
    check_type(name, data_type)?;

    let text = value["StringValue"].as_str();
    let binary = value["BinaryValue"].as_str();
    let value = match (data_type.split('.').next(), text, binary) {
        (Some("Binary"), None, Some(bytes)) => AttributeValue::Binary(decoded(name, bytes)?.into()),
        (Some("Binary"), Some(_), _) => return Err(wrong_field(name, data_type, "Binary")),
        (Some("Binary"), None, None) => return Err(empty(name, data_type)),
        (_, None, Some(_)) => return Err(wrong_field(name, data_type, "String")),
        (kind, text, _) => AttributeValue::Text(checked(name, data_type, kind, text.unwrap_or_default())?.to_owned()),
    };
    if matches!(&value, AttributeValue::Binary(bytes) if bytes.is_empty()) {
        return Err(empty(name, data_type));
    }

    Ok(MessageAttribute { data_type: data_type.to_owned(), value })
}

fn check_type(name: &str, data_type: &str) -> Result<(), ApiError> {
    if data_type.is_empty() {
        return Err(invalid(format!("The message attribute '{name}' must contain non-empty message attribute type.")));
    }
    if !matches!(data_type.split('.').next(), Some("String" | "Number" | "Binary")) {
        return Err(invalid(format!(
            "The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is \
             Binary, Number, and String."
        )));
    }
    if data_type.len() >= MAX_NAME {
        return Err(invalid("Message (user) attribute types must be shorter than 256 Bytes"));
    }
    Ok(())
}

/// The value of a text or a number.
fn checked<'a>(name: &str, data_type: &str, kind: Option<&str>, text: &'a str) -> Result<&'a str, ApiError> {
    if text.is_empty() {
        return Err(empty(name, data_type));
    }
    if !text.chars().all(is_message_letter) {
        return Err(invalid(INVALID_CHARACTERS));
    }
    let is_number = || text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    if kind == Some("Number") && !(is_number() && text.parse::<f64>().is_ok()) {
        return Err(invalid(format!("Can't cast the value of message (user) attribute '{name}' to a number.")));
    }
    Ok(text)
}

fn decoded(name: &str, text: &str) -> Result<Vec<u8>, ApiError> {
    STANDARD.decode(text).map_err(|_| {
        let message = format!("The BinaryValue of message attribute '{name}' is not base64.");
        ApiError::new(ErrorCode::Serialization, message)
    })
}

fn empty(name: &str, data_type: &str) -> ApiError {
    invalid(format!("Message (user) attribute '{name}' must contain a non-empty value of type '{data_type}'."))
}

fn wrong_field(name: &str, data_type: &str, field: &str) -> ApiError {
    invalid(format!("The message attribute '{name}' with type '{data_type}' must use field '{field}'."))
}

/// An attribute as it is shown.
pub fn shown(attribute: &MessageAttribute) -> Value {
    match &attribute.value {
        AttributeValue::Text(text) => json!({ "StringValue": text, "DataType": attribute.data_type }),
        AttributeValue::Binary(bytes) => {
            json!({ "BinaryValue": STANDARD.encode(bytes), "DataType": attribute.data_type })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str, value: &Value) -> Option<String> {
        let attributes = Map::from_iter([(name.to_owned(), value.clone())]);
        read(&attributes).err().map(|error| error.message.unwrap_or_default())
    }

    fn text(data_type: &str, value: &str) -> Value {
        json!({ "DataType": data_type, "StringValue": value })
    }

    #[test]
    fn attributes_are_read_and_shown() {
        let given = json!({
            "a": { "StringValue": "x", "DataType": "String.custom" },
            "b": { "StringValue": "-1.5e3", "DataType": "Number" },
            "c": { "BinaryValue": "AAE=", "DataType": "Binary" },
        });
        let read = read(given.as_object().expect("an object")).expect("are read");
        let shown: Value = read.iter().map(|(name, attribute)| (name.clone(), shown(attribute))).collect();
        assert_eq!(shown, given);
    }

    #[test]
    fn names_types_and_values_are_checked() {
        assert_eq!(
            refusal("ErrorDetails", &text("String", "")).as_deref(),
            Some("Message (user) attribute 'ErrorDetails' must contain a non-empty value of type 'String'.")
        );
        for (name, value) in [
            ("aws.x", text("String", "v")),
            ("Amazon.x", text("String", "v")),
            (".x", text("String", "v")),
            ("x.", text("String", "v")),
            ("a b", text("String", "v")),
            ("", text("String", "v")),
            (&"x".repeat(256), text("String", "v")),
            ("x", text("Text", "v")),
            ("x", text("", "v")),
            ("x", text("Number", "one")),
            ("x", text("Number", "inf")),
            ("x", text("String", "\u{0}")),
            ("x", text("Binary", "v")),
            ("x", json!({ "DataType": "String", "BinaryValue": "AA==" })),
            ("x", json!({ "DataType": "Binary", "BinaryValue": "" })),
            ("x", json!({ "DataType": "String", "StringListValues": ["v"] })),
        ] {
            assert!(refusal(name, &value).is_some(), "{name} {value}");
        }
        let many = (0..11).map(|number| (number.to_string(), text("String", "v"))).collect();
        assert!(read(&many).is_err());
    }

    #[test]
    fn the_trace_header_is_the_only_system_attribute() {
        let read = |name: &str| read_system(&Map::from_iter([(name.to_owned(), text("String", "Root=1"))]));
        assert!(read(TRACE_HEADER).expect("is read").is_some());
        assert!(read("Other").is_err());
    }
}
