//! What differs between two states, resource by resource and field by field, for people and scripts.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::mask::{MASK, mask};
use super::portable;
use crate::model::resource::{Resource, ResourceKey};
use crate::model::state::State;

/// What became of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It came to be.
    Added,
    /// It changed.
    Changed,
    /// It went.
    Removed,
}

/// What became of one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// What happened.
    pub change: Change,
    /// The resource's kind.
    pub kind: String,
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Its fields that changed; of one that came or went, all it has.
    pub fields: Vec<Field>,
}

/// A field that changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// Its place: members and indices, joined by dots.
    pub path: String,
    /// Its value before; `None` if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub old: Option<Value>,
    /// Its value now; `None` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub new: Option<Value>,
}

/// A value that is there, be it null.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Whether values of functions' variables are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// As `***`. That one changed is still told.
    Masked,
    /// As they are.
    Shown,
}

/// What became of the resource at `key`, which is not the same in both states.
pub fn at(key: &ResourceKey, from: &State, to: &State, secrets: Secrets) -> Difference {
    difference(key, from.resource(key).as_ref(), to.resource(key).as_ref(), secrets)
}

/// A resource as JSON, without its place.
pub fn shown(resource: &Resource, secrets: Secrets) -> Value {
    let mut json = whole(Some(resource));
    if secrets == Secrets::Masked {
        mask(&mut json);
    }
    json
}

fn difference(key: &ResourceKey, old: Option<&Resource>, new: Option<&Resource>, secrets: Secrets) -> Difference {
    let change = match (old, new) {
        (None, _) => Change::Added,
        (_, None) => Change::Removed,
        _ => Change::Changed,
    };
    let mut fields = Vec::new();
    compare(&mut Vec::new(), Some(&whole(old)), Some(&whole(new)), &mut fields);
    if secrets == Secrets::Masked {
        fields.iter_mut().for_each(Field::mask);
    }
    let arn = new.or(old).map_or_else(|| key.arn(), Resource::arn);

    Difference { change, kind: key.kind().name().to_owned(), arn, name: key.name(), fields }
}

/// The value of a resource as JSON; its place is told by its ARN.
fn whole(resource: Option<&Resource>) -> Value {
    let json = resource.and_then(|resource| portable::to_json(resource).ok());
    let value = json.and_then(|json| json.as_object()?.values().next()?.get("is").cloned());
    value.unwrap_or_else(|| Value::Object(serde_json::Map::new()))
}

/// Notes the leaves that differ.
fn compare(path: &mut Vec<String>, old: Option<&Value>, new: Option<&Value>, fields: &mut Vec<Field>) {
    if old == new {
        return;
    }
    let members = |value: Option<&Value>| match value {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Object(members)) => Some(members.keys().cloned().collect()),
        Some(Value::Array(items)) => Some((0..items.len()).map(|index| index.to_string()).collect()),
        Some(_) => None,
    };
    let is_nested = |value: Option<&Value>| value.is_some_and(|value| value.is_object() || value.is_array());
    match (members(old), members(new)) {
        (Some(mut names), Some(more)) if is_nested(old) || is_nested(new) => {
            names.extend(more.into_iter().filter(|name| names_lack(old, name)));
            if names.is_empty() {
                fields.push(Field { path: path.join("."), old: old.cloned(), new: new.cloned() });
            }
            for name in names {
                path.push(name);
                let name = path.last().map(String::as_str).unwrap_or_default();
                let old = old.and_then(|old| member(old, name));
                let new = new.and_then(|new| member(new, name));
                compare(path, old, new, fields);
                path.pop();
            }
        }
        _ => fields.push(Field { path: path.join("."), old: old.cloned(), new: new.cloned() }),
    }
}

fn names_lack(value: Option<&Value>, name: &str) -> bool {
    value.is_none_or(|value| member(value, name).is_none())
}

fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(members) => members.get(name),
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => None,
    }
}

impl Field {
    /// Whether its values are hidden.
    pub fn is_masked(&self) -> bool {
        [&self.old, &self.new].into_iter().flatten().any(|value| value == MASK)
    }

    /// Hides the value of a function's variable.
    fn mask(&mut self) {
        if self.path.split('.').any(|member| member == "environment") {
            for value in [&mut self.old, &mut self.new].into_iter().flatten() {
                *value = MASK.into();
            }
        }
    }
}
