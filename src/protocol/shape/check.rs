//! Requests against their shapes, and what AWS says of those that do not fit.

use std::collections::HashMap;
use std::sync::{LazyLock, RwLock};

use serde_json::{Map, Value};

use super::{Kind, Member};
use crate::model::error::{ApiError, ErrorCode};

/// Checks a bound request against its members.
///
/// # Errors
/// `SerializationException` for a member of another JSON type; else one `ValidationException` for
/// all violated constraints.
pub fn check(members: &[Member], input: &Map<String, Value>) -> Result<(), ApiError> {
    let mut violations = Vec::new();
    check_structure(members, input, "", &mut violations)?;
    if violations.is_empty() {
        return Ok(());
    }
    let count = violations.len();
    let plural = if violations.len() == 1 { "" } else { "s" };
    let message = format!("{count} validation error{plural} detected: {}", violations.join("; "));

    Err(ApiError::new(ErrorCode::Validation, message))
}

/// Takes members that are null out of a checked request: to AWS they are not given. (A null in a list or a
/// map has been refused.)
pub fn drop_nulls(input: &mut Map<String, Value>) {
    input.retain(|_, value| !value.is_null());
    input.values_mut().for_each(drop_nulls_inside);
}

fn drop_nulls_inside(value: &mut Value) {
    match value {
        Value::Object(members) => drop_nulls(members),
        Value::Array(items) => items.iter_mut().for_each(drop_nulls_inside),
        _ => {}
    }
}

fn check_structure(
    members: &[Member],
    input: &Map<String, Value>,
    path: &str,
    violations: &mut Vec<String>,
) -> Result<(), ApiError> {
    for member in members {
        let path = join(path, member.name);
        match input.get(member.name) {
            None | Some(Value::Null) if member.required => {
                violations.push(violation("null", &path, "Member must not be null"));
            }
            None | Some(Value::Null) => {}
            Some(value) => check_value(&member.kind, value, &path, violations)?,
        }
    }
    Ok(())
}

fn check_value(kind: &Kind, value: &Value, path: &str, violations: &mut Vec<String>) -> Result<(), ApiError> {
    match (kind, value) {
        (Kind::Structure(members), Value::Object(input)) => check_structure(members, input, path, violations),
        (Kind::List { length, item }, Value::Array(items)) => check_list(*length, item, items, path, violations),
        (Kind::Map { length, key, value }, Value::Object(entries)) => {
            if let Some(constraint) = length.and_then(|limits| broken_length(entries.len(), limits)) {
                violations.push(violation(&java(&as_kind(value, entries)), path, &constraint));
            }
            check_map(key, value, entries, path, violations)
        }
        (Kind::NotNull(kind), value) => check_value(kind, value, path, violations),
        (Kind::Judged { kind, judge }, value) => {
            check_value(kind, value, path, violations)?;
            violations.extend(judge(value));
            Ok(())
        }
        (kind, value) => {
            let broken = broken_constraints(kind, value).ok_or_else(|| wrong_type(kind, value))?;
            let shown = if broken.is_empty() { String::new() } else { java(value) };
            violations.extend(broken.iter().map(|constraint| violation(&shown, path, constraint)));
            Ok(())
        }
    }
}

/// A list of plain values is reported as a whole, with all constraints of its items (recorded in
/// `test_layer_exceptions`, `test_invalid_vpc_config_subnet`); structures one by one. Enums and
/// [`Kind::NotNull`] say there that they must not be null.
fn check_list(
    length: Option<(usize, usize)>,
    item: &Kind,
    items: &[Value],
    path: &str,
    violations: &mut Vec<String>,
) -> Result<(), ApiError> {
    let (item, stated) = match item {
        Kind::NotNull(item) => (*item, true),
        item => (item, false),
    };
    let whole = || java(&Value::Array(items.to_vec()));
    if let Some(constraint) = length.and_then(|limits| broken_length(items.len(), limits)) {
        violations.push(violation(&whole(), path, &constraint));
    }
    if let Kind::Structure(_) | Kind::List { .. } | Kind::Map { .. } = item {
        return (1..)
            .zip(items)
            .try_for_each(|(index, value)| check_value(item, value, &format!("{path}.{index}.member"), violations));
    }
    if any_broken(item, items)? {
        let is_enum = matches!(item, Kind::Text { values, .. } if !values.is_empty());
        let constraint = format!("Member must satisfy constraint: {}", all_constraints(item, stated || is_enum));
        violations.push(violation(&whole(), path, &constraint));
    }
    Ok(())
}

