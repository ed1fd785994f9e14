//! A budget on disk: the lines of the streams that wrote least recently go first.

use std::cmp::Reverse;

use super::store::Store;
use super::{Budget, Limits};
use crate::model::logs::LogPlace;

/// What of the budget is left to live lines when some are removed, in tenths: else the next line would remove some again.
const KEPT: u64 = 9;

impl Store {
    /// Sets the bytes of disk that all lines may take, and keeps to them.
    pub fn set_budget(&mut self, budget: Budget) {
        self.budget = Some(budget);
        self.limits = Limits::within(budget.bytes);
        self.keep_budget();
    }

    /// Removes lines where the budget is exceeded.
    pub fn keep_budget(&mut self) {
        let Some(Budget { bytes: budget, option }) = self.budget else { return };
        // The open segment grows until this is asked again.
        let allowed = budget.saturating_sub(self.limits.open);
        let (disk, dead) = self.index.disk();
        if disk <= allowed {
            return;
        }

        if !std::mem::replace(&mut self.over_budget, true) {
            tracing::warn!(
                budget,
                "lines take more disk than {option}: those of the streams that wrote least recently are removed; this is said once"
            );
        }

        for (place, before_ms) in self.oldest(disk.saturating_sub(dead).saturating_sub(allowed / 10 * KEPT)) {
            if let Err(error) = self.cut(place, before_ms) {
                tracing::warn!(%error, "lines could not be removed for {option}");
                return;
            }
        }

        self.free(allowed, option);
    }

    /// Which lines have `excess` bytes, and wrote least recently: of each stream the time before which.
    fn oldest(&self, mut excess: u64) -> Vec<(LogPlace, u64)> {
        let last = |place: &LogPlace| self.index.counters(*place).map_or(0, |counters| counters.last_ms);
        let mut streams: Vec<_> = self.index.streams.keys().map(|place| (last(place), *place)).collect();
        streams.sort_unstable();
        let mut cuts = Vec::new();

        for (_, place) in streams {
            let mut parts: Vec<_> = self.index.streams[&place].iter().map(|part| part.run).collect();
            parts.sort_by_key(|run| run.last_ms);
            let mut before_ms = 0;
            for run in parts {
                if excess == 0 {
                    break;
                }
                before_ms = run.last_ms.saturating_add(1);
                excess = excess.saturating_sub(run.length);
            }
            if before_ms > 0 {
                cuts.push((place, before_ms));
            }
            if excess == 0 {
                break;
            }
        }

        cuts
    }

    /// Writes segments anew, those first of which most is gone, until all have no more bytes than allowed.
    fn free(&mut self, allowed: u64, option: &str) {
        while self.index.disk().0 > allowed {
            let shelves = self.index.shelves.iter().filter(|(_, shelf)| shelf.dead > 0);
            let Some((id, _)) = shelves.min_by_key(|(_, shelf)| Reverse(shelf.dead)) else { return };
            let id = *id;
            let done = if id == self.open_id() { self.begin_next() } else { Ok(()) };
            if let Err(error) = done.and_then(|()| self.rewrite(&[id])) {
                tracing::warn!(%error, "disk could not be freed for {option}; it is tried again");
                return;
            }
        }
    }
}
