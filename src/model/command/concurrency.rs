//! Commands about reserved and provisioned concurrency, and scaling.

/// A wish to change reserved and provisioned concurrency, and scaling.
#[derive(Debug, Clone, PartialEq)]
pub enum ConcurrencyCommand {}
