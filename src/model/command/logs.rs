//! Commands about log groups and streams of the Logs neighbour.

/// A wish to change log groups and streams of the Logs neighbour.
#[derive(Debug, Clone, PartialEq)]
pub enum LogsCommand {}
