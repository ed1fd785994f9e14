//! Patterns of `FilterCriteria`, read: what is no event pattern of `EventBridge` is none. Of its operators Lambda has neither
//! `wildcard` nor `cidr`.
//!
//! Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html> and
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html#filtering-syntax>.

use serde_json::{Map, Value};

use super::pattern::{Comparison, Field, Pattern, Test, Tests};

/// The pattern of a text: a JSON object whose leaves are lists of values and operators. JSON nests no deeper than its
/// reader lets it, and so neither does a pattern.
pub fn parse(text: &str) -> Option<Pattern> {
    match serde_json::from_str(text) {
        Ok(Value::Object(members)) => object(&members),
        _ => None,
    }
}

fn object(members: &Map<String, Value>) -> Option<Pattern> {
    let mut pattern = Pattern::default();
    for (name, value) in members {
        let field = match value {
            Value::Array(alternatives) if name == "$or" => {
                // A field may have that name too.
                if let Some(choice) = choice(alternatives) {
                    pattern.choices.push(choice);
                    continue;
                }
                Field::Leaf(tests(alternatives)?)
            }
            Value::Array(values) => Field::Leaf(tests(values)?),
            Value::Object(inner) => Field::Inner(object(inner)?),
            _ => return None,
        };
        pattern.fields.push((name.clone(), field));
    }

    Some(pattern)
}

/// `"$or": [{…}, {…}]`.
fn choice(alternatives: &[Value]) -> Option<Vec<Pattern>> {
    let patterns: Option<Vec<_>> = alternatives.iter().map(|value| object(value.as_object()?)).collect();
    patterns.filter(|patterns| !patterns.is_empty())
}

fn tests(values: &[Value]) -> Option<Tests> {
    if values.is_empty() {
        return None;
    }
    let mut tests = Tests::default();
    for value in values {
        match value {
            Value::Object(operator) => add_operator(&mut tests, operator)?,
            Value::Array(_) => return None,
            value => add_value(&mut tests, value),
        }
    }

    Some(tests)
}

fn add_value(tests: &mut Tests, value: &Value) {
    match value {
        Value::String(text) => drop(tests.texts.insert(text.clone())),
        Value::Number(number) => drop(tests.numbers.insert(number.to_string())),
        Value::Bool(truth) => drop(tests.bools.insert(*truth)),
        _ => tests.null = true,
    }
}

/// An object of exactly one operator.
fn add_operator(tests: &mut Tests, operator: &Map<String, Value>) -> Option<()> {
    let mut entries = operator.iter();
    let ((name, operand), None) = (entries.next()?, entries.next()) else { return None };
    let test = match name.as_str() {
        "exists" => {
            let wanted = operand.as_bool()?;
            tests.present |= wanted;
            tests.absent |= !wanted;
            return Some(());
        }
        "prefix" | "suffix" | "equals-ignore-case" => text_test(name, operand)?,
        "numeric" => Test::Numeric(comparisons(operand.as_array()?)?),
        "anything-but" => Test::Not(Box::new(excluded(operand)?)),
        _ => return None,
    };
    tests.others.push(test);

    Some(())
}

fn text_test(name: &str, operand: &Value) -> Option<Test> {
    if let Some(inner) = operand.as_object().filter(|inner| inner.len() == 1) {
        let text = inner.get("equals-ignore-case")?.as_str()?.to_lowercase();
        return match name {
            "prefix" => Some(Test::PrefixIgnoringCase(text)),
            "suffix" => Some(Test::SuffixIgnoringCase(text)),
            _ => None,
        };
    }

    let text = operand.as_str()?;
    match name {
        "prefix" => Some(Test::Prefix(text.to_owned())),
        "suffix" => Some(Test::Suffix(text.to_owned())),
        _ => Some(Test::EqualsIgnoringCase(text.to_lowercase())),
    }
}

/// What `anything-but` leaves out: values of one kind, or texts by one operator.
fn excluded(operand: &Value) -> Option<Tests> {
    match operand {
        Value::String(_) | Value::Number(_) => tests(std::slice::from_ref(operand)),
        Value::Array(values) => {
            let all = |is: fn(&Value) -> bool| values.iter().all(is);
            if all(Value::is_string) || all(Value::is_number) { tests(values) } else { None }
        }
        Value::Object(inner) if inner.len() == 1 => {
            let (name, operand) = inner.iter().next()?;
            let is_known = matches!(name.as_str(), "prefix" | "suffix" | "equals-ignore-case");
            let operands = operand.as_array().map_or(std::slice::from_ref(operand), Vec::as_slice);
            // Here prefixes know no case but their own.
            let is_plain = !operands.is_empty() && operands.iter().all(Value::is_string);
            let others = operands.iter().map(|operand| text_test(name, operand)).collect::<Option<_>>();
            let others = others.filter(|_| is_known && is_plain)?;
            Some(Tests { others, ..Tests::default() })
        }
        _ => None,
    }
}

/// `["=", 5]`, `[">", 0]`, `[">", 0, "<=", 5]`: a range has its lower end first, and is not empty.
fn comparisons(terms: &[Value]) -> Option<Vec<(Comparison, f64)>> {
    let pair = |at: usize| Some((comparison(terms.get(at)?.as_str()?)?, terms.get(at + 1)?.as_f64()?));
    let first = pair(0)?;
    match terms.len() {
        2 => Some(vec![first]),
        4 => {
            let second = pair(2)?;
            let is_range = matches!(first.0, Comparison::Greater | Comparison::AtLeast)
                && matches!(second.0, Comparison::Less | Comparison::AtMost)
                && first.1 < second.1;
            is_range.then(|| vec![first, second])
        }
        _ => None,
    }
}

fn comparison(text: &str) -> Option<Comparison> {
    Some(match text {
        "=" => Comparison::Equal,
        "<" => Comparison::Less,
        "<=" => Comparison::AtMost,
        ">" => Comparison::Greater,
        ">=" => Comparison::AtLeast,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_pattern(text: &str) -> bool {
        parse(text).is_some()
    }

    #[test]
    fn patterns_are_told_from_other_texts() {
        for pattern in [
            "{}",
            r#"{"body": {"kind": ["a", 1, null, true]}}"#,
            r#"{"a": [{"prefix": "x"}, {"suffix": {"equals-ignore-case": ".PNG"}}]}"#,
            r#"{"a": [{"anything-but": ["x", "y"]}], "b": [{"anything-but": {"prefix": ["x"]}}]}"#,
            r#"{"a": [{"numeric": [">", 0, "<=", 5]}, {"numeric": ["=", 1e2]}], "b": [{"exists": false}]}"#,
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
            // Operators of EventBridge that Lambda does not have.
            r#"{"a": [{"cidr": "10.0.0.0/24"}]}"#,
            r#"{"a": [{"wildcard": "a*b"}]}"#,
            r#"{"a": [{"anything-but": {"wildcard": "a*b"}}]}"#,
            r#"{"$or": [{"a": [1]}, {"b": [{"wildcard": "a*b"}]}]}"#,
            r#"{"$or": []}"#,
        ] {
            assert!(!is_pattern(other), "{other}");
        }
    }
}
