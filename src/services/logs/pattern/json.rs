//! Conditions on members of a JSON object.

use serde_json::Value;

use super::value::Comparison;
use super::{Invalid, Rest};

/// Brackets inside one another at most: an expression is read by a function that calls itself.
const DEPTH: u32 = 32;

/// Conditions, joined.
#[derive(Debug)]
pub enum Expression {
    /// One of these.
    Any(Vec<Expression>),
    /// All of these.
    All(Vec<Expression>),
    /// What a member is.
    Condition(Vec<Step>, Test),
}

/// A step from a value to one inside of it.
#[derive(Debug)]
pub enum Step {
    /// A member of an object.
    Member(String),
    /// An item of a list.
    Item(usize),
    /// Each item of a list.
    EachItem,
}

/// What a member is.
#[derive(Debug)]
pub enum Test {
    /// It compares with a value.
    Compares(Comparison),
    /// It is `null`, `true` or `false`.
    Is(Value),
    /// It is not there.
    IsMissing,
}

impl Expression {
    /// Reads `{ … }`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let mut rest = Rest(text);
        rest.expect("{")?;
        let expression = Self::any(&mut rest, DEPTH)?;
        rest.expect("}")?;
        rest.skip_space();
        if rest.0.is_empty() { Ok(expression) } else { Err(Invalid) }
    }

    fn any(rest: &mut Rest<'_>, depth: u32) -> Result<Self, Invalid> {
        let mut parts = vec![Self::all(rest, depth)?];
        while rest.take("||") {
            parts.push(Self::all(rest, depth)?);
        }
        Ok(Self::Any(parts))
    }

    fn all(rest: &mut Rest<'_>, depth: u32) -> Result<Self, Invalid> {
        let mut parts = vec![Self::one(rest, depth)?];
        while rest.take("&&") {
            parts.push(Self::one(rest, depth)?);
        }
        Ok(Self::All(parts))
    }

    fn one(rest: &mut Rest<'_>, depth: u32) -> Result<Self, Invalid> {
        if rest.take("(") {
            let inner = Self::any(rest, depth.checked_sub(1).ok_or(Invalid)?)?;
            rest.expect(")")?;
            return Ok(inner);
        }
        let path = path(rest)?;
        Ok(Self::Condition(path, test(rest)?))
    }

    /// Whether a line is a JSON object that fulfils the conditions.
    pub fn matches(&self, line: &str) -> bool {
        let is_object = line.trim_start().starts_with('{');
        is_object && serde_json::from_str(line).is_ok_and(|value| self.holds(&value))
    }

    fn holds(&self, value: &Value) -> bool {
        match self {
            Self::Any(parts) => parts.iter().any(|part| part.holds(value)),
            Self::All(parts) => parts.iter().all(|part| part.holds(value)),
            Self::Condition(path, test) => {
                let mut found = vec![value];
                for step in path {
                    found = found.into_iter().flat_map(|value| step.from(value)).collect();
                }
                test.holds(&found)
            }
        }
    }
}

impl Step {
    fn from<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match self {
            Self::Member(name) => value.get(name).into_iter().collect(),
            Self::Item(index) => value.get(index).into_iter().collect(),
            Self::EachItem => value.as_array().map(|items| items.iter().collect()).unwrap_or_default(),
        }
    }
}

impl Test {
    /// Whether it holds for what is at a path. A member that is not there compares with nothing.
    fn holds(&self, found: &[&Value]) -> bool {
        match self {
            Self::IsMissing => found.is_empty(),
            Self::Is(wanted) => found.contains(&wanted),
            Self::Compares(comparison) if comparison.is_inequality() => {
                !found.is_empty() && found.iter().all(|value| passes(comparison, value))
            }
            Self::Compares(comparison) => found.iter().any(|value| passes(comparison, value)),
        }
    }
}

fn passes(comparison: &Comparison, value: &Value) -> bool {
    match value {
        Value::String(text) => comparison.passes(text),
        Value::Number(_) | Value::Bool(_) => comparison.passes(&value.to_string()),
        _ => false,
    }
}

/// `$.a.b[0]["c"]`
fn path(rest: &mut Rest<'_>) -> Result<Vec<Step>, Invalid> {
    rest.expect("$")?;
    let mut steps = Vec::new();
    loop {
        if rest.0.starts_with('.') {
            rest.0 = &rest.0[1..];
            let name = rest.take_while(|letter| !letter.is_whitespace() && !".[]=!<>(){}&|".contains(letter));
            match name {
                // `$.[0]` is another way to say `$[0]`.
                "" if rest.0.starts_with('[') => {}
                "" => return Err(Invalid),
                name => steps.push(Step::Member(name.to_owned())),
            }
        } else if rest.0.starts_with('[') {
            rest.0 = &rest.0[1..];
            steps.push(index(rest)?);
            rest.expect("]")?;
        } else {
            return if steps.is_empty() { Err(Invalid) } else { Ok(steps) };
        }
    }
}

fn index(rest: &mut Rest<'_>) -> Result<Step, Invalid> {
    rest.skip_space();
    match rest.0.chars().next() {
        Some('*') => {
            rest.0 = &rest.0[1..];
            Ok(Step::EachItem)
        }
        Some(mark @ ('"' | '\'')) => rest.take_quoted(mark).map(Step::Member),
        _ => rest.take_while(|letter| letter.is_ascii_digit()).parse().map(Step::Item).map_err(|_| Invalid),
    }
}

fn test(rest: &mut Rest<'_>) -> Result<Test, Invalid> {
    if rest.take("IS") {
        for (word, value) in [("NULL", Value::Null), ("TRUE", Value::Bool(true)), ("FALSE", Value::Bool(false))] {
            if rest.take(word) {
                return Ok(Test::Is(value));
            }
        }
        return Err(Invalid);
    }

    if rest.take("NOT") {
        return rest.expect("EXISTS").map(|()| Test::IsMissing);
    }
    Comparison::parse(rest).map(Test::Compares)
}
