//! Connections that rest: nothing is asked on them. Where a door is crowded, the one that has rested longest goes.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// The connections of a door that rest, in the order in which they began to.
#[derive(Debug, Default)]
pub(super) struct Resting(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    next: u64,
    resting: BTreeMap<u64, CancellationToken>,
}

impl Resting {
    /// A connection begins to rest; what ends it is given. Its place in the order.
    pub fn rest(&self, leave: CancellationToken) -> u64 {
        let mut places = self.places();
        places.next += 1;
        let place = places.next;
        places.resting.insert(place, leave);
        place
    }

    /// One rests no longer.
    pub fn wake(&self, place: u64) {
        self.places().resting.remove(&place);
    }

    /// Ends the connection that has rested longest, if one rests.
    pub fn end_one(&self) {
        let ended = self.places().resting.pop_first();
        if let Some((_, leave)) = ended {
            leave.cancel();
        }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_rested_longest_goes() {
        let resting = Resting::default();
        let tokens: Vec<_> = (0..3).map(|_| CancellationToken::new()).collect();
        let places: Vec<_> = tokens.iter().map(|token| resting.rest(token.clone())).collect();
        resting.wake(places[0]);
        resting.rest(tokens[0].clone());

        resting.end_one();
        assert_eq!(tokens.iter().map(CancellationToken::is_cancelled).collect::<Vec<_>>(), [false, true, false]);
        (0..3).for_each(|_| resting.end_one());
        assert!(tokens.iter().all(CancellationToken::is_cancelled));
    }
}
