//! Patterns that choose resources: an ARN or `kind:name`, with `*` for any letters.

use std::fmt;

use super::resource::{ResourceKey, ResourceKind};

/// A choice of resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResourcePattern {
    /// By ARN.
    Arn(String),
    /// By kind and name.
    Named(ResourceKind, String),
}

impl ResourcePattern {
    /// Reads a pattern: `arn:…` or `kind:name`.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with("arn:") {
            return Ok(Self::Arn(text.to_owned()));
        }
        let named = text.split_once(':').filter(|(_, name)| !name.is_empty());
        let (kind, name) = named.ok_or_else(|| {
            format!("`{text}` chooses no resource: write an ARN or kind:name, such as function:orders*")
        })?;
        Ok(Self::Named(kind_named(kind)?, name.to_owned()))
    }

    /// Whether it chooses a resource.
    pub fn matches(&self, key: &ResourceKey) -> bool {
        match self {
            Self::Arn(pattern) => is_like(&key.arn(), pattern),
            Self::Named(kind, pattern) => *kind == key.kind() && is_like(&key.name(), pattern),
        }
    }
}

impl fmt::Display for ResourcePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arn(pattern) => f.write_str(pattern),
            Self::Named(kind, pattern) => write!(f, "{}:{pattern}", kind.name()),
        }
    }
}

/// The kind of a name.
///
/// # Errors
/// There is none; the names there are.
pub fn kind_named(name: &str) -> Result<ResourceKind, String> {
    let found = ResourceKind::ALL.iter().find(|kind| kind.name() == name);
    found.copied().ok_or_else(|| {
        let names: Vec<_> = ResourceKind::ALL.iter().map(|kind| kind.name()).collect();
        format!("there is no kind of resource `{name}`; there are {}", names.join(", "))
    })
}

/// Whether a text is what a pattern says, with `*` for any letters, also none.
pub fn is_like(text: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return text == pattern };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let Some((middle, end)) = rest.rsplit_once('*') else { return text.ends_with(rest) };
    for part in middle.split('*') {
        // The first place is the best: it leaves the most for the parts behind it.
        let Some(place) = text.find(part) else { return false };
        text = &text[place + part.len()..];
    }

    text.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_letters() {
        for (pattern, fits, other) in [
            ("orders", "orders", "orders2"),
            ("orders*", "orders", "order"),
            ("*ers", "orders", "orders2"),
            ("o*s", "orders", "orderst"),
            ("a*b*c", "aXbYc", "aXcYb"),
            ("ab*ba", "abba", "aba"),
            ("*x*y*", "1x2y3", "1y2x3"),
        ] {
            assert!(is_like(fits, pattern), "{pattern} {fits}");
            assert!(!is_like(other, pattern), "{pattern} {other}");
        }
    }

    #[test]
    fn what_chooses_nothing_is_refused() {
        for text in ["", "orders", "function:", "lambda:x"] {
            assert!(ResourcePattern::parse(text).is_err(), "{text}");
        }
        let read = ResourcePattern::parse("log-stream:/aws/x:y*");
        assert_eq!(read, Ok(ResourcePattern::Named(ResourceKind::LogStream, "/aws/x:y*".into())));
    }
}
