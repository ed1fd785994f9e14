//! How long the engine is waited for. Over files that are none of its, sled may wait for ever, and takes the thread that
//! asked with it: no start and no end of a server may hang on that. All of sled in a process shares one lock, so that
//! where one waits for ever others would, too: then there is no engine until the next start.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How often a thread is looked after that is to end.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Work that took too long and was left alone, as much of it as still goes on.
#[derive(Debug)]
pub struct LeftAlone(AtomicUsize);

impl LeftAlone {
    /// None yet.
    pub const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Whether some goes on.
    pub fn is_some(&self) -> bool {
        self.0.load(Ordering::Acquire) > 0
    }

    /// What comes of some work; `None` where it takes longer than `patience`. Its thread is then left alone, with all
    /// that it has.
    pub fn within<T: Send + 'static>(
        &'static self,
        patience: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (tell, told) = mpsc::channel();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        thread::spawn(move || {
            // Nobody may wait any more.
            let _ = tell.send(work());
            if over.swap(true, Ordering::AcqRel) {
                self.0.fetch_sub(1, Ordering::AcqRel);
            }
        });

        if let Ok(done) = told.recv_timeout(patience) {
            return Some(done);
        }
        self.0.fetch_add(1, Ordering::AcqRel);
        if is_over.swap(true, Ordering::AcqRel) {
            // It was done at the last moment.
            self.0.fetch_sub(1, Ordering::AcqRel);
        }
        told.try_recv().ok()
    }
}

/// Waits for the end of a thread that was told to end; one that does not in time is left alone.
pub fn join(thread: JoinHandle<()>, patience: Duration) {
    let started = Instant::now();
    while !thread.is_finished() && started.elapsed() < patience {
        thread::sleep(LOOK_EVERY);
    }
    if thread.is_finished() {
        let _ = thread.join();
    } else {
        let name = thread.thread().name().unwrap_or_default();
        tracing::warn!(thread = name, "the index does not answer; what it was asked is given up");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(50);

    #[test]
    fn what_takes_for_ever_is_left_alone() {
        static LEFT: LeftAlone = LeftAlone::new();
        assert_eq!(LEFT.within(PATIENCE, || 7), Some(7));
        assert!(!LEFT.is_some());
        let endless = || thread::sleep(Duration::from_secs(3600));
        let started = Instant::now();
        assert_eq!(LEFT.within(SHORT, || thread::sleep(SHORT * 4)), None);
        assert!(LEFT.is_some());
        thread::sleep(SHORT * 8);
        assert!(!LEFT.is_some(), "it came to its end after all");
        assert_eq!(LEFT.within(SHORT, endless), None);
        assert!(LEFT.is_some());
        join(thread::spawn(endless), SHORT);
        join(thread::spawn(|| {}), PATIENCE);

        assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    }
}
