//! Commands about layers and their policies.

/// A wish to change layers and their policies.
#[derive(Debug, Clone, PartialEq)]
pub enum LayerCommand {}
