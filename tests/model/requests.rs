//! Every operation's row and request shape against AWS's model, which fixtures/model/ has: method,
//! path, members, where they are sent, and each constraint. So no wrong pattern waits to be met.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use larder::protocol::operation::{Operation, Route};
use larder::protocol::shape::{Kind, Location, Member};
use larder::services::{Services, lambda};
use serde_json::{Map, Value};

/// Where Larder is another than the model on purpose: place (`*` for any operation), what differs,
/// and why.
const EXPLAINED: &[(&str, &str, &str)] = &[
    ("*.Runtime", "values", "AWS tells an unknown runtime in words of its own (test_update_lambda_exceptions)"),
    (
        "*.Layers.[]",
        "",
        "AWS shows other constraints than the model's (test_layer_function_exceptions): the list is judged",
    ),
    (
        "GetLayerVersionByArn.Arn",
        "pattern",
        "AWS shows it without the model's outer parentheses (test_layer_exceptions)",
    ),
    ("ListLayers.CompatibleRuntime", "values", CURRENT),
    ("ListLayerVersions.CompatibleRuntime", "values", CURRENT),
    ("PublishLayerVersion.CompatibleRuntimes.[]", "values", CURRENT),
    ("PublishLayerVersion", "order", "AWS tells of the runtimes first (test_layer_exceptions)"),
    ("ListTags.Resource", "pattern", TAGGABLE),
    ("TagResource.Resource", "pattern", TAGGABLE),
    ("UntagResource.Resource", "pattern", TAGGABLE),
    ("CreateFunction", "order", SHARED),
    ("UpdateFunctionCode", "order", SHARED),
    ("UpdateFunctionConfiguration", "order", SHARED),
];

const CURRENT: &str = "AWS allows the runtimes that it supports, not all of the model (test_layer_exceptions)";

const TAGGABLE: &str = "as AWS shows it (test_tag_exceptions); the model's is of another day";

const SHARED: &str = "members that several requests have are declared once; no order of violations is recorded";

static OPERATIONS: LazyLock<Map<String, Value>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../fixtures/model/operations.json")).expect("JSON"));

static SHAPES: LazyLock<Map<String, Value>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../fixtures/model/requests.json")).expect("JSON"));

/// What differs, and where.
#[derive(Debug, Default)]
struct Differences(Vec<(String, String)>);

impl Differences {
    fn add(&mut self, place: &str, what: impl Into<String>) {
        self.0.push((place.to_owned(), what.into()));
    }

    fn unless_equal<T: PartialEq + std::fmt::Debug>(&mut self, place: &str, what: &str, ours: &T, model: &T) {
        if ours != model {
            self.add(place, format!("{what}: ours {ours:?}, the model's {model:?}"));
        }
    }
}

#[test]
fn every_operation_is_served_and_no_other() {
    let model: BTreeSet<&str> = OPERATIONS.keys().map(String::as_str).collect();
    let ours: BTreeSet<&str> = lambda::SERVICE.operations().map(|operation| operation.name).collect();
    assert_eq!(ours, model);
}

#[test]
fn requests_are_the_models() {
    let mut differences = Differences::default();
    for operation in lambda::SERVICE.operations() {
        if let Some(model) = OPERATIONS.get(operation.name) {
            compare_operation(operation, model, &mut differences);
        }
    }
    let mut unused: BTreeSet<usize> = (0..EXPLAINED.len()).collect();
    let unexplained: Vec<String> = differences
        .0
        .iter()
        .filter(|(place, what)| {
            let explained: Vec<usize> = (0..EXPLAINED.len()).filter(|index| explains(*index, place, what)).collect();
            unused.retain(|index| !explained.contains(index));
            explained.is_empty()
        })
        .map(|(place, what)| format!("{place}: {what}"))
        .collect();
    assert!(unexplained.is_empty(), "{} differences from AWS's model:\n{}", unexplained.len(), unexplained.join("\n"));
    let unused: Vec<_> = unused.into_iter().map(|index| EXPLAINED[index]).collect();
    assert!(unused.is_empty(), "explained, but no longer so: {unused:#?}");
}

fn explains(index: usize, place: &str, what: &str) -> bool {
    let (pattern, beginning, _) = EXPLAINED[index];
    let at = match pattern.strip_prefix("*.") {
        Some(end) => place.split_once('.').is_some_and(|(_, path)| path == end),
        None => place == pattern,
    };
    at && what.starts_with(beginning)
}

fn route(operation: &Operation<Services>) -> &Route {
    operation.route.as_ref().expect("Lambda's operations have routes")
}

fn compare_operation(operation: &Operation<Services>, model: &Value, differences: &mut Differences) {
    let name = operation.name;
    differences.unless_equal(name, "method", &route(operation).method.as_str(), &text(model, "method"));
    differences.unless_equal(
        name,
        "path",
        &path_by_members(operation),
        &text(model, "path").trim_end_matches('/').to_owned(),
    );
    let request = &SHAPES[text(model, "request")];
    let raw = members(request).any(|(_, member)| text(member, "in") == "payload");
    let structure = members(request)
        .find(|(_, member)| text(member, "in") == "payload")
        .filter(|(_, member)| text(&SHAPES[text(member, "shape")], "type") == "structure");
    match structure {
        // The body is one structure: its members are the body's.
        Some((_, payload)) if !operation.raw_body => {
            let (body, rest): (Vec<_>, Vec<_>) =
                operation.members.iter().partition(|member| member.location == Location::Body);
            compare_members(name, &body, members(&SHAPES[text(payload, "shape")]), true, differences);
            compare_members(name, &rest, members(request).filter(not_payload), true, differences);
        }
        _ => {
            differences.unless_equal(name, "the body is the payload", &operation.raw_body, &raw);
            let ours: Vec<_> = operation.members.iter().collect();
            compare_members(name, &ours, members(request).filter(not_payload), true, differences);
        }
    }
}

