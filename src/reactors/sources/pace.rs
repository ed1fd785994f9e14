//! How many batches run at once, and how long is waited after what went wrong.

use std::time::Duration;

use tokio::time::Instant;

use crate::model::event_sources::Settings;

/// Batches that run at once where nothing limits them: at the start, and at most.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html>.
const FIRST_CONCURRENCY: usize = 5;
const MOST_CONCURRENCY: usize = 1000;

/// How often one more is allowed while all of them run: 300 a minute.
pub const GROWTH: Duration = Duration::from_millis(200);

/// Batches that one poller of provisioned mode runs at once.
///
/// Source: the same page.
const OF_A_POLLER: usize = 10;

/// How many batches may run at once.
#[derive(Debug, Default)]
pub struct Ramp {
    /// Since when something runs without a pause.
    busy_since: Option<Instant>,
}

impl Ramp {
    /// Notes how many run.
    pub fn note(&mut self, running: usize, now: Instant) {
        self.busy_since = (running > 0).then(|| self.busy_since.unwrap_or(now));
    }

    /// How many may, by the settings as they are, and what they could grow to.
    pub fn limit(&self, settings: &Settings, now: Instant) -> (usize, usize) {
        // Of a partition one batch follows the other; of a queue of RabbitMQ as on AWS
        // (<https://docs.aws.amazon.com/lambda/latest/dg/with-mq.html>, "Concurrency").
        if settings.kafka.is_some() || !settings.origin.queues.is_empty() {
            return (1, 1);
        }
        if settings.parallelization_factor.is_some() {
            let lanes = settings.lanes();
            return (lanes, lanes);
        }
        let fixed = settings.max_concurrency.and_then(|most| usize::try_from(most).ok());
        let pollers = || settings.pollers.as_ref().and_then(|pollers| usize::try_from(pollers.most).ok());
        if let Some(fixed) = fixed.or_else(|| pollers().map(|most| most * OF_A_POLLER)) {
            return (fixed, fixed);
        }
        let busy = self.busy_since.map_or(Duration::ZERO, |since| now.duration_since(since));
        let grown = usize::try_from(busy.as_millis() / GROWTH.as_millis()).unwrap_or(MOST_CONCURRENCY);

        (FIRST_CONCURRENCY.saturating_add(grown).min(MOST_CONCURRENCY), MOST_CONCURRENCY)
    }
}

/// Pauses that double.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    next: Duration,
}

impl Backoff {
    /// From the first to the longest.
    pub fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, next: first }
    }

    /// The next pause.
    pub fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.most);
        pause
    }

    /// All is well again.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event_sources::ProvisionedPollers;

    #[test]
    fn concurrency_grows_while_everything_runs_and_starts_anew() {
        let free = Settings::default();
        let mut ramp = Ramp::default();
        let start = Instant::now();
        ramp.note(0, start);
        assert_eq!(ramp.limit(&free, start), (5, 1000));
        ramp.note(5, start);
        ramp.note(6, start + Duration::from_secs(30));
        assert_eq!(ramp.limit(&free, start + Duration::from_secs(60)).0, 305);
        assert_eq!(ramp.limit(&free, start + Duration::from_secs(3600)).0, 1000);
        ramp.note(0, start + Duration::from_secs(3600));
        assert_eq!(ramp.limit(&free, start + Duration::from_secs(3601)).0, 5);

        let two = Settings { max_concurrency: Some(2), ..Settings::default() };
        assert_eq!(ramp.limit(&two, start), (2, 2));
        let of_a_shard = Settings { parallelization_factor: Some(3), ..Settings::default() };
        assert_eq!(ramp.limit(&of_a_shard, start), (3, 3));
        let pollers = Some(ProvisionedPollers { least: 2, most: 3, group: None });
        assert_eq!(ramp.limit(&Settings { pollers, ..Settings::default() }, start), (30, 30));
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(3));
        let pauses: Vec<_> = (0..3).map(|_| backoff.pause().as_secs()).collect();
        assert_eq!(pauses, [1, 2, 3]);
        backoff.reset();
        assert_eq!(backoff.pause().as_secs(), 1);
    }
}
