//! Commands about roles and policies of the IAM neighbour.

/// A wish to change roles and policies of the IAM neighbour.
#[derive(Debug, Clone, PartialEq)]
pub enum IamCommand {}
