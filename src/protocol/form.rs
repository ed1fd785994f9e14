//! Forms of the query protocol, read by the shape of an operation.

use std::collections::BTreeMap;

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use serde_json::{Map, Value};

use super::shape::{Kind, Member};

/// The fields of a form by name; of several of one name the first.
#[derive(Debug, Default)]
pub struct Form(BTreeMap<String, String>);

impl Form {
    /// The fields of a body or, without one, of the query.
    pub fn of(parts: &Parts, body: &Bytes) -> Self {
        let text = if body.is_empty() { parts.uri.query().unwrap_or_default().as_bytes() } else { body };
        Self::parse(text)
    }

    /// The fields of an encoded text.
    pub(super) fn parse(text: &[u8]) -> Self {
        let mut fields = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(text).into_owned() {
            fields.entry(name).or_insert(value);
        }
        Self(fields)
    }

    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether there is a field of this name, or one below it.
    pub(super) fn has(&self, name: &str) -> bool {
        let below = format!("{name}.");
        self.0.contains_key(name)
            || self.0.range(below.clone()..).next().is_some_and(|(other, _)| other.starts_with(&below))
    }

    /// The members of a structure as JSON.
    pub fn structure(&self, prefix: &str, members: &[Member]) -> Map<String, Value> {
        let value = |member: &Member| {
            let value = self.value(&format!("{prefix}{}", member.name), &member.kind)?;
            Some((member.name.to_owned(), value))
        };
        members.iter().filter_map(value).collect()
    }

    /// A field, or what is below it, as JSON of a kind; what does not fit stays a text, which the shape
    /// refuses.
    fn value(&self, name: &str, kind: &Kind) -> Option<Value> {
        match kind {
            Kind::Structure(members) => self.has(name).then(|| self.structure(&format!("{name}."), members).into()),
            Kind::List { item, .. } => {
                let items = (1..).map_while(|index| self.value(&format!("{name}.member.{index}"), item));
                // An empty list is sent as a field without a value.
                self.has(name).then(|| items.collect::<Vec<_>>().into())
            }
            kind => self.plain(name, kind),
        }
    }

    /// A field as JSON of a kind that has nothing below it; what does not fit stays a text.
    pub(super) fn plain(&self, name: &str, kind: &Kind) -> Option<Value> {
        let text = self.get(name)?;
        Some(match kind {
            Kind::Integer(..) => text.parse::<i64>().map_or_else(|_| text.into(), Value::from),
            Kind::Boolean => text.parse::<bool>().map_or_else(|_| text.into(), Value::from),
            _ => text.into(),
        })
    }
}

/// Whether a request's body is a form.
pub fn has_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.starts_with("application/x-www-form-urlencoded")
}

/// Whether a request is one of the query protocol.
pub fn speaks_query(parts: &Parts) -> bool {
    has_form(&parts.headers) || parts.uri.query().is_some_and(|query| query.contains("Action="))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::shape::TEXT;

    const TAG: Kind = Kind::Structure(&[Member::body("Key", TEXT), Member::body("Value", TEXT)]);

    #[test]
    fn a_form_is_bound_by_its_shape() {
        let members = &[
            Member::body("Name", TEXT),
            Member::body("MaxItems", Kind::Integer(1, 9)),
            Member::body("Tags", Kind::List { length: None, item: &TAG }),
            Member::body("Keys", Kind::List { length: None, item: &TEXT }),
            Member::body("Empty", Kind::List { length: None, item: &TEXT }),
            Member::body("Missing", TEXT),
        ];
        let text =
            "Name=a+b&MaxItems=3&Tags.member.1.Key=k&Tags.member.1.Value=&Tags.member.2.Key=l&Keys.member.1=x&Empty=";
        let form = Form::parse(text.as_bytes());
        assert_eq!(
            Value::Object(form.structure("", members)),
            serde_json::json!({
                "Name": "a b", "MaxItems": 3, "Tags": [{ "Key": "k", "Value": "" }, { "Key": "l" }], "Keys": ["x"],
                "Empty": [],
            })
        );
    }
}
