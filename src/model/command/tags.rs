//! Commands about tags of functions.

/// A wish to change tags of functions.
#[derive(Debug, Clone, PartialEq)]
pub enum TagCommand {}
