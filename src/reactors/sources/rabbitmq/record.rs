//! Messages as functions get them. Names and order are those that a user saw on AWS; values of headers and times are written
//! as Java's client has them, as the developer guide shows.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/with-mq.html>, "Example record event".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use serde_json::{Value, json};

use crate::model::time::civil_date;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A message and its record.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// What its session names it by.
    pub tag: u64,
    /// What the function gets.
    pub json: Value,
}

impl Message {
    /// The record of a message.
    pub fn of(delivery: &Delivery) -> Self {
        let properties = &delivery.properties;
        let text = |text: &Option<ShortString>| text.as_ref().map(|text| text.as_str().to_owned());
        let json = json!({
            "basicProperties": {
                "contentType": text(properties.content_type()),
                "contentEncoding": text(properties.content_encoding()),
                "headers": properties.headers().as_ref().map(table),
                "deliveryMode": properties.delivery_mode(),
                "priority": properties.priority(),
                "correlationId": text(properties.correlation_id()),
                "replyTo": text(properties.reply_to()),
                "expiration": text(properties.expiration()),
                "messageId": text(properties.message_id()),
                "timestamp": properties.timestamp().map(time),
                "type": text(properties.kind()),
                "userId": text(properties.user_id()),
                "appId": text(properties.app_id()),
                "clusterId": text(properties.cluster_id()),
                "bodySize": delivery.data.len(),
            },
            "redelivered": delivery.redelivered,
            "data": STANDARD.encode(&delivery.data),
        });
        Self { tag: delivery.delivery_tag, json }
    }
}

/// The event with messages of a queue.
pub fn event(arn: &str, (queue, virtual_host): (&str, &str), messages: &[Message]) -> Value {
    let messages: Vec<_> = messages.iter().map(|message| message.json.clone()).collect();
    json!({
        "eventSource": "aws:rmq",
        "eventSourceArn": arn,
        "rmqMessagesByQueue": { format!("{queue}::{virtual_host}"): messages },
    })
}

fn table(table: &FieldTable) -> Value {
    let members = table.inner().iter().map(|(name, found)| (name.as_str().to_owned(), value(found)));
    Value::Object(members.collect())
}

/// Bytes of Java have a sign.
fn signed(bytes: &[u8]) -> Value {
    bytes.iter().map(|byte| byte.cast_signed()).collect()
}

fn value(found: &AMQPValue) -> Value {
    match found {
        AMQPValue::Boolean(truth) => (*truth).into(),
        AMQPValue::ShortShortInt(number) => (*number).into(),
        AMQPValue::ShortShortUInt(number) => (*number).into(),
        AMQPValue::ShortInt(number) => (*number).into(),
        AMQPValue::ShortUInt(number) => (*number).into(),
        AMQPValue::LongInt(number) => (*number).into(),
        AMQPValue::LongUInt(number) => (*number).into(),
        AMQPValue::LongLongInt(number) => (*number).into(),
        AMQPValue::Float(number) => (*number).into(),
        AMQPValue::Double(number) => (*number).into(),
        AMQPValue::DecimalValue(number) => (f64::from(number.value) / 10_f64.powi(number.scale.into())).into(),
        AMQPValue::ShortString(text) => text.as_str().into(),
        AMQPValue::LongString(text) => json!({ "bytes": signed(text.as_bytes()) }),
        AMQPValue::FieldArray(items) => items.as_slice().iter().map(value).collect(),
        AMQPValue::Timestamp(seconds) => time(*seconds).into(),
        AMQPValue::FieldTable(inner) => table(inner),
        AMQPValue::ByteArray(bytes) => signed(bytes.as_slice()),
        AMQPValue::Void => Value::Null,
    }
}

/// Seconds as Java writes a time for people of the United States: `Jan 1, 1970, 12:33:41 AM`.
fn time(seconds: u64) -> String {
    let (year, month, day) = civil_date(seconds / 86_400);
    let month = usize::try_from(month).ok().and_then(|month| MONTHS.get(month.wrapping_sub(1))).unwrap_or(&"");
    let of_day = seconds % 86_400;
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let half = if hour < 12 { "AM" } else { "PM" };
    let hour = if hour % 12 == 0 { 12 } else { hour % 12 };
    format!("{month} {day}, {year}, {hour}:{minute:02}:{second:02} {half}")
}

#[cfg(test)]
mod tests {
    use lapin::BasicProperties;

    use super::*;

    fn delivery(properties: BasicProperties, data: &[u8]) -> Delivery {
        let mut delivery = Delivery::mock(7, "".into(), "q".into(), true, data.to_vec());
        delivery.properties = properties;
        delivery
    }

    /// As seen on AWS: <https://github.com/aws-samples>, an example of Amazon MQ with Lambda.
    #[test]
    fn a_message_without_properties_has_all_of_them() {
        let message = Message::of(&delivery(BasicProperties::default().with_delivery_mode(2), b"Hello World 1"));
        let event = event("arn:aws:mq:us-west-2:1:broker:b:b-1", ("testQueue", "/"), &[message]);
        assert_eq!(
            event.to_string(),
            concat!(
                r#"{"eventSource":"aws:rmq","eventSourceArn":"arn:aws:mq:us-west-2:1:broker:b:b-1","rmqMessagesByQueue":{"#,
                r#""testQueue::/":[{"basicProperties":{"contentType":null,"contentEncoding":null,"headers":null,"#,
                r#""deliveryMode":2,"priority":null,"correlationId":null,"replyTo":null,"expiration":null,"messageId":null,"#,
                r#""timestamp":null,"type":null,"userId":null,"appId":null,"clusterId":null,"bodySize":13},"#,
                r#""redelivered":true,"data":"SGVsbG8gV29ybGQgMQ=="}]}}"#,
            )
        );
    }

    /// The developer guide's example.
    #[test]
    fn headers_and_times_are_written_as_java_does() {
        let mut headers = FieldTable::default();
        headers.insert("header1".into(), AMQPValue::LongString("value1".into()));
        headers.insert("numberInHeader".into(), AMQPValue::LongInt(10));
        headers.insert("other".into(), AMQPValue::LongString("ë".into()));
        let properties = BasicProperties::default().with_headers(headers).with_timestamp(2021).with_type("t".into());
        let written = Message::of(&delivery(properties, b"")).json["basicProperties"].clone();
        assert_eq!(
            written["headers"].to_string(),
            r#"{"header1":{"bytes":[118,97,108,117,101,49]},"numberInHeader":10,"other":{"bytes":[-61,-85]}}"#
        );
        assert_eq!(written["timestamp"], "Jan 1, 1970, 12:33:41 AM");
        assert_eq!(time(1_764_088_499), "Nov 25, 2025, 4:34:59 PM");
        assert_eq!((&written["type"], &written["bodySize"]), (&json!("t"), &json!(0)));
    }
}
