//! `FilterCriteria`: which records of a source reach the function. The language is that of `EventBridge`'s patterns;
//! what of a record they look at differs from source to source.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html>.

mod matching;
mod parse;
mod pattern;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parse::parse;
use pattern::Pattern;
use serde_json::Value;

use super::source::SourceKind;

/// Whether a text is a pattern.
pub fn is_pattern(text: &str) -> bool {
    parse(text).is_some()
}

/// The filters of a mapping.
#[derive(Debug, Clone)]
pub struct Filters {
    kind: SourceKind,
    patterns: Vec<Pattern>,
}

impl Filters {
    /// Those of these patterns; `None` where one of them is none. What is stored was checked.
    pub fn of(kind: SourceKind, patterns: &[String]) -> Option<Self> {
        let patterns = patterns.iter().map(|pattern| parse(pattern)).collect::<Option<_>>()?;
        Some(Self { kind, patterns })
    }

    /// Whether there are none, so that everything passes.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether the function gets a record, given as it stands in an event: one pattern is enough.
    pub fn pass(&self, record: Value) -> bool {
        if self.is_empty() {
            return true;
        }
        let seen = self.seen(record);
        self.patterns.iter().any(|pattern| pattern.matches(&seen))
    }

    /// A record as patterns see it. Data that is no JSON stays the text it is, which no pattern for members of it
    /// meets; neither does JSON meet one for a text.
    fn seen(&self, mut record: Value) -> Value {
        match self.kind {
            SourceKind::Sqs | SourceKind::SqsFifo => {
                if let Some(body) = record.get_mut("body")
                    && let Some(parsed) = body.as_str().and_then(structure)
                {
                    *body = parsed;
                }
            }
            // What stands in `kinesis` is named without it, and `data` is what the base64 says.
            SourceKind::Kinesis => {
                let inner = record.get_mut("kinesis").map(Value::take);
                if let (Some(Value::Object(inner)), Some(members)) = (inner, record.as_object_mut()) {
                    members.extend(inner);
                }
                if let Some(data) = record.get_mut("data")
                    && let Some(parsed) = decoded(data).and_then(|text| structure(&text))
                {
                    *data = parsed;
                }
            }
            // <https://docs.aws.amazon.com/lambda/latest/dg/kafka-filtering.html>: texts that are no JSON are met by patterns
            // for texts. So are those of Amazon MQ (<https://docs.aws.amazon.com/lambda/latest/dg/with-mq-filtering.html>).
            SourceKind::Msk | SourceKind::SelfManagedKafka => read(&mut record, &["key", "value"]),
            SourceKind::Mq => read(&mut record, &["data"]),
            SourceKind::DynamoDb | SourceKind::DocumentDb => {}
        }

        record
    }
}

/// Has members of a record be what their base64 says: JSON, or a text.
fn read(record: &mut Value, members: &[&str]) {
    for name in members {
        if let Some(member) = record.get_mut(*name)
            && let Some(text) = decoded(member)
        {
            *member = structure(&text).unwrap_or(Value::String(text));
        }
    }
}

/// The text that a member's base64 says.
fn decoded(member: &Value) -> Option<String> {
    String::from_utf8(STANDARD.decode(member.as_str()?).ok()?).ok()
}

/// The object or list of a text. `7` and `true` are texts here: AWS does not say, and who sends them without quotes
/// seldom means JSON.
fn structure(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().filter(|value: &Value| value.is_object() || value.is_array())
}

#[cfg(test)]
mod tests;
