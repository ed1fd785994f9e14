//! Events that wait, in pods: written into one (`write`), read from one, which believes nothing (`read`), and taken into
//! a store (`bring`).

pub mod bring;
pub mod read;
pub mod write;

use bytes::Bytes;

use super::lines::LinesPart;
use super::{EVENTS, MAX_LINES};
use crate::runs::{Attempts, WaitingEvent};

/// The part. A record of an invocation, which another function is invoked with, has what that one was given and answered.
const PART: LinesPart =
    LinesPart { path: EVENTS, most: 128 * 1024 * 1024, most_of_line: 32 * 1024 * 1024, most_lines: MAX_LINES };

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
