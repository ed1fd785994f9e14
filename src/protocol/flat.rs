//! Flat lists and maps of the query protocol: their items stand beside the other members, numbered in forms
//! (`Attribute.1.Name=…&Attribute.1.Value=…`) and repeated in XML, under a name of their own.

use quick_xml::escape::escape;
use serde_json::{Map, Value, json};

use super::form::Form;
use super::shape::{Kind, Member};

/// How the items of a list or map are called in XML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flat {
    /// Each item of a list.
    List(&'static str),
    /// Each entry of a map; then its key and its value.
    Map(&'static str, &'static str, &'static str),
    /// Each item of a list that is not flat after all: a `member` below the list's name.
    Members,
    /// Each entry of a map that is not flat: an `entry` with `key` and `value` below the map's name.
    Entries,
    /// Each item of a batch's result: the operation's name and `ResultEntry`.
    Results,
}

/// The members of a structure in a form, as JSON. In forms a list or a map has the name of its items
/// ([`Member::on_wire`]).
pub fn structure(form: &Form, prefix: &str, members: &[Member]) -> Map<String, Value> {
    let value = |member: &Member| {
        let value = value(form, &format!("{prefix}{}", member.wire_name), &member.kind)?;
        Some((member.name.to_owned(), value))
    };
    members.iter().filter_map(value).collect()
}

fn value(form: &Form, name: &str, kind: &Kind) -> Option<Value> {
    match kind {
        Kind::Structure(members) => form.has(name).then(|| structure(form, &format!("{name}."), members).into()),
        Kind::List { item, .. } => {
            let numbered = (1..).map_while(|index| value(form, &format!("{name}.{index}"), item));
            let items: Vec<_> = numbered.collect();
            // One alone may come without a number.
            let alone = || value(form, name, item).map(|item| vec![item]);
            Some(items).filter(|items| !items.is_empty()).or_else(alone).map(Value::from)
        }
        Kind::Map { value: kind, .. } => {
            let numbered = (1..).map_while(|index| entry(form, &format!("{name}.{index}"), kind));
            let entries: Map<_, _> = numbered.collect();
            let alone = || entry(form, name, kind).map(|entry| Map::from_iter([entry]));
            Some(entries).filter(|entries| !entries.is_empty()).or_else(alone).map(Value::from)
        }
        kind => form.plain(name, kind),
    }
}

/// An entry of a map: of attributes a name, of tags a key.
fn entry(form: &Form, name: &str, kind: &Kind) -> Option<(String, Value)> {
    let key = ["Name", "Key"].into_iter().find_map(|word| form.get(&format!("{name}.{word}")))?;
    Some((key.to_owned(), value(form, &format!("{name}.Value"), kind).unwrap_or_default()))
}

/// The members of an answer as XML.
pub fn write(output: &Value, lists: &[(&str, Flat)], operation: &str) -> String {
    let mut text = String::new();
    content(&mut text, output, lists, operation);
    text
}

fn content(text: &mut String, value: &Value, lists: &[(&str, Flat)], operation: &str) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                member(text, name, value, lists, operation);
            }
        }
        // What reads XML takes a carriage return that is not escaped for an end of a line.
        Value::String(value) => text.push_str(&escape(value.as_str()).replace('\r', "&#xD;")),
        Value::Null => {}
        other => text.push_str(&other.to_string()),
    }
}

