//! Versions and qualifiers of a function.

use std::fmt;

use super::names::AliasName;

/// A version of a function: `$LATEST`, `$LATEST.PUBLISHED` or a number from 1. `$LATEST` sorts first, as AWS
/// lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// The one that can change.
    Latest,
    /// The one that is published again and again, of functions of managed instances.
    LatestPublished,
    /// A published one.
    Number(u64),
}

impl Version {
    /// Reads `$LATEST`, `$LATEST.PUBLISHED` or a number.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "$LATEST" {
            return Some(Self::Latest);
        }
        if text == "$LATEST.PUBLISHED" {
            return Some(Self::LatestPublished);
        }
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // A number beyond u64 names no version that could exist; u64::MAX stands for it.
        digits.then(|| Self::Number(text.parse().unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("$LATEST"),
            Self::LatestPublished => f.write_str("$LATEST.PUBLISHED"),
            Self::Number(number) => fmt::Display::fmt(number, f),
        }
    }
}

/// What a caller names after the function: a version or an alias.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Qualifier {
    /// A version.
    Version(Version),
    /// An alias.
    Alias(AliasName),
}

impl Qualifier {
    /// Reads a qualifier: what is no version is the name of an alias.
    pub fn parse(text: &str) -> Self {
        match Version::parse(text) {
            Some(version) => Self::Version(version),
            None => Self::Alias(text.into()),
        }
    }
}

impl fmt::Display for Qualifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => fmt::Display::fmt(version, f),
            Self::Alias(name) => fmt::Display::fmt(name, f),
        }
    }
}
