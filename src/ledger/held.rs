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

    /// Holds some blobs for a while.
    pub fn hold_all(&self, ids: impl IntoIterator<Item = BlobId>) {
        let until = Instant::now() + HOLD;
        self.lock().extend(ids.into_iter().map(|id| (id, until)));
    }

    /// What is held: nobody can begin to hold a blob as long as this lives.
    pub fn frozen(&self) -> Frozen<'_> {
        Frozen(self.lock())
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

/// The blobs that are held, and no more of them.
#[derive(Debug)]
pub struct Frozen<'a>(MutexGuard<'a, HashMap<BlobId, Instant>>);

impl Frozen<'_> {
    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = BlobId> + '_ {
        let now = Instant::now();
        self.0.iter().filter(move |(_, until)| now < **until).map(|(id, _)| *id)
    }
}
