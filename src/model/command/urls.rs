//! Commands about function URLs.

/// A wish to change function URLs.
#[derive(Debug, Clone, PartialEq)]
pub enum UrlCommand {}
