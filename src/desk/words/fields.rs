//! What changed of a resource, in a few words: `Timeout 3 → 30, MemorySize 128 → 512, DB_URL changed`.

use serde_json::Value;

use super::names::{Named, named};
use crate::ledger::difference::{Difference, Field};

/// Fields that are told; of more, how many there are.
const TOLD: usize = 4;

/// Letters of a value that is told: of a longer one, that it changed.
const VALUE: usize = 40;

/// How functions' variables begin.
const VARIABLES: &str = "Environment.Variables.";

/// The fields of a resource that changed, in words; empty where only what is derived did.
pub fn told(change: Option<&Difference>) -> String {
    let fields = change.map(|change| change.fields.as_slice()).unwrap_or_default();
    let mut said: Vec<String> = Vec::new();
    for (field, name) in fields.iter().filter_map(|field| Some((field, named(field)?))) {
        let words = words(field, &name);
        if !said.contains(&words) {
            said.push(words);
        }
    }

    let more = said.len().saturating_sub(TOLD);
    said.truncate(TOLD);
    let said = said.join(", ");
    if more == 0 { said } else { format!("{said} and {more} more") }
}

/// Whether it came, went, or changed.
pub fn verb(field: &Field) -> &'static str {
    match (is_there(field.old.as_ref()), is_there(field.new.as_ref())) {
        (false, _) => "added",
        (_, false) => "removed",
        _ => "changed",
    }
}

fn words(field: &Field, Named { name, .. }: &Named) -> String {
    // Values of variables are secrets, and not told here to anybody.
    if let Some(variable) = name.strip_prefix(VARIABLES) {
        return format!("{variable} {}", verb(field));
    }
    // An item of a list is told by the list.
    if let Some((list, _)) = name.split_once('[') {
        return format!("{list} changed");
    }
    match (short(field.old.as_ref()), short(field.new.as_ref())) {
        (Some(old), Some(new)) => format!("{name} {old} → {new}"),
        _ => format!("{name} {}", verb(field)),
    }
}

fn is_there(value: Option<&Value>) -> bool {
    value.is_some_and(|value| !value.is_null())
}

/// A value in a word or two; `None` where it takes more.
fn short(value: Option<&Value>) -> Option<String> {
    let text = match value {
        None | Some(Value::Null) => "none".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "none".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(_) | Value::Array(_)) => return None,
        Some(other) => other.to_string(),
    };
    (text.chars().count() <= VALUE).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ledger::difference::Change;

    fn changed(fields: Vec<(&str, Option<Value>, Option<Value>)>) -> Difference {
        let field = |(path, old, new): (&str, _, _)| Field { path: path.to_owned(), old, new };
        Difference {
            change: Change::Changed,
            kind: "function".to_owned(),
            arn: String::new(),
            name: String::new(),
            fields: fields.into_iter().map(field).collect(),
        }
    }

    #[test]
    fn values_are_told_where_they_are_short_and_no_secrets() {
        let long = json!("x".repeat(41));
        let change = changed(vec![
            ("latest.config.timeout_s", Some(json!(3)), Some(json!(30))),
            ("latest.config.description", Some(json!("")), Some(long)),
            ("latest.config.environment.DB_URL", Some(json!("secret")), Some(json!("other"))),
            ("latest.config.environment.NEW", None, Some(json!("secret"))),
            ("latest.revision", Some(json!("a")), Some(json!("b"))),
        ]);
        assert_eq!(told(Some(&change)), "Timeout 3 → 30, Description changed, DB_URL changed, NEW added");
    }

    #[test]
    fn lists_are_told_once_and_many_fields_counted() {
        let change = changed(vec![
            ("latest.config.vpc.subnets.0", Some(json!("a")), Some(json!("b"))),
            ("latest.config.vpc.subnets.1", None, Some(json!("c"))),
            ("tags.a", None, Some(json!("1"))),
            ("tags.b", Some(json!("1")), None),
            ("latest.config.handler", Some(json!("a.b")), Some(json!("a.c"))),
            ("reserved_concurrency", Some(json!(null)), Some(json!(5))),
        ]);
        assert_eq!(
            told(Some(&change)),
            "VpcConfig.SubnetIds changed, Tags.a none → 1, Tags.b 1 → none, Handler a.b → a.c and 1 more"
        );
    }

    #[test]
    fn what_is_derived_says_nothing() {
        assert_eq!(told(Some(&changed(vec![("latest.revision", Some(json!(1)), Some(json!(2)))]))), "");
        assert_eq!(told(None), "");
    }
}
