//! What is wrong with a store that serves all the same.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// Something that is behind or broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The part of the store.
    pub part: String,
    /// What is wrong with it, and what becomes of it.
    pub problem: String,
}

/// The problems that stand, one for each part.
#[derive(Debug, Default)]
pub struct Health(Mutex<BTreeMap<String, String>>);

impl Health {
    /// Notes what is wrong with a part, in the place of what was.
    pub fn report(&self, part: &str, problem: impl Into<String>) {
        self.lock().insert(part.to_owned(), problem.into());
    }

    /// A part is well.
    pub fn clear(&self, part: &str) {
        self.lock().remove(part);
    }

    /// Notes how something went.
    pub fn note<T, E: std::fmt::Display>(&self, part: &str, outcome: &Result<T, E>) {
        match outcome {
            Ok(_) => self.clear(part),
            Err(error) => self.report(part, error.to_string()),
        }
    }

    /// What stands.
    pub fn problems(&self) -> Vec<Problem> {
        self.lock().iter().map(|(part, problem)| Problem { part: part.clone(), problem: problem.clone() }).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
