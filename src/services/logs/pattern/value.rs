//! Values that members and words are compared with.

use super::{Invalid, Rest};

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// A comparison with a value.
#[derive(Debug)]
pub struct Comparison {
    operator: Operator,
    value: Value,
}

#[derive(Debug)]
enum Value {
    /// A number, and as it is written.
    Number(f64, String),
    /// A text in which each `*` stands for any text.
    Text(String),
    /// A regular expression.
    Regex(fancy_regex::Regex),
}

impl Comparison {
    /// Reads operator and value. Only numbers have an order.
    pub(super) fn parse(rest: &mut Rest<'_>) -> Result<Self, Invalid> {
        let operator = operator(rest)?;
        let value = Value::parse(rest)?;
        let ordered = !matches!(operator, Operator::Equal | Operator::NotEqual);
        if ordered && !matches!(value, Value::Number(..)) {
            return Err(Invalid);
        }
        Ok(Self { operator, value })
    }

    /// Whether a text, which may be a number, passes.
    pub fn passes(&self, text: &str) -> bool {
        match self.operator {
            Operator::Equal => self.value.equals(text),
            Operator::NotEqual => !self.value.equals(text),
            operator => match (&self.value, text.parse::<f64>()) {
                (Value::Number(wanted, _), Ok(found)) => match operator {
                    Operator::Less => found < *wanted,
                    Operator::LessOrEqual => found <= *wanted,
                    Operator::Greater => found > *wanted,
                    _ => found >= *wanted,
                },
                _ => false,
            },
        }
    }

    /// Whether it asks for inequality: of several members none may be equal.
    pub fn is_inequality(&self) -> bool {
        self.operator == Operator::NotEqual
    }
}

fn operator(rest: &mut Rest<'_>) -> Result<Operator, Invalid> {
    for (text, operator) in [
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("=", Operator::Equal),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ] {
        if rest.take(text) {
            return Ok(operator);
        }
    }
    Err(Invalid)
}

impl Value {
    fn parse(rest: &mut Rest<'_>) -> Result<Self, Invalid> {
        rest.skip_space();
        if rest.0.starts_with('"') {
            return rest.take_quoted('"').map(Self::Text);
        }
        if rest.0.starts_with('%') {
            return regex(&rest.take_quoted('%')?).map(Self::Regex);
        }
        let word = rest.take_while(|letter| !letter.is_whitespace() && !"(){}[],&|\"".contains(letter));

        match word.parse::<f64>() {
            _ if word.is_empty() => Err(Invalid),
            Ok(number) if number.is_finite() => Ok(Self::Number(number, word.to_owned())),
            _ => Ok(Self::Text(word.to_owned())),
        }
    }

    fn equals(&self, text: &str) -> bool {
        match self {
            // Exactly equal is what is asked for.
            #[allow(clippy::float_cmp)]
            Self::Number(number, written) => text == written || text.parse() == Ok(*number),
            Self::Text(pattern) => is_like(text, pattern),
            Self::Regex(regex) => regex.is_match(text).unwrap_or(false),
        }
    }
}

/// A regular expression in AWS's narrow syntax: without groups, and of one byte a letter.
pub fn regex(text: &str) -> Result<fancy_regex::Regex, Invalid> {
    if !text.is_ascii() || text.contains(['(', ')']) {
        return Err(Invalid);
    }
    fancy_regex::Regex::new(text).map_err(|_| Invalid)
}

/// Whether a text is a pattern in which each `*` stands for any text.
fn is_like(text: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return text == pattern };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();

    for part in parts {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }

    text.ends_with(end)
}
