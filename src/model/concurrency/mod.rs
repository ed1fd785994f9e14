//! Reserved and provisioned concurrency, and the scaling of managed instances.

pub mod command;
pub mod decide;
pub mod event;

use super::names::RevisionId;
use super::time::Timestamp;

/// A provisioned concurrency configuration of one version or alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvisionedConcurrency {
    /// Environments that were asked for.
    pub requested: u32,
    /// Environments that are allocated.
    pub allocated: u32,
    /// How far the allocation is.
    pub status: ProvisionedStatus,
    /// When it was last put.
    pub modified: Timestamp,
    /// Names this allocation: a later one has another, so that what settles an old one is not mistaken.
    pub allocation: RevisionId,
}

/// `Status` of a provisioned concurrency configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProvisionedStatus {
    /// Being allocated.
    InProgress,
    /// Allocated.
    Ready,
    /// Cannot be allocated, and why.
    Failed(String),
}

/// `FunctionScalingConfig` of one version of a function on managed instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scaling {
    /// Environments at least.
    pub least: Option<u32>,
    /// Environments at most.
    pub most: Option<u32>,
}
