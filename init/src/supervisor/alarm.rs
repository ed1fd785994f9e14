//! The supervisor's clock.

use std::future::pending;
use std::pin::Pin;

use tokio::time::{Instant, Sleep, sleep_until};

use super::FAR;

/// Rings when it is asked to, or sooner: at a moment that it was asked for before.
///
/// What the supervisor waits for changes several times within an invocation. A timer that is set anew each time
/// has the kernel wake the process that sets it, to look at its timers: a tenth of the init's system calls. One that
/// rings too soon now and then costs next to nothing.
pub(super) struct Alarm {
    sleep: Pin<Box<Sleep>>,
}

impl Alarm {
    /// One that does not ring.
    pub(super) fn new() -> Self {
        Self { sleep: Box::pin(sleep_until(Instant::now() + FAR)) }
    }

    /// Waits until `wake` at the latest; for ever where there is none.
    pub(super) async fn rings(&mut self, wake: Option<Instant>) {
        let Some(wake) = wake else {
            return pending().await;
        };
        if self.sleep.is_elapsed() || self.sleep.deadline() > wake {
            self.sleep.as_mut().reset(wake);
        }

        self.sleep.as_mut().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_millis(20);
    const LATER: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn it_rings_when_it_shall_and_never_later() {
        let mut alarm = Alarm::new();
        let began = Instant::now();
        alarm.rings(Some(began + SOON)).await;
        assert!(began.elapsed() >= SOON);

        assert!(timeout(SOON, alarm.rings(Some(began + LATER))).await.is_err(), "it rang of what is over");
        assert!(timeout(SOON, alarm.rings(None)).await.is_err());
        let began = Instant::now();
        timeout(LATER, alarm.rings(Some(began + SOON))).await.expect("sooner than it was asked to before");
        assert!(began.elapsed() >= SOON);
    }

    #[tokio::test]
    async fn one_that_was_asked_for_something_sooner_rings_then() {
        let mut alarm = Alarm::new();
        let began = Instant::now();
        assert!(timeout(Duration::ZERO, alarm.rings(Some(began + SOON))).await.is_err());

        timeout(LATER, alarm.rings(Some(began + 2 * LATER))).await.expect("of the moment before");
        assert!(began.elapsed() >= SOON);
    }
}
