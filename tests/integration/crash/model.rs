//! What a client knows of a function, in plain maps.

use std::collections::BTreeMap;

/// What a version is known by: the digest of its code, and its description.
pub type Content = (String, String);

/// A function as acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// `$LATEST`.
    pub latest: Content,
    /// Published versions.
    pub versions: BTreeMap<u64, Content>,
    /// The number given last.
    pub last: u64,
    /// Aliases and the versions they point at.
    pub aliases: BTreeMap<String, u64>,
}

impl Function {
    /// A new one.
    pub fn new(digest: &str) -> Self {
        Self {
            latest: (digest.to_owned(), String::new()),
            versions: BTreeMap::new(),
            last: 0,
            aliases: BTreeMap::new(),
        }
    }

    /// Publishes `$LATEST`, unless it is the last version already.
    pub fn publish(&mut self) {
        if self.versions.get(&self.last) != Some(&self.latest) {
            self.last += 1;
            self.versions.insert(self.last, self.latest.clone());
        }
    }

    /// Whether `seen` shows this function; the last number is not shown.
    pub fn is(&self, seen: &Self) -> bool {
        (&self.latest, &self.versions, &self.aliases) == (&seen.latest, &seen.versions, &seen.aliases)
    }
}

/// All functions of a client by name.
pub type Functions = BTreeMap<String, Function>;
