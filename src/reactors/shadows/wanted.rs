//! What of a function its shadow has, and how a shadow is told from somebody's own function.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::model::functions::Function;
use crate::model::qualifier::Version;

/// What a description has in it that is a shadow's.
const MARK: &str = "larder:shadow";

/// Seconds that a forwarder gets beside its function's own: an environment may have to start.
const ALLOWANCE_S: u32 = 20;

/// AWS's longest timeout, in seconds.
const LONGEST_S: u32 = 900;

/// What a shadow is to be like. Most changes of a function change nothing of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The forwarder's timeout.
    pub timeout_s: u32,
    /// The published versions.
    pub versions: BTreeSet<u64>,
    /// Aliases, each with its main version: shares are drawn here.
    pub aliases: BTreeMap<String, String>,
}

impl Wanted {
    /// What the shadow of a function is to be like; `None`: there is to be none. What came with a pod that nobody vouched
    /// for runs only when it is invoked here.
    pub fn of(function: &Function) -> Option<Self> {
        let config = &function.latest.config;
        let alias = |version: Version| match version {
            Version::Number(number) => number.to_string(),
            Version::Latest | Version::LatestPublished => Version::Latest.to_string(),
        };
        (!function.is_inert()).then(|| Self {
            timeout_s: config.timeout_s.saturating_add(ALLOWANCE_S).min(LONGEST_S),
            versions: function.versions.keys().copied().collect(),
            aliases: function.aliases.values().map(|found| (found.name.to_string(), alias(found.version))).collect(),
        })
    }
}

/// What a shadow's description says: every listing has it, unlike tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The store whose function it stands for.
    pub store: String,
    /// What it was made of.
    pub mark: String,
    /// The number that was published last: a change, without which no version is published.
    pub published: u64,
}

impl Description {
    /// Reads one; `None`: this is no shadow.
    pub fn read(text: &str) -> Option<Self> {
        let mut words = text.split_once(MARK)?.1.trim_end_matches(')').split_whitespace();
        let (store, mark) = (words.next()?.to_owned(), words.next()?.to_owned());
        Some(Self { store, mark, published: words.next()?.parse().ok()? })
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { store, mark, published } = self;
        write!(f, "Runs the function of this name in Larder ({MARK} {store} {mark} {published})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shadow_is_known_by_its_description() {
        let description = Description { store: "s-1".to_owned(), mark: "0a".to_owned(), published: 12 };
        assert_eq!(Description::read(&description.to_string()), Some(description));
        for other in ["", "Runs my orders", "larder:shadow", "larder:shadow s m x"] {
            assert_eq!(Description::read(other), None, "{other}");
        }
    }
}
