//! Smaller things that still do it: delta debugging, of lists and of JSON.
//!
//! Source: Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002.

use std::ops::Range;

use serde_json::Value;

/// The smallest list found, by leaving parts out, that still passes `test`.
///
/// # Errors
/// Those of `test`.
pub async fn list<T: Clone, E>(
    mut items: Vec<T>,
    mut test: impl AsyncFnMut(&[T]) -> Result<bool, E>,
) -> Result<Vec<T>, E> {
    let mut size = items.len();
    while size > 0 {
        let mut start = 0;
        while start < items.len() {
            let end = (start + size).min(items.len());
            let rest = [&items[..start], &items[end..]].concat();
            if test(&rest).await? {
                items = rest;
            } else {
                start = end;
            }
        }
        size /= 2;
    }
    Ok(items)
}

/// The smallest JSON found that still passes `test`: members and items left out, texts cut, numbers made 0.
///
/// # Errors
/// Those of `test`.
pub async fn json<E>(mut best: Value, mut test: impl AsyncFnMut(&Value) -> Result<bool, E>) -> Result<Value, E> {
    loop {
        let before = best.clone();
        let mut at = 0;
        // What one edit makes smaller has other edits: those behind the one that did it are tried next.
        while let Some(edit) = edits(&best).get(at) {
            let candidate = edit.apply(&best);
            if candidate != best && test(&candidate).await? {
                best = candidate;
            } else {
                at += 1;
            }
        }
        if best == before {
            return Ok(best);
        }
    }
}

/// A way to make a value smaller.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Edit {
    /// Where, from the outside in: at each step, which member or item.
    path: Vec<usize>,
    change: Change,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    /// It becomes what has nothing in it.
    Empty,
    /// Some members, items or letters go.
    Without(Range<usize>),
}

/// All edits of a value: those of the outside first, and of each place those that leave most out.
fn edits(value: &Value) -> Vec<Edit> {
    let mut found = Vec::new();
    collect(value, &mut Vec::new(), &mut found);
    found
}

fn collect(value: &Value, path: &mut Vec<usize>, found: &mut Vec<Edit>) {
    let mut add = |change| found.push(Edit { path: path.clone(), change });
    if *value != empty(value) {
        add(Change::Empty);
    }
    let length = match value {
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        Value::String(text) => text.chars().count(),
        _ => 0,
    };
    let smallest = if value.is_string() { length.div_ceil(8).max(1) } else { 1 };
    let mut size = length / 2;
    while size >= smallest {
        (0..length).step_by(size).for_each(|start| add(Change::Without(start..(start + size).min(length))));
        size /= 2;
    }

    let inside: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(members) => members.values().collect(),
        _ => Vec::new(),
    };
    for (at, value) in inside.into_iter().enumerate() {
        path.push(at);
        collect(value, path, found);
        path.pop();
    }
}

/// What has nothing in it, of the same kind.
fn empty(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Bool(_) => Value::Bool(false),
        Value::Number(_) => Value::from(0),
        Value::String(_) => Value::from(""),
        Value::Array(_) => Value::Array(Vec::new()),
        Value::Object(_) => Value::Object(serde_json::Map::new()),
    }
}

impl Edit {
    fn apply(&self, whole: &Value) -> Value {
        let mut whole = whole.clone();
        let mut place = &mut whole;
        for step in &self.path {
            let inside = match place {
                Value::Array(items) => items.get_mut(*step),
                Value::Object(members) => members.values_mut().nth(*step),
                _ => None,
            };
            match inside {
                Some(inside) => place = inside,
                // The path is of another value: nothing changes.
                None => return whole,
            }
        }

        *place = match &self.change {
            Change::Empty => empty(place),
            Change::Without(range) => without(place, range),
        };
        whole
    }
}

fn without(value: &Value, range: &Range<usize>) -> Value {
    let is_left = |at: usize| !range.contains(&at);
    match value {
        Value::Array(items) => {
            items.iter().enumerate().filter(|(at, _)| is_left(*at)).map(|(_, item)| item.clone()).collect()
        }
        Value::Object(members) => {
            let left = members.iter().enumerate().filter(|(at, _)| is_left(*at));
            Value::Object(left.map(|(_, (name, value))| (name.clone(), value.clone())).collect())
        }
        Value::String(text) => {
            let left = text.chars().enumerate().filter(|(at, _)| is_left(*at));
            Value::String(left.map(|(_, letter)| letter).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use serde_json::json;

    use super::*;

    async fn smallest(value: Value, fails: impl Fn(&Value) -> bool) -> Value {
        let Ok(found) = json(value, async |candidate: &Value| Ok::<_, Infallible>(fails(candidate))).await;
        found
    }

    #[tokio::test]
    async fn what_matters_is_left() {
        let event = json!({
            "orders": [{ "id": 1, "items": [1, 2] }, { "id": 7, "items": [], "note": "x".repeat(100) }],
            "user": { "name": "ann", "tags": ["a", "b"] },
        });
        let has_empty_order = |event: &Value| {
            let orders = event["orders"].as_array();
            orders.is_some_and(|orders| orders.iter().any(|order| order["items"] == json!([])))
        };
        assert_eq!(smallest(event, has_empty_order).await, json!({ "orders": [{ "items": [] }] }));
        let text = json!({ "text": format!("{}needle{}", "a".repeat(40), "b".repeat(60)) });
        let found = smallest(text, |event| event["text"].as_str().is_some_and(|text| text.contains("needle"))).await;
        assert!(found["text"].as_str().is_some_and(|text| text.len() < 20), "{found}");
        assert_eq!(smallest(json!([1, "a", { "b": true }]), |_| true).await, json!([]));
    }

    #[tokio::test]
    async fn lists_keep_what_is_needed_in_order() {
        let needed = |items: &[u32]| items.contains(&3) && items.contains(&7);
        let Ok(found) = list((0..10).collect(), async |items: &[u32]| Ok::<_, Infallible>(needed(items))).await;
        assert_eq!(found, [3, 7]);
    }
}
