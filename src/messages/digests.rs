//! MD5s of messages, by which clients know that they arrived whole.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation>

use std::fmt::Write as _;

use md5::{Digest as _, Md5};

use crate::runs::messages::{AttributeValue, MessageAttribute};

/// Before the value of a text or a number.
const TEXT: u8 = 1;

/// Before the value of bytes.
const BINARY: u8 = 2;

/// The MD5 of a body.
pub fn of_body(body: &str) -> String {
    hex(Md5::new_with_prefix(body))
}

/// The MD5 of attributes, sorted by their names; none where there are none.
pub fn of_attributes<'a>(attributes: impl Iterator<Item = (&'a str, &'a MessageAttribute)>) -> Option<String> {
    let mut attributes = attributes.peekable();
    attributes.peek()?;
    let mut digest = Md5::new();
    for (name, attribute) in attributes {
        add(&mut digest, name.as_bytes());
        add(&mut digest, attribute.data_type.as_bytes());
        let (kind, value) = match &attribute.value {
            AttributeValue::Text(text) => (TEXT, text.as_bytes()),
            AttributeValue::Binary(bytes) => (BINARY, &bytes[..]),
        };
        digest.update([kind]);
        add(&mut digest, value);
    }

    Some(hex(digest))
}

/// Adds the length and the bytes of a part.
fn add(digest: &mut Md5, part: &[u8]) {
    let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
    digest.update(length.to_be_bytes());
    digest.update(part);
}

fn hex(digest: Md5) -> String {
    digest.finalize().iter().fold(String::with_capacity(32), |mut text, byte| {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn text(data_type: &str, value: &str) -> MessageAttribute {
        MessageAttribute { data_type: data_type.into(), value: AttributeValue::Text(value.into()) }
    }

    fn of(attributes: &BTreeMap<String, MessageAttribute>) -> Option<String> {
        of_attributes(attributes.iter().map(|(name, attribute)| (name.as_str(), attribute)))
    }

    /// Recorded in `LocalStack`'s `test_receive_message_message_attribute_names_filters` and
    /// `test_send_message_with_binary_attributes` (2023-11).
    #[test]
    fn digests_are_those_that_aws_computes() {
        assert_eq!(of_body("msg"), "6e2baaf3b97dbeef01c0043275f9a0e7");
        assert_eq!(of(&BTreeMap::new()), None);
        let all = BTreeMap::from([
            ("General".to_owned(), text("String", "Kenobi")),
            ("Hello".to_owned(), text("String", "There")),
            ("Help.Me".to_owned(), text("String", "Me")),
        ]);
        assert_eq!(of(&all).as_deref(), Some("4c360f3fdafd970e05fae2f149d997f5"));

        let bytes = b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01".to_vec();
        let attribute = MessageAttribute { data_type: "Binary".into(), value: AttributeValue::Binary(bytes.into()) };
        let binary = BTreeMap::from([("attr1".to_owned(), attribute)]);
        assert_eq!(of(&binary).as_deref(), Some("8cbe4db156db8a94db8b801b7addb984"));
    }
}
