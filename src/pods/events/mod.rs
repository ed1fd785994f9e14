//! Events that wait, in pods: written into one (`write`), read from one, which believes nothing (`read`), and taken into
//! a store (`bring`).

pub mod bring;
pub mod read;
pub mod write;

use bytes::Bytes;

use crate::runs::{Attempts, WaitingEvent};

/// An event that waited in the store that a pod is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodEvent {
    /// The event. Its times are those of that store.
    pub event: WaitingEvent,
    /// How often it was tried there.
    pub attempts: Attempts,
    /// Its payload.
    pub payload: Bytes,
}
