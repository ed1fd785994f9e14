//! Terms in a text: `ERROR "not found" -DEBUG`, or `?ERROR ?WARN`.

use super::value::regex;
use super::{Invalid, Rest};

/// Terms that a line has, or has not.
#[derive(Debug, Default)]
pub struct Terms {
    /// All of these.
    included: Vec<Term>,
    /// One of these. Beside other terms they are ignored, as AWS's documentation says.
    optional: Vec<Term>,
    /// None of these.
    excluded: Vec<Term>,
}

#[derive(Debug)]
enum Term {
    Text(String),
    Regex(fancy_regex::Regex),
}

impl Terms {
    /// Reads terms. AWS refuses letters other than alphanumeric ones outside of quotation marks; which of them, its
    /// documentation leaves open, and so they are taken as they are.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let mut terms = Self::default();
        let mut rest = Rest(text);
        loop {
            rest.skip_space();
            let kind = match rest.0.chars().next() {
                None => return Ok(terms),
                Some('?') => &mut terms.optional,
                Some('-') => &mut terms.excluded,
                Some(_) => &mut terms.included,
            };
            rest.0 = rest.0.strip_prefix(['?', '-']).unwrap_or(rest.0);
            kind.push(Term::parse(&mut rest)?);
        }
    }

    /// Whether a line has them.
    pub fn matches(&self, line: &str) -> bool {
        let is_alone = self.included.is_empty() && self.excluded.is_empty();
        self.included.iter().all(|term| term.is_in(line))
            && !self.excluded.iter().any(|term| term.is_in(line))
            && (!is_alone || self.optional.iter().any(|term| term.is_in(line)))
    }
}

impl Term {
    fn parse(rest: &mut Rest<'_>) -> Result<Self, Invalid> {
        if rest.0.starts_with('"') {
            return rest.take_quoted('"').map(Self::Text);
        }
        if rest.0.starts_with('%') {
            return regex(&rest.take_quoted('%')?).map(Self::Regex);
        }
        let word = rest.take_while(|letter| !letter.is_whitespace());
        if word.is_empty() { Err(Invalid) } else { Ok(Self::Text(word.to_owned())) }
    }

    fn is_in(&self, line: &str) -> bool {
        match self {
            Self::Text(text) => line.contains(text),
            Self::Regex(regex) => regex.is_match(line.trim_end_matches('\n')).unwrap_or(false),
        }
    }
}
