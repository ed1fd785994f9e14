//! Blobs that requests on their way need: stored, or found stored, but not yet named by an event.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::model::blob::BlobId;

/// How long a request may take from its blob to its event.
const HOLD: Duration = Duration::from_secs(15 * 60);

/// The blobs, with the time until when each is held.
#[derive(Debug, Default)]
pub struct Held(Mutex<HashMap<BlobId, Instant>>);

impl Held {
    /// Holds a blob for a while. To be called before looking whether it is in the store.
    pub fn hold(&self, id: BlobId) {
        self.lock().insert(id, Instant::now() + HOLD);
    }

    /// All blobs that are held.
    pub fn all(&self) -> Vec<BlobId> {
        let now = Instant::now();
        self.lock().iter().filter(|(_, until)| now < **until).map(|(id, _)| *id).collect()
    }

    /// Whether a blob is held.
    pub fn contains(&self, id: &BlobId) -> bool {
        self.lock().get(id).is_some_and(|until| Instant::now() < *until)
    }

    /// Removes a blob, by `remove`, unless it is held; nobody can begin to hold it meanwhile. Whether it was.
    pub fn unless_held<E>(&self, id: &BlobId, remove: impl FnOnce() -> Result<(), E>) -> Result<bool, E> {
        let mut held = self.lock();
        let now = Instant::now();
        held.retain(|_, until| now < *until);
        if held.contains_key(id) {
            return Ok(false);
        }
        remove().map(|()| true)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BlobId, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
