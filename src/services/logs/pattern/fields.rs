//! Conditions on the words of a line, by their place: `[ip, user, status = 4*]`.

use super::value::Comparison;
use super::{Invalid, Rest};

/// Fields of a line.
#[derive(Debug)]
pub struct Fields {
    /// Those at the beginning; all of them where there is no ellipsis.
    first: Vec<Field>,
    /// Those at the end, behind an ellipsis.
    last: Option<Vec<Field>>,
}

/// One field: one of these conditions, each of which is all of its comparisons. Without any it is anything.
#[derive(Debug)]
struct Field(Vec<Vec<Comparison>>);

impl Fields {
    /// Reads `[ … ]`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let mut rest = Rest(text);
        rest.expect("[")?;
        let mut first = Vec::new();
        let mut last = None;

        loop {
            if rest.take("...") {
                if last.replace(Vec::new()).is_some() {
                    return Err(Invalid);
                }
            } else {
                last.as_mut().unwrap_or(&mut first).push(Field::parse(&mut rest)?);
            }
            if !rest.take(",") {
                break;
            }
        }

        rest.expect("]")?;
        rest.skip_space();
        if rest.0.is_empty() { Ok(Self { first, last }) } else { Err(Invalid) }
    }

    /// Whether the words of a line fulfil the conditions.
    pub fn matches(&self, line: &str) -> bool {
        let words = words(line);
        let fits = |fields: &[Field], words: &[&str]| fields.iter().zip(words).all(|(field, word)| field.holds(word));
        match &self.last {
            None => words.len() == self.first.len() && fits(&self.first, &words),
            Some(last) => {
                words.len() >= self.first.len() + last.len()
                    && fits(&self.first, &words)
                    && fits(last, &words[words.len() - last.len()..])
            }
        }
    }
}

impl Field {
    fn parse(rest: &mut Rest<'_>) -> Result<Self, Invalid> {
        let name = name(rest)?;
        rest.skip_space();
        if rest.0.starts_with([',', ']']) {
            return Ok(Self(Vec::new()));
        }
        let mut conditions = vec![vec![Comparison::parse(rest)?]];

        loop {
            let or = rest.take("||");
            let and = rest.take("&&");
            if !or && !and {
                return Ok(Self(conditions));
            }
            // Each condition of a field names it again.
            if self::name(rest)? != name {
                return Err(Invalid);
            }
            let comparison = Comparison::parse(rest)?;
            match conditions.last_mut().filter(|_| and) {
                Some(condition) => condition.push(comparison),
                None => conditions.push(vec![comparison]),
            }
        }
    }

    fn holds(&self, word: &str) -> bool {
        let holds = |condition: &Vec<Comparison>| condition.iter().all(|comparison| comparison.passes(word));
        self.0.is_empty() || self.0.iter().any(holds)
    }
}

fn name<'a>(rest: &mut Rest<'a>) -> Result<&'a str, Invalid> {
    rest.skip_space();
    let name = rest.take_while(|letter| letter.is_alphanumeric() || letter == '_' || letter == '-');
    if name.is_empty() { Err(Invalid) } else { Ok(name) }
}

/// The words of a line. What stands in quotation marks or square brackets is one.
fn words(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let closing = match rest.chars().next() {
            Some('"') => Some('"'),
            Some('[') => Some(']'),
            _ => None,
        };
        let quoted = closing.and_then(|closing| rest[1..].find(closing).map(|end| (&rest[1..=end], end + 2)));
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (word, length) = quoted.unwrap_or((&rest[..end], end));
        words.push(word);
        rest = rest[length..].trim_start();
    }

    words
}