/// A map is reported as a whole (recorded in `test_notfound_and_invalid_routingconfigs`).
fn check_map(
    key: &Kind,
    value: &Kind,
    entries: &Map<String, Value>,
    path: &str,
    violations: &mut Vec<String>,
) -> Result<(), ApiError> {
    let shown = || java(&as_kind(value, entries));
    if any_broken(key, &entries.keys().map(|key| Value::from(key.as_str())).collect::<Vec<_>>())? {
        let constraint = format!("Map keys must satisfy constraint: {}", all_constraints(key, false));
        violations.push(violation(&shown(), path, &constraint));
    }
    if let Kind::Structure(_) | Kind::List { .. } | Kind::Map { .. } = value {
        let mut entries = entries.iter();
        return entries
            .try_for_each(|(key, entry)| check_value(value, entry, &format!("{path}.{key}.member"), violations));
    }
    if any_broken(value, &entries.values().cloned().collect::<Vec<_>>())? {
        let constraint = format!("Map value must satisfy constraint: {}", all_constraints(value, true));
        violations.push(violation(&shown(), path, &constraint));
    }
    Ok(())
}

/// Numbers of a map of floats are shown as floats, however they were sent.
fn as_kind(kind: &Kind, entries: &Map<String, Value>) -> Value {
    let convert = |value: &Value| match kind {
        Kind::Float(..) => value.as_f64().map_or_else(|| value.clone(), Value::from),
        _ => value.clone(),
    };
    entries.iter().map(|(key, value)| (key.clone(), convert(value))).collect()
}

fn any_broken(kind: &Kind, values: &[Value]) -> Result<bool, ApiError> {
    values.iter().try_fold(false, |broken, value| {
        let constraints = broken_constraints(kind, value).ok_or_else(|| wrong_type(kind, value))?;
        Ok(broken || !constraints.is_empty())
    })
}

/// The constraints a plain value breaks; `None` when it is not of the kind at all.
fn broken_constraints(kind: &Kind, value: &Value) -> Option<Vec<String>> {
    Some(match (kind, value) {
        (Kind::Text { length, pattern, values }, Value::String(text)) => {
            let too = length.and_then(|limits| broken_length(text.chars().count(), limits));
            let unlike = pattern.filter(|pattern| !matches(pattern, text)).map(must_match);
            let unknown = (!values.is_empty() && !values.contains(&text.as_str())).then(|| must_be_one_of(values));
            too.into_iter().chain(unlike).chain(unknown).collect()
        }
        (Kind::Integer(least, most), Value::Number(number)) => {
            let number = number.as_i64()?;
            let above = (number > *most).then(|| at_most(most));
            above.into_iter().chain((number < *least).then(|| at_least(least))).collect()
        }
        (Kind::Float(least, most), Value::Number(number)) => {
            let number = number.as_f64()?;
            let above = (number > *most).then(|| at_most(&decimal(*most)));
            above.into_iter().chain((number < *least).then(|| at_least(&decimal(*least)))).collect()
        }
        (Kind::Boolean, Value::Bool(_))
        | (Kind::Blob, Value::String(_))
        | (Kind::Timestamp, Value::Number(_) | Value::String(_)) => Vec::new(),
        _ => return None,
    })
}

/// Every constraint of a kind, in the bracket AWS shows for lists and maps.
fn all_constraints(kind: &Kind, not_null: bool) -> String {
    let mut all = Vec::new();
    match kind {
        Kind::Text { length, pattern, values } => {
            if let Some((least, most)) = length {
                all.extend([longest(*most), shortest(*least)]);
            }
            all.extend(pattern.map(must_match));
            all.extend((!values.is_empty()).then(|| must_be_one_of(values)));
        }
        Kind::Integer(least, most) => all.extend([at_most(most), at_least(least)]),
        Kind::Float(least, most) => all.extend([at_most(&decimal(*most)), at_least(&decimal(*least))]),
        _ => {}
    }

    all.extend(not_null.then(|| "Member must not be null".to_owned()));
    format!("[{}]", all.join(", "))
}

/// The violation of a list at `path` with an item of which AWS says, too, that it must not be null; for the
/// judge of a [`Kind::Judged`].
pub fn broken_item(item: &Kind, items: &Value, path: &str) -> Option<String> {
    let broken = any_broken(item, items.as_array()?).unwrap_or(false);
    let constraint = || format!("Member must satisfy constraint: {}", all_constraints(item, true));
    broken.then(|| violation(&java(items), path, &constraint()))
}

fn broken_length(length: usize, (least, most): (usize, usize)) -> Option<String> {
    match length {
        length if length > most => Some(longest(most)),
        length if length < least => Some(shortest(least)),
        _ => None,
    }
}

fn longest(most: usize) -> String {
    format!("Member must have length less than or equal to {most}")
}

fn shortest(least: usize) -> String {
    format!("Member must have length greater than or equal to {least}")
}

fn at_most(most: &impl std::fmt::Display) -> String {
    format!("Member must have value less than or equal to {most}")
}

fn at_least(least: &impl std::fmt::Display) -> String {
    format!("Member must have value greater than or equal to {least}")
}

fn must_match(pattern: &str) -> String {
    format!("Member must satisfy regular expression pattern: {pattern}")
}

