//! Commands about resource-based policies of functions.

/// A wish to change resource-based policies of functions.
#[derive(Debug, Clone, PartialEq)]
pub enum PolicyCommand {}
