//! Commands about event source mappings.

/// A wish to change event source mappings.
#[derive(Debug, Clone, PartialEq)]
pub enum EventSourceCommand {}
