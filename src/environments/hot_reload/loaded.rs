//! Which state of its hot-reload folders an environment's runtime has read.

use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use tokio::sync::watch;

use super::Root;

/// What an environment was told of changes, and what it has read of them.
#[derive(Debug)]
pub struct LoadedCode {
    /// The change that the init was last told of; 0: none.
    asked: Mutex<u64>,
    /// The change that the runtime has read.
    read: watch::Sender<u64>,
    /// The folders that are mounted.
    roots: OnceLock<Vec<Root>>,
}

impl Default for LoadedCode {
    fn default() -> Self {
        Self { asked: Mutex::default(), read: watch::Sender::new(0), roots: OnceLock::new() }
    }
}

impl LoadedCode {
    /// Notes that the init is told of a change; `false` where it knows that one, or a later one.
    pub fn ask(&self, change: u64) -> bool {
        let mut asked = self.asked.lock().expect("no holder panics");
        let is_new = *asked < change;
        if is_new {
            *asked = change;
        }
        is_new
    }

    /// The change that the init was last told of.
    pub fn asked(&self) -> u64 {
        *self.asked.lock().expect("no holder panics")
    }

    /// The runtime has read what it was told of, well or not.
    pub fn loaded(&self, change: u64) {
        self.read.send_replace(change);
    }

    /// Whether the runtime still has to read what it was told of.
    pub fn is_loading(&self) -> bool {
        *self.read.borrow() != self.asked()
    }

    /// Waits until the runtime has read what it was told of, `by` then at the latest.
    pub async fn read(&self, by: Instant) {
        let mut read = self.read.subscribe();
        let asked = self.asked();
        // Beyond the limit the init phase is repeated within the invocation, as everywhere.
        let _ = tokio::time::timeout_at(by.into(), read.wait_for(|read| *read == asked)).await;
    }

    /// Notes which folders are mounted, once.
    pub fn mounted(&self, roots: Vec<Root>) {
        self.roots.get_or_init(|| roots);
    }

    /// Whether these folders are the ones that are mounted.
    pub fn is_mounted(&self, roots: &[Root]) -> bool {
        self.roots.get().is_some_and(|mounted| mounted == roots)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn an_environment_has_read_what_it_was_told_last() {
        let code = LoadedCode::default();
        assert!(!code.is_loading(), "it was told of nothing");
        assert!(code.ask(3) && !code.ask(3) && code.ask(5) && !code.ask(4));
        code.loaded(3);
        assert!(code.is_loading());
        code.loaded(5);
        code.read(Instant::now() + Duration::from_secs(5)).await;
        assert!(!code.is_loading());
    }

    #[test]
    fn a_folder_that_was_replaced_is_not_the_one_that_is_mounted() {
        let code = LoadedCode::default();
        assert!(!code.is_mounted(&[(1, 2, 3)]));
        code.mounted(vec![(1, 2, 3)]);
        assert!(code.is_mounted(&[(1, 2, 3)]) && !code.is_mounted(&[(1, 3, 3)]));
    }
}