fn must_be_one_of(values: &[&str]) -> String {
    format!("Member must satisfy enum value set: [{}]", values.join(", "))
}

fn violation(value: &str, path: &str, constraint: &str) -> String {
    let value = if value == "null" { value.to_owned() } else { format!("'{value}'") };
    format!("Value {value} at '{path}' failed to satisfy constraint: {constraint}")
}

/// A path as AWS writes it: members in lower camel case, joined by dots.
fn join(path: &str, name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    let name: String = first.into_iter().chain(letters).collect();
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

/// A value as AWS's (Java) service prints it.
fn java(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => decimal(number.as_f64().unwrap_or_default()),
        Value::Array(items) => format!("[{}]", items.iter().map(java).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) => {
            let entries: Vec<_> = entries.iter().map(|(key, value)| format!("{key}={}", java(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

/// A number with at least one decimal, as Java prints a double.
fn decimal(number: f64) -> String {
    format!("{number:?}")
}

fn wrong_type(kind: &Kind, value: &Value) -> ApiError {
    let found = match value {
        Value::Null => "NULL",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(number) if number.is_f64() => "DECIMAL_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "Unexpected list",
        Value::Object(_) => "Unexpected structure",
    };
    let wanted = match kind {
        Kind::Text { .. } => "a String",
        Kind::Integer(..) => "an Integer",
        Kind::Float(..) => "a Double",
        Kind::Boolean => "a Boolean",
        Kind::Blob => "a Blob",
        Kind::Timestamp => "a Timestamp",
        Kind::List { .. } => "a List",
        Kind::Map { .. } | Kind::Structure(_) => "a Structure",
        Kind::NotNull(kind) | Kind::Judged { kind, .. } => return wrong_type(kind, value),
    };
    ApiError::new(ErrorCode::Serialization, format!("{found} can not be converted to {wanted}"))
}

/// Whether all of `text` matches `pattern`. Each pattern is compiled once.
fn matches(pattern: &'static str, text: &str) -> bool {
    static COMPILED: LazyLock<RwLock<HashMap<&'static str, fancy_regex::Regex>>> = LazyLock::new(RwLock::default);
    if let Some(regex) = COMPILED.read().expect("no holder panics").get(pattern) {
        return regex.is_match(text).unwrap_or(false);
    }
    // Patterns are constants of AWS's model; a unit test compiles them all.
    let regex = fancy_regex::Regex::new(&format!("^(?:{pattern})$")).expect("a pattern of the model compiles");
    let matched = regex.is_match(text).unwrap_or(false);
    COMPILED.write().expect("no holder panics").insert(pattern, regex);

    matched
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protocol::shape::{length, one_of, pattern};

    const MEMBERS: &[Member] = &[
        Member::body("Name", pattern(1, 3, "[a-z]+")).required(),
        Member::body("Size", Kind::Integer(1, 9)),
        Member::body("Tags", Kind::List { length: None, item: &length(1, 2) }),
        Member::body("Inner", Kind::Structure(&[Member::body("Mode", one_of(&["A", "B"]))])),
        Member::body("Weights", Kind::Map { length: None, key: &length(1, 2), value: &Kind::Float(0.0, 1.0) }),
    ];

    fn message(input: &Value) -> String {
        let error = check(MEMBERS, input.as_object().expect("an object")).expect_err("is refused");
        error.message.unwrap_or_default()
    }

    #[test]
    fn violations_read_as_aws_writes_them() {
        assert_eq!(
            message(&json!({})),
            "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null"
        );
        assert_eq!(
            message(&json!({"Name": "ABCD", "Inner": {"Mode": "C"}})),
            "3 validation errors detected: \
             Value 'ABCD' at 'name' failed to satisfy constraint: Member must have length less than or equal to 3; \
             Value 'ABCD' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-z]+; \
             Value 'C' at 'inner.mode' failed to satisfy constraint: Member must satisfy enum value set: [A, B]"
        );
        assert_eq!(
            message(&json!({"Name": "a", "Tags": ["", "x"]})),
            "1 validation error detected: Value '[, x]' at 'tags' failed to satisfy constraint: Member must satisfy \
             constraint: [Member must have length less than or equal to 2, Member must have length greater than or equal to 1]"
        );
        assert_eq!(
            message(&json!({"Name": "a", "Weights": {"2": 2}})),
            "1 validation error detected: Value '{2=2.0}' at 'weights' failed to satisfy constraint: Map value must \
             satisfy constraint: [Member must have value less than or equal to 1.0, \
             Member must have value greater than or equal to 0.0, Member must not be null]"
        );
    }

    #[test]
    fn another_json_type_is_a_serialization_error() {
        let input = json!({"Name": 1});
        let error = check(MEMBERS, input.as_object().expect("an object")).expect_err("is refused");
        assert_eq!(error.code, ErrorCode::Serialization);
    }
}
