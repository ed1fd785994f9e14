//! What reads a broker for a mapping.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::current::Current;
use super::results::Results;
use crate::invoke::Invoker;
use crate::upstream::Upstream;

/// What reads a broker for a mapping.
#[derive(Debug, Clone)]
pub struct BrokerReader {
    /// The mapping.
    pub current: Current,
    /// Where brokers and secrets are.
    pub upstream: Arc<Upstream>,
    /// Runs the function.
    pub invoker: Arc<Invoker>,
    /// What is told of the mapping.
    pub results: Arc<Results>,
    /// The server ends.
    pub stop: CancellationToken,
}
