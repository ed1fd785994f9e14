//! Commands about capacity providers.

/// A wish to change capacity providers.
#[derive(Debug, Clone, PartialEq)]
pub enum CapacityProviderCommand {}
