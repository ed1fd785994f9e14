//! Commands about event-invoke configurations.

/// A wish to change event-invoke configurations.
#[derive(Debug, Clone, PartialEq)]
pub enum EventInvokeCommand {}