fn member(text: &mut String, name: &str, value: &Value, lists: &[(&str, Flat)], operation: &str) {
    let flat = lists.iter().find(|(list, _)| *list == name).map(|(_, flat)| *flat);
    let mut within = |element: &str, value: &Value| {
        text.extend(["<", element, ">"]);
        content(text, value, lists, operation);
        text.extend(["</", element, ">"]);
    };
    match (flat, value) {
        (_, Value::Null) => {}
        (Some(Flat::List(item)), Value::Array(items)) => items.iter().for_each(|value| within(item, value)),
        (Some(Flat::Members), Value::Array(items)) => {
            text.extend(["<", name, ">"]);
            for value in items {
                member(text, "member", value, lists, operation);
            }
            text.extend(["</", name, ">"]);
        }
        (Some(Flat::Entries), Value::Object(entries)) => {
            text.extend(["<", name, ">"]);
            for (key, value) in entries {
                member(text, "entry", &json!({ "key": key, "value": value }), lists, operation);
            }
            text.extend(["</", name, ">"]);
        }
        (Some(Flat::Results), Value::Array(items)) => {
            let item = format!("{operation}ResultEntry");
            for value in items {
                within(&item, value);
            }
        }
        (Some(Flat::Map(entry, key_name, value_name)), Value::Object(entries)) => {
            for (key, value) in entries {
                let pair = Map::from_iter([
                    (key_name.to_owned(), Value::from(key.as_str())),
                    (value_name.to_owned(), value.clone()),
                ]);
                within(entry, &pair.into());
            }
        }
        (_, value) => within(name, value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::shape::TEXT;

    const VALUE: Kind = Kind::Structure(&[Member::body("DataType", TEXT), Member::body("StringValue", TEXT)]);
    const ENTRY: Kind = Kind::Structure(&[
        Member::body("Id", TEXT),
        Member::body("MessageAttributes", Kind::Map { length: None, key: &TEXT, value: &VALUE })
            .on_wire("MessageAttribute"),
    ]);
    const MEMBERS: &[Member] = &[
        Member::body("Entries", Kind::List { length: None, item: &ENTRY }).on_wire("BatchEntry"),
        Member::body("Attributes", Kind::Map { length: None, key: &TEXT, value: &TEXT }).on_wire("Attribute"),
        Member::body("Tags", Kind::Map { length: None, key: &TEXT, value: &TEXT }).on_wire("Tag"),
        Member::body("Names", Kind::List { length: None, item: &TEXT }).on_wire("Name"),
        Member::body("Size", Kind::Integer(0, 9)),
    ];

    fn read(form: &str) -> Value {
        structure(&Form::parse(form.as_bytes()), "", MEMBERS).into()
    }

    #[test]
    fn a_form_is_read() {
        assert_eq!(
            read(
                "Attribute.1.Name=a&Attribute.1.Value=1&Attribute.2.Name=b&Attribute.2.Value=&Name.1=x&Name.2=y&Size=3"
            ),
            json!({ "Attributes": { "a": "1", "b": "" }, "Names": ["x", "y"], "Size": 3 })
        );
        assert_eq!(
            read("Attribute.Name=a&Attribute.Value=1&Tag.1.Key=k&Tag.1.Value=v&Name=All"),
            json!({ "Attributes": { "a": "1" }, "Tags": { "k": "v" }, "Names": ["All"] })
        );
        let entry = "BatchEntry.1.Id=1&BatchEntry.1.MessageAttribute.1.Name=n&\
                     BatchEntry.1.MessageAttribute.1.Value.DataType=String&\
                     BatchEntry.1.MessageAttribute.1.Value.StringValue=v";
        assert_eq!(
            read(entry),
            json!({ "Entries": [{
                "Id": "1", "MessageAttributes": { "n": { "DataType": "String", "StringValue": "v" } }
            }] })
        );
        assert_eq!(read("Other=1"), json!({}));
    }

    #[test]
    fn an_answer_is_written() {
        let lists = [
            ("Attributes", Flat::Map("Attribute", "Name", "Value")),
            ("QueueUrls", Flat::List("QueueUrl")),
            ("Successful", Flat::Results),
            ("Values", Flat::Members),
            ("Statistics", Flat::Entries),
        ];
        let output = json!({
            "Attributes": { "a": "<1>", "b": { "DataType": "String" } },
            "QueueUrls": ["u", "v\r"],
            "Successful": [{ "Id": "1" }],
            "Missing": null,
            "Moved": 3,
            "Values": [1.5, { "Values": [] }],
            "Statistics": { "p90": 2 },
        });
        assert_eq!(
            write(&output, &lists, "SendMessageBatch"),
            "<Attribute><Name>a</Name><Value>&lt;1&gt;</Value></Attribute>\
             <Attribute><Name>b</Name><Value><DataType>String</DataType></Value></Attribute>\
             <QueueUrl>u</QueueUrl><QueueUrl>v&#xD;</QueueUrl>\
             <SendMessageBatchResultEntry><Id>1</Id></SendMessageBatchResultEntry><Moved>3</Moved>\
             <Values><member>1.5</member><member><Values></Values></member></Values>\
             <Statistics><entry><key>p90</key><value>2</value></entry></Statistics>"
        );
    }
}
