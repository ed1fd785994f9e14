//! When an invocation must be over, as the server keeps it.
//!
//! The init keeps the function's timeout itself, to the millisecond. This is for environments whose init cannot: it
//! is paused, stopped, broken, or gets no processor beside its function's processes.

use std::time::{Duration, Instant};

/// What the init may take beyond the function's timeout until the server hears of it.
const MARGIN: Duration = Duration::from_secs(2);

/// The deadline of the invocation that an environment runs.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    timeout: Duration,
    due: Instant,
}

impl Deadline {
    /// That of an event handed over now; where the init phase is not over, the function's time begins when it is,
    /// at `initialised_by` at the latest.
    pub fn new(timeout: Duration, initialised_by: Option<Instant>) -> Self {
        let now = Instant::now();
        Self { timeout, due: initialised_by.map_or(now, |by| by.max(now)) + timeout + MARGIN }
    }

    /// The function's time begins only now: what comes before its handler is over.
    pub fn begin(&mut self) {
        self.due = Instant::now() + self.timeout + MARGIN;
    }

    /// Does not count time in which the server itself held the environment up.
    pub fn forgive(&mut self, held: Duration) {
        self.due += held;
    }

    /// When it is over.
    pub fn due(&self) -> Instant {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_functions_time_begins_after_its_init_phase() {
        let start = Instant::now();
        let warm = Deadline::new(3 * SECOND, None);
        assert!(warm.due() >= start + 5 * SECOND && warm.due() < start + 6 * SECOND);
        let mut cold = Deadline::new(3 * SECOND, Some(start + 10 * SECOND));
        assert_eq!(cold.due(), start + 15 * SECOND);
        cold.begin();
        assert!(cold.due() < start + 6 * SECOND, "the init phase was short");
        let late = Deadline::new(3 * SECOND, Some(start));

        assert!(late.due() >= warm.due(), "an init phase that should be over has no time left");
    }

    #[test]
    fn what_the_server_holds_up_is_not_the_functions_time() {
        let mut deadline = Deadline::new(SECOND, None);
        let due = deadline.due();
        deadline.forgive(SECOND);
        assert_eq!(deadline.due(), due + SECOND);
    }
}
