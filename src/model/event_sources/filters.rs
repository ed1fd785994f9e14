//! Patterns of `FilterCriteria`: whether one is an event pattern of `EventBridge`.
//!
//! Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>.

use core::net::IpAddr;

use serde_json::{Map, Value};

/// Whether `text` is a pattern: a JSON object whose leaves are lists of values and operators.
pub fn is_pattern(text: &str) -> bool {
    match serde_json::from_str(text) {
        Ok(Value::Object(pattern)) => is_object(&pattern),
        _ => false,
    }
}

fn is_object(pattern: &Map<String, Value>) -> bool {
    pattern.iter().all(|(name, value)| match value {
        Value::Array(alternatives) if name == "$or" => is_or(alternatives),
        Value::Array(values) => !values.is_empty() && values.iter().all(is_match),
        Value::Object(inner) => is_object(inner),
        _ => false,
    })
}

/// `"$or": [{…}, {…}]`; a field may have that name too.
fn is_or(alternatives: &[Value]) -> bool {
    let objects = || alternatives.iter().all(|value| value.as_object().is_some_and(is_object));
    let values = || alternatives.iter().all(is_match);
    !alternatives.is_empty() && (objects() || values())
}

/// A value, or an object of exactly one operator.
fn is_match(value: &Value) -> bool {
    match value {
        Value::Object(operator) => {
            let mut entries = operator.iter();
            match (entries.next(), entries.next()) {
                (Some((name, operand)), None) => is_operator(name, operand),
                _ => false,
            }
        }
        Value::Array(_) => false,
        _ => true,
    }
}

fn is_operator(name: &str, operand: &Value) -> bool {
    match name {
        "prefix" | "suffix" => operand.is_string() || ignores_case(operand),
        "equals-ignore-case" => operand.is_string(),
        "wildcard" => is_wildcard(operand),
        "exists" => operand.is_boolean(),
        "numeric" => operand.as_array().is_some_and(|terms| is_numeric(terms)),
        "cidr" => operand.as_str().is_some_and(is_cidr),
        "anything-but" => is_anything_but(operand),
        _ => false,
    }
}

fn ignores_case(operand: &Value) -> bool {
    let inner = operand.as_object().filter(|inner| inner.len() == 1);
    inner.and_then(|inner| inner.get("equals-ignore-case")).is_some_and(Value::is_string)
}

/// Two stars in a row are refused, as they say no more than one.
fn is_wildcard(operand: &Value) -> bool {
    operand.as_str().is_some_and(|text| !text.contains("**"))
}

fn is_anything_but(operand: &Value) -> bool {
    match operand {
        Value::String(_) | Value::Number(_) => true,
        Value::Array(values) => {
            let all = |is: fn(&Value) -> bool| values.iter().all(is);
            !values.is_empty() && (all(Value::is_string) || all(Value::is_number))
        }
        Value::Object(inner) if inner.len() == 1 => inner.iter().all(|(name, operand)| {
            let is_text = |value: &Value| if name == "wildcard" { is_wildcard(value) } else { value.is_string() };
            matches!(name.as_str(), "prefix" | "suffix" | "equals-ignore-case" | "wildcard")
                && match operand {
                    Value::Array(values) => !values.is_empty() && values.iter().all(is_text),
                    value => is_text(value),
                }
        }),
        _ => false,
    }
}

/// `["=", 5]`, `[">", 0]`, `[">", 0, "<=", 5]`: a range has its lower end first, and is not empty.
fn is_numeric(terms: &[Value]) -> bool {
    let pair = |at: usize| Some((terms.get(at)?.as_str()?, terms.get(at + 1)?.as_f64()?));
    match (terms.len(), pair(0), pair(2)) {
        (2, Some((operator, _)), _) => matches!(operator, "=" | "<" | "<=" | ">" | ">="),
        (4, Some((">" | ">=", least)), Some(("<" | "<=", most))) => least < most,
        _ => false,
    }
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let most = match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    bits.parse::<u8>().is_ok_and(|bits| bits <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_told_from_other_texts() {
        for pattern in [
            "{}",
            r#"{"body": {"kind": ["a", 1, null, true]}}"#,
            r#"{"a": [{"prefix": "x"}, {"suffix": {"equals-ignore-case": ".PNG"}}, {"wildcard": "a*b"}]}"#,
            r#"{"a": [{"anything-but": ["x", "y"]}], "b": [{"anything-but": {"prefix": ["x"]}}]}"#,
            r#"{"a": [{"numeric": [">", 0, "<=", 5]}, {"numeric": ["=", 1e2]}], "b": [{"exists": false}]}"#,
            r#"{"ip": [{"cidr": "10.0.0.0/24"}, {"cidr": "::1/128"}]}"#,
            r#"{"$or": [{"a": [1]}, {"b": [{"exists": true}]}]}"#,
        ] {
            assert!(is_pattern(pattern), "{pattern}");
        }
        for other in [
            "",
            "single-string",
            r#"[{"eventName": ["INSERT"]}]"#,
            "{",
            r#"{"a": "b"}"#,
            r#"{"a": []}"#,
            r#"{"a": [["b"]]}"#,
            r#"{"a": [{"prefix": 1}]}"#,
            r#"{"a": [{"like": "x"}]}"#,
            r#"{"a": [{"prefix": "x", "suffix": "y"}]}"#,
            r#"{"a": [{"numeric": ["<", 5, ">", 0]}]}"#,
            r#"{"a": [{"numeric": [">", 5, "<", 0]}]}"#,
            r#"{"a": [{"cidr": "10.0.0.0/33"}]}"#,
            r#"{"a": [{"wildcard": "a**"}]}"#,
            r#"{"$or": []}"#,
        ] {
            assert!(!is_pattern(other), "{other}");
        }
    }
}
