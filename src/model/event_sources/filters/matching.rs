//! Whether an event meets a pattern. Each member of the event is looked at once for each place of the pattern that
//! names it; depth is bounded by the pattern's, and by that of JSON.

use core::cell::OnceCell;
use core::cmp::Ordering;

use serde_json::{Map, Value};

use super::pattern::{Comparison, Field, Pattern, Test, Tests};

impl Pattern {
    /// Whether an event meets the pattern.
    pub fn matches(&self, event: &Value) -> bool {
        match event {
            Value::Object(members) => self.holds(Some(members)),
            // Of a list one object must meet all of it.
            Value::Array(items) => items.iter().any(|item| self.matches(item)),
            _ => false,
        }
    }

    /// The same of an object; what has no members at all may lack what must be absent.
    fn holds(&self, members: Option<&Map<String, Value>>) -> bool {
        let is_met = |(name, field): &(String, Field)| {
            let value = members.and_then(|members| members.get(name));
            match (field, value) {
                (Field::Leaf(tests), value) => tests.accept(value),
                (Field::Inner(pattern), Some(value)) => pattern.matches(value),
                (Field::Inner(pattern), None) => pattern.holds(None),
            }
        };
        let may_choose = |choice: &Vec<Self>| choice.iter().any(|pattern| pattern.holds(members));

        self.fields.iter().all(is_met) && self.choices.iter().all(may_choose)
    }
}

impl Tests {
    /// Whether one of the leaves of a value passes. Objects are none, so that they do not "exist" (recorded on
    /// `DynamoDB` streams, `test_dynamodb_event_filter`).
    fn accept(&self, value: Option<&Value>) -> bool {
        let mut rest: Vec<&Value> = value.into_iter().collect();
        let mut is_there = false;
        while let Some(value) = rest.pop() {
            match value {
                Value::Array(items) => rest.extend(items),
                Value::Object(_) => {}
                leaf => {
                    is_there = true;
                    if self.accept_leaf(&Leaf::new(leaf)) {
                        return true;
                    }
                }
            }
        }

        !is_there && self.absent
    }

    fn accept_leaf(&self, leaf: &Leaf<'_>) -> bool {
        let is_equal = match leaf.value {
            Value::String(text) => self.texts.contains(text),
            Value::Number(number) => !self.numbers.is_empty() && self.numbers.contains(&number.to_string()),
            Value::Bool(truth) => self.bools.contains(truth),
            _ => self.null,
        };
        self.present || is_equal || self.others.iter().any(|test| test.accepts(leaf))
    }
}

/// A value that is no list and no object.
struct Leaf<'a> {
    value: &'a Value,
    /// Its text in small letters, made once for all tests.
    small: OnceCell<String>,
}

impl<'a> Leaf<'a> {
    fn new(value: &'a Value) -> Self {
        Self { value, small: OnceCell::new() }
    }

    fn text(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    fn small(&self) -> Option<&str> {
        let text = self.text()?;
        Some(self.small.get_or_init(|| text.to_lowercase()))
    }
}

impl Test {
    fn accepts(&self, leaf: &Leaf<'_>) -> bool {
        let text = |passes: &dyn Fn(&str) -> bool| leaf.text().is_some_and(passes);
        let small = |passes: &dyn Fn(&str) -> bool| leaf.small().is_some_and(passes);
        match self {
            Self::Prefix(prefix) => text(&|text| text.starts_with(prefix.as_str())),
            Self::PrefixIgnoringCase(prefix) => small(&|text| text.starts_with(prefix.as_str())),
            Self::Suffix(suffix) => text(&|text| text.ends_with(suffix.as_str())),
            Self::SuffixIgnoringCase(suffix) => small(&|text| text.ends_with(suffix.as_str())),
            Self::EqualsIgnoringCase(other) => small(&|text| text == other),
            Self::Numeric(comparisons) => leaf.value.as_f64().is_some_and(|number| {
                comparisons.iter().all(|(comparison, other)| comparison.holds(number.partial_cmp(other)))
            }),
            Self::Not(tests) => !tests.accept_leaf(leaf),
        }
    }
}

impl Comparison {
    fn holds(self, order: Option<Ordering>) -> bool {
        order.is_some_and(|order| match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        })
    }
}
