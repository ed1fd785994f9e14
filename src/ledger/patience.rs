//! How long the engine is waited for. Over files that are none of its, sled may wait for ever, and takes the thread that
//! asked with it: no start and no end of a server may hang on that.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How often a thread is looked after that is to end.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// What comes of some work with the engine; `None` where it takes too long. Its thread is then left alone, with all that
/// it has, until the process ends.
pub fn within<T: Send + 'static>(patience: Duration, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        // Nobody may wait any more.
        let _ = tell.send(work());
    });
    told.recv_timeout(patience).ok()
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
        assert_eq!(within(PATIENCE, || 7), Some(7));
        let endless = || thread::sleep(Duration::from_secs(3600));
        let started = Instant::now();
        assert_eq!(within(SHORT, endless), None);
        join(thread::spawn(endless), SHORT);
        join(thread::spawn(|| {}), PATIENCE);
        assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    }
}