fn not_payload((_, member): &(&str, &Value)) -> bool {
    text(member, "in") != "payload"
}

/// The path with the members' names for its parts, however they are called in the table.
fn path_by_members(operation: &Operation<Services>) -> String {
    let mut path = route(operation).path.to_owned();
    for member in operation.members.iter().filter(|member| member.location == Location::Path) {
        path = path.replace(&format!("{{{}}}", member.wire_name), &format!("{{{}}}", member.name));
    }
    path
}

fn compare_members<'a>(
    place: &str,
    ours: &[&Member],
    model: impl Iterator<Item = (&'a str, &'a Value)>,
    is_request: bool,
    differences: &mut Differences,
) {
    let model: BTreeMap<usize, (&str, &Value)> = model.enumerate().collect();
    let order: Vec<&str> = model.values().map(|(name, _)| *name).collect();
    let known: Vec<&str> = ours.iter().map(|member| member.name).filter(|name| order.contains(name)).collect();
    let in_order: Vec<&str> = order.iter().copied().filter(|name| known.contains(name)).collect();
    differences.unless_equal(place, "order", &known, &in_order);
    for member in ours.iter().filter(|member| !order.contains(&member.name)) {
        differences.add(&join(place, member.name), "no member of the model");
    }
    for (name, model) in model.into_values() {
        let place = join(place, name);
        match ours.iter().find(|member| member.name == name) {
            None => differences.add(&place, "missing"),
            Some(member) => compare_member(&place, member, model, is_request, differences),
        }
    }
}

fn compare_member(place: &str, ours: &Member, model: &Value, is_request: bool, differences: &mut Differences) {
    differences.unless_equal(place, "required", &ours.required, &(model["required"] == true));
    if is_request {
        let location = match ours.location {
            Location::Body => "",
            Location::Path => "path",
            Location::Query => "query",
            Location::Header(_) => "header",
        };
        differences.unless_equal(place, "sent in", &location, &text(model, "in"));
        let wire = model["wire"].as_str().unwrap_or(ours.name);
        if ours.location != Location::Path && !ours.wire_name.eq_ignore_ascii_case(wire) {
            differences.unless_equal(place, "name on the wire", &ours.wire_name, &wire);
        }
    }
    compare_kind(place, &ours.kind, text(model, "shape"), differences);
}

fn compare_kind(place: &str, ours: &Kind, shape: &str, differences: &mut Differences) {
    let model = &SHAPES[shape];
    let kind = text(model, "type");
    match (ours, kind) {
        (Kind::Text { length, pattern, values }, "string") => {
            differences.unless_equal(place, "length", &open(*length), &length_of(model));
            differences.unless_equal(place, "pattern", &pattern.unwrap_or_default(), &text(model, "pattern"));
            let values: BTreeSet<&str> = values.iter().copied().collect();
            let modelled = model["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            differences.unless_equal(place, "values", &values, &modelled);
        }
        (Kind::Integer(least, most), "integer" | "long") => {
            let whole = |name, open| model[name].as_i64().unwrap_or(open);
            differences.unless_equal(place, "least", &at_least(*least), &at_least(whole("min", i64::MIN)));
            differences.unless_equal(place, "most", &at_most(*most), &at_most(whole("max", i64::MAX)));
        }
        (Kind::Float(least, most), "double") => {
            differences.unless_equal(
                place,
                "range",
                &(Some(*least), Some(*most)),
                &(model["min"].as_f64(), model["max"].as_f64()),
            );
        }
        (Kind::Boolean, "boolean") | (Kind::Timestamp, "timestamp") | (Kind::Blob, "blob") => {}
        (Kind::List { length, item }, "list") => {
            differences.unless_equal(place, "length", &open(*length), &length_of(model));
            compare_kind(&join(place, "[]"), item, text(model, "member"), differences);
        }
        (Kind::Map { length, key, value }, "map") => {
            differences.unless_equal(place, "length", &open(*length), &length_of(model));
            compare_kind(&join(place, "{key}"), key, text(model, "key"), differences);
            compare_kind(&join(place, "{value}"), value, text(model, "value"), differences);
        }
        (Kind::Structure(ours), "structure") => {
            let ours: Vec<_> = ours.iter().collect();
            compare_members(place, &ours, members(model), false, differences);
        }
        // What more is said of a kind than its constraints is not the model's.
        (Kind::NotNull(kind) | Kind::Judged { kind, .. }, _) => compare_kind(place, kind, shape, differences),
        _ => differences.add(place, format!("type: ours {ours:?}, the model's {kind} ({shape})")),
    }
}

/// Without a length, any.
fn open(length: Option<(usize, usize)>) -> (usize, usize) {
    length.unwrap_or((0, usize::MAX))
}

fn length_of(model: &Value) -> (usize, usize) {
    let size = |name, open| model[name].as_u64().map_or(open, |size| usize::try_from(size).unwrap_or(usize::MAX));
    (size("min", 0), size("max", usize::MAX))
}

/// What a number of 32 bits cannot be is no bound.
fn at_least(least: i64) -> Option<i64> {
    Some(least).filter(|least| *least > i64::from(i32::MIN))
}

fn at_most(most: i64) -> Option<i64> {
    Some(most).filter(|most| *most < i64::from(i32::MAX))
}

fn members(shape: &Value) -> impl Iterator<Item = (&str, &Value)> {
    shape["members"].as_object().into_iter().flatten().map(|(name, member)| (name.as_str(), member))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn join(place: &str, name: &str) -> String {
    format!("{place}.{name}")
}
