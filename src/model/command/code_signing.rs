//! Commands about code-signing configurations and what they are attached to.

/// A wish to change code-signing configurations and what they are attached to.
#[derive(Debug, Clone, PartialEq)]
pub enum CodeSigningCommand {}
