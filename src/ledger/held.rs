//! Blobs that requests on their way need: stored, or found stored, but not yet named by an event; and those of states of
//! the past that may be about to come back.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::model::blob::BlobId;
use crate::model::state::State;

/// How long a request may take from its blob to its event.
const HOLD: Duration = Duration::from_secs(15 * 60);

/// States at most whose blobs are not named one by one.
const STATES: usize = 16;

/// What is held.
#[derive(Debug, Default)]
pub struct Held(Mutex<Holding>);

/// Blobs and states, with the time until when each is held.
#[derive(Debug, Default)]
struct Holding {
    blobs: HashMap<BlobId, Instant>,
    /// By their sequences: a rewind must not take longer the more functions there are, and only who removes blobs has to
    /// know which these have.
    states: BTreeMap<u64, (Arc<State>, Instant)>,
}

impl Holding {
    /// Names the blobs of the states.
    fn name_blobs(&mut self) {
        for (state, until) in std::mem::take(&mut self.states).into_values() {
            self.blobs.extend(state.resources().flat_map(|resource| resource.blobs()).map(|id| (id, until)));
        }
    }
}

impl Held {
    /// Holds a blob for a while. To be called before looking whether it is in the store.
    pub fn hold(&self, id: BlobId) {
        self.lock().blobs.insert(id, Instant::now() + HOLD);
    }

    /// Holds the blobs of a state for a while.
    pub fn hold_state(&self, state: &Arc<State>) {
        let mut held = self.lock();
        let now = Instant::now();
        held.states.retain(|_, (_, until)| now < *until);
        held.states.insert(state.sequence, (Arc::clone(state), now + HOLD));
        if held.states.len() > STATES {
            held.name_blobs();
        }
    }

    /// What is held: nobody can begin to hold a blob as long as this lives.
    pub fn frozen(&self) -> Frozen<'_> {
        Frozen(self.named())
    }

    /// Whether a blob is held.
    pub fn contains(&self, id: &BlobId) -> bool {
        self.named().blobs.get(id).is_some_and(|until| Instant::now() < *until)
    }

    /// Removes a blob, by `remove`, unless it is held; nobody can begin to hold it meanwhile. Whether it was.
    pub fn unless_held<E>(&self, id: &BlobId, remove: impl FnOnce() -> Result<(), E>) -> Result<bool, E> {
        let mut held = self.named();
        let now = Instant::now();
        held.blobs.retain(|_, until| now < *until);
        if held.blobs.contains_key(id) {
            return Ok(false);
        }
        remove().map(|()| true)
    }

    /// All that is held, each blob by its name.
    fn named(&self) -> MutexGuard<'_, Holding> {
        let mut held = self.lock();
        held.name_blobs();
        held
    }

    fn lock(&self) -> MutexGuard<'_, Holding> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The blobs that are held, and no more of them.
#[derive(Debug)]
pub struct Frozen<'a>(MutexGuard<'a, Holding>);

impl Frozen<'_> {
    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = BlobId> + '_ {
        let now = Instant::now();
        self.0.blobs.iter().filter(move |(_, until)| now < **until).map(|(id, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use imbl::OrdMap;

    use super::*;
    use crate::model::layers::{Layer, LayerVersion};
    use crate::model::names::{LayerKey, Scope};
    use crate::model::time::Timestamp;

    /// A state with a layer of one version.
    fn state(sequence: u64, blob: BlobId) -> Arc<State> {
        let version = LayerVersion {
            number: 1,
            description: String::new(),
            license: None,
            runtimes: None,
            architectures: None,
            blob,
            size: 1,
            created: Timestamp::default(),
            policy: None,
            folder: None,
        };
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        let key = LayerKey { scope, name: "l".into() };
        let layer = Layer { versions: OrdMap::unit(1, Arc::new(version)), last_version: 1 };
        Arc::new(State { sequence, layers: OrdMap::unit(key, Arc::new(layer)), ..State::default() })
    }

    #[test]
    fn the_blobs_of_states_are_held_however_many_there_are() {
        let held = Held::default();
        let ids: Vec<_> = (1..=u8::try_from(STATES + 2).expect("few")).map(|byte| BlobId([byte; 32])).collect();
        for (sequence, id) in (1..).zip(&ids) {
            held.hold_state(&state(sequence, *id));
        }
        let mut all: Vec<_> = held.frozen().all().collect();
        all.sort();
        assert_eq!(all, ids);
        assert_eq!(held.unless_held(&ids[0], || Err::<(), _>("removed")), Ok(false));
        assert!(held.contains(&ids[1]) && !held.contains(&BlobId([0; 32])));
        assert_eq!(held.unless_held(&BlobId([0; 32]), || Ok::<_, ()>(())), Ok(true));
    }
}
