//! The log of one invocation: START, what the function wrote, END, REPORT.

use std::sync::Arc;
use std::time::Duration;

use larder_init::link::Outcome;
use larder_init::platform::{self, Metrics, PlatformEvent, Status};

use super::outcome;
use super::record::Draft;
use crate::clock;
use crate::environments::log_format::LogFormat;
use crate::environments::{Completed, Place, Report};
use crate::model::functions::FunctionConfig;
use crate::model::qualifier::Version;

/// Bytes of a log that an answer carries.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>, `LogType`.
const TAIL: usize = 4096;

/// What Lambda logs of one invocation.
#[derive(Debug)]
pub struct Lines {
    /// Request id.
    pub request_id: String,
    /// The version that runs.
    pub version: Version,
    /// Its configuration.
    pub config: Arc<FunctionConfig>,
    /// The trace header that the function gets.
    pub trace: String,
    /// Its record in the making, where it is to be remembered.
    pub draft: Option<Arc<Draft>>,
}

impl Report for Lines {
    fn placed(&self, place: Place) {
        if let Some(draft) = &self.draft {
            draft.placed(place);
        }
    }

    fn start(&self) -> PlatformEvent {
        platform::start(clock::now().0, &self.request_id, &self.version.to_string(), Some(&self.trace))
    }

    fn end(&self, completed: &Completed) -> Vec<PlatformEvent> {
        if let Some(draft) = &self.draft {
            draft.completed(completed);
        }
        let mut events: Vec<_> = self.fault(&completed.outcome).into_iter().collect();
        events.push(self.runtime_done(completed));
        events.push(platform::end(clock::now().0, &self.request_id));
        events.push(self.report(completed));
        events
    }
}

impl Lines {
    /// What ended the invocation beside the function itself.
    fn fault(&self, outcome: &Outcome) -> Option<PlatformEvent> {
        let id = &self.request_id;
        let time_ms = clock::now().0;
        let line = if *outcome == Outcome::TimedOut {
            let time = platform::rfc3339(time_ms);
            let seconds = f64::from(self.config.timeout_s);
            format!("{time} {id} Task timed out after {seconds:.2} seconds\n\n")
        } else {
            let (error_type, message) = outcome::failure(outcome, id)?;
            format!("{message}\n{error_type}\n")
        };
        Some(platform::fault(time_ms, line))
    }

    /// An event of JSON logs only, of the lowest level unless the function failed. What was streamed is not counted.
    fn runtime_done(&self, completed: &Completed) -> PlatformEvent {
        let produced = match &completed.outcome {
            Outcome::Response(body) | Outcome::Error { body, .. } => body.len() as u64,
            _ => 0,
        };
        let status = status(&completed.outcome);
        let trace = Some(self.trace.as_str());
        platform::runtime_done(clock::now().0, &self.request_id, status, trace, (self.duration_us(completed), produced))
    }

    fn duration_us(&self, completed: &Completed) -> u64 {
        let timed_out = completed.outcome == Outcome::TimedOut;
        microseconds(if timed_out { Duration::from_secs(self.config.timeout_s.into()) } else { completed.duration })
    }

    fn report(&self, completed: &Completed) -> PlatformEvent {
        let metrics = Metrics {
            duration_us: self.duration_us(completed),
            memory_mb: self.config.memory_mib.into(),
            max_memory_mb: completed.max_memory_bytes.div_ceil(1024 * 1024),
            init_us: completed.init.map(microseconds),
            restore_us: completed.restore.map(microseconds),
        };
        platform::report(clock::now().0, &self.request_id, status(&completed.outcome), Some(&self.trace), metrics)
    }
}

/// How an outcome stands in a report. An error that the function itself told is none of Lambda's.
fn status(outcome: &Outcome) -> Status<'_> {
    match outcome {
        Outcome::TimedOut => Status::Timeout,
        other => outcome::failure_type(other).map_or(Status::Success, Status::Failure),
    }
}

/// The last 4 KB of an invocation's log.
pub fn log(completed: &Completed, report: &dyn Report, format: LogFormat) -> Vec<u8> {
    let mut log = format.render(&report.start()).unwrap_or_default().into_bytes();
    let lines = completed.output.split_inclusive(|byte| *byte == b'\n').filter(|line| format.keeps(line));
    lines.for_each(|line| log.extend_from_slice(line));
    if !log.is_empty() && !log.ends_with(b"\n") {
        log.push(b'\n');
    }
    for line in report.end(completed).iter().filter_map(|event| format.render(event)) {
        log.extend_from_slice(line.as_bytes());
    }
    let start = log.len().saturating_sub(TAIL);

    log.split_off(start)
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_start_output_end_and_report() {
        let completed = Completed {
            outcome: Outcome::Response(bytes::Bytes::new()),
            duration: Duration::from_micros(3010),
            init: Some(Duration::from_micros(110_100)),
            restore: None,
            max_memory_bytes: 36 * 1024 * 1024,
            output: b"hello".to_vec(),
        };
        let config = FunctionConfig { memory_mib: 128, timeout_s: 3, ..crate::model::functions::sample_config() };
        let config = Arc::new(config);
        let trace = "Root=1-0-0;Parent=0;Sampled=0".to_owned();
        let lines = Lines { request_id: "id".into(), version: Version::Latest, config, trace, draft: None };
        let log = String::from_utf8(log(&completed, &lines, LogFormat::TEXT)).expect("is text");

        assert_eq!(
            log,
            "START RequestId: id Version: $LATEST\nhello\nEND RequestId: id\n\
             REPORT RequestId: id\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\t\
             Max Memory Used: 36 MB\tInit Duration: 110.10 ms\t\n"
        );
    }
}
