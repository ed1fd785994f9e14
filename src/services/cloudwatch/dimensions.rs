//! Which part of what ran a metric is about.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>

use serde::{Deserialize, Serialize};

use crate::invoke::metrics::Ran;
use crate::model::qualifier::Qualifier;

/// A dimension.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Dimension {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl Dimension {
    fn new(name: &str, value: impl Into<String>) -> Self {
        Self { name: name.to_owned(), value: value.into() }
    }
}

/// What a metric is about: all functions, a function, what it was named as, and the version that an alias led to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Part {
    /// `FunctionName`.
    pub function: Option<String>,
    /// `Resource`: the function as it was named, with its version or alias.
    resource: Option<String>,
    /// `ExecutedVersion`.
    executed: Option<String>,
}

impl Part {
    /// The part that dimensions name; `None` where Lambda has no metrics of such.
    pub fn of(dimensions: &[Dimension]) -> Option<Self> {
        let mut part = Self::default();
        for Dimension { name, value } in dimensions {
            let place = match name.as_str() {
                "FunctionName" => &mut part.function,
                "Resource" => &mut part.resource,
                "ExecutedVersion" => &mut part.executed,
                _ => return None,
            };
            if place.replace(value.clone()).is_some() {
                return None;
            }
        }

        let goes_down = (part.function.is_some() || part.resource.is_none())
            && (part.resource.is_some() || part.executed.is_none());
        goes_down.then_some(part)
    }

    /// All parts that a run of a function belongs to, the largest first.
    pub fn around(function: &str, ran: &Ran) -> Vec<Self> {
        let of_function = Self { function: Some(function.to_owned()), ..Self::default() };
        let resource =
            ran.qualifier.as_ref().map_or_else(|| function.to_owned(), |named| format!("{function}:{named}"));
        let of_resource = Self { resource: Some(resource), ..of_function.clone() };
        let mut parts = vec![Self::default(), of_function, of_resource.clone()];
        if let Some(Qualifier::Alias(_)) = ran.qualifier {
            parts.push(Self { executed: Some(ran.version.to_string()), ..of_resource });
        }
        parts
    }

    /// Whether a run of a function belongs to it.
    pub fn has(&self, function: &str, ran: &Ran) -> bool {
        Self::around(function, ran).contains(self)
    }

    /// It as dimensions.
    pub fn dimensions(&self) -> Vec<Dimension> {
        let named =
            [("FunctionName", &self.function), ("Resource", &self.resource), ("ExecutedVersion", &self.executed)];
        named.into_iter().filter_map(|(name, value)| Some(Dimension::new(name, value.as_ref()?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::qualifier::Version;

    #[test]
    fn dimensions_name_a_part() {
        let named = |pairs: &[(&str, &str)]| {
            let dimensions: Vec<_> = pairs.iter().map(|(name, value)| Dimension::new(name, *value)).collect();
            Part::of(&dimensions)
        };
        let alias = Ran { qualifier: Some(Qualifier::Alias("live".into())), version: Version::Number(3) };
        let plain = Ran { qualifier: None, version: Version::Latest };
        for (pairs, of_alias, of_plain) in [
            (&[][..], true, true),
            (&[("FunctionName", "f")], true, true),
            (&[("FunctionName", "g")], false, false),
            (&[("FunctionName", "f"), ("Resource", "f:live")], true, false),
            (&[("Resource", "f"), ("FunctionName", "f")], false, true),
            (&[("FunctionName", "f"), ("Resource", "f:live"), ("ExecutedVersion", "3")], true, false),
            (&[("FunctionName", "f"), ("Resource", "f:live"), ("ExecutedVersion", "2")], false, false),
        ] {
            let part = named(pairs).expect("a part");
            assert_eq!((part.has("f", &alias), part.has("f", &plain)), (of_alias, of_plain), "{pairs:?}");
        }

        assert_eq!(named(&[("Resource", "f")]), None);
        assert_eq!(named(&[("FunctionName", "f"), ("Colour", "red")]), None);
        assert_eq!(named(&[("FunctionName", "f"), ("FunctionName", "f")]), None);
    }
}
