//! Patterns that choose resources: `function:orders*`, or an ARN, in which `*` stands for anything and `?` for one
//! character.

use std::fmt;
use std::str::FromStr;

use super::policy_document::wildcard;
use super::resource::{ResourceKey, ResourceKind};

/// Chooses resources by kind and name, or by ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourcePattern {
    text: String,
    /// Of a pattern of a name.
    kind: Option<ResourceKind>,
}

impl ResourcePattern {
    /// Whether it chooses the resource at a place.
    pub fn matches(&self, key: &ResourceKey) -> bool {
        match self.kind {
            Some(kind) => kind == key.kind() && wildcard(self.name().as_bytes(), key.name().as_bytes()),
            None => wildcard(self.text.as_bytes(), key.arn().as_bytes()),
        }
    }

    fn name(&self) -> &str {
        self.text.split_once(':').map_or(self.text.as_str(), |(_, name)| name)
    }
}

impl FromStr for ResourcePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("arn:") {
            return Ok(Self { text: text.to_owned(), kind: None });
        }
        let kinds = ResourceKind::ALL;
        let kind = text.split_once(':').and_then(|(kind, name)| {
            let kind = kinds.iter().find(|one| one.name() == kind)?;
            (!name.is_empty()).then_some(*kind)
        });
        match kind {
            Some(kind) => Ok(Self { text: text.to_owned(), kind: Some(kind) }),
            None => {
                let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
                Err(format!(
                    "`{text}` chooses no resource: write an ARN, or KIND:NAME with a kind of {}",
                    names.join(", ")
                ))
            }
        }
    }
}

impl fmt::Display for ResourcePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::names::{FunctionKey, Scope};

    #[test]
    fn kinds_names_and_arns_choose() {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        let key = ResourceKey::Function(FunctionKey { scope, name: "orders-eu".into() });
        let chooses = |text: &str| text.parse::<ResourcePattern>().map(|pattern| pattern.matches(&key));
        for text in ["function:orders*", "function:orders-eu", "function:*", "arn:aws:lambda:*:function:orders-??"] {
            assert_eq!(chooses(text), Ok(true), "{text}");
        }
        for text in ["function:order", "layer:*", "arn:aws:lambda:us-east-1:000000000000:function:orders"] {
            assert_eq!(chooses(text), Ok(false), "{text}");
        }
        for text in ["orders", "function:", "queue:x", ""] {
            assert!(chooses(text).is_err(), "{text}");
        }
    }
}
