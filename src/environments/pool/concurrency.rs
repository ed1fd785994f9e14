//! Concurrent executions on demand: how many run, and how many may. What runs in a provisioned environment is
//! not counted: there are as many of those as were asked for, and the rest is what is left here.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard};

use super::error::RunError;
use crate::model::names::{FunctionKey, Scope};
use crate::model::state::State;

/// What runs now, counted.
#[derive(Debug, Default, Clone)]
pub struct Concurrency {
    counts: Arc<Mutex<Counts>>,
}

#[derive(Debug, Default)]
struct Counts {
    /// Of each function.
    functions: HashMap<FunctionKey, u32>,
    /// Of each account and region, without functions that have a reservation.
    unreserved: HashMap<Scope, u32>,
}

/// One concurrent execution, given back when dropped.
#[derive(Debug)]
pub struct Running {
    concurrency: Concurrency,
    function: FunctionKey,
    unreserved: bool,
}

impl Concurrency {
    /// Takes one of the function's reservation, or else one that nobody reserved or has provisioned of the
    /// `limit` that an account has in a region. `provisioned` environments of the function are there: what is
    /// reserved holds them.
    ///
    /// # Errors
    /// There is none left.
    pub fn enter(
        &self,
        state: &State,
        function: &FunctionKey,
        limit: u32,
        provisioned: u32,
    ) -> Result<Running, RunError> {
        let reserved = state.function(function).and_then(|function| function.reserved_concurrency);
        let mut counts = self.counts();
        if let Some(reserved) = reserved {
            let running = counts.functions.get(function).copied().unwrap_or(0);
            if running >= reserved.saturating_sub(provisioned) {
                return Err(RunError::Reserved(reserved));
            }
        } else {
            let taken = u32::try_from(state.usage(&function.scope).concurrency()).unwrap_or(u32::MAX);
            let free = limit.saturating_sub(taken);
            if counts.unreserved.get(&function.scope).copied().unwrap_or(0) >= free {
                return Err(RunError::Throttled(free));
            }
            *counts.unreserved.entry(function.scope.clone()).or_default() += 1;
        }

        *counts.functions.entry(function.clone()).or_default() += 1;
        Ok(Running { concurrency: self.clone(), function: function.clone(), unreserved: reserved.is_none() })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().expect("no holder of this lock panics")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut counts = self.concurrency.counts();
        if self.unreserved {
            decrement(&mut counts.unreserved, self.function.scope.clone());
        }
        decrement(&mut counts.functions, self.function.clone());
    }
}

/// Counts one less; nothing is kept of what does not run.
fn decrement<K: Eq + Hash>(counts: &mut HashMap<K, u32>, key: K) {
    if let Entry::Occupied(mut count) = counts.entry(key) {
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
        }
    }
}
