//! The log of one invocation: START, what the function wrote, END, REPORT.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use larder_init::link::Outcome;

use crate::environments::{Completed, Report};
use crate::model::function::FunctionConfig;
use crate::model::qualifier::Version;

/// Bytes of a log that an answer carries.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>, `LogType`.
const TAIL: usize = 4096;

/// The lines that Lambda logs of one invocation.
#[derive(Debug)]
pub struct Lines {
    /// Request id.
    pub request_id: String,
    /// The version that runs.
    pub version: Version,
    /// Its configuration.
    pub config: Arc<FunctionConfig>,
}

impl Report for Lines {
    fn start(&self) -> String {
        format!("START RequestId: {} Version: {}\n", self.request_id, self.version)
    }

    fn end(&self, completed: &Completed) -> Vec<String> {
        end(completed, &self.request_id, &self.config)
    }
}

/// The last 4 KB of an invocation's log.
pub fn log(completed: &Completed, lines: &dyn Report) -> Vec<u8> {
    let mut log = lines.start().into_bytes();
    log.extend_from_slice(&completed.output);
    if !log.ends_with(b"\n") {
        log.push(b'\n');
    }
    for line in lines.end(completed) {
        log.extend_from_slice(line.as_bytes());
    }
    let start = log.len().saturating_sub(TAIL);
    log.split_off(start)
}

fn end(completed: &Completed, request_id: &str, config: &FunctionConfig) -> Vec<String> {
    let mut lines = Vec::new();
    let timeout = Duration::from_secs(config.timeout_s.into());
    let timed_out = completed.outcome == Outcome::TimedOut;
    let duration = if timed_out { timeout } else { completed.duration };
    let milliseconds = duration.as_secs_f64() * 1000.0;
    let memory_mib = completed.max_memory_bytes.div_ceil(1024 * 1024);
    if let Outcome::Exited { reason, .. } = &completed.outcome {
        let reason = reason.as_ref().map_or(String::new(), |reason| format!(" with error: {reason}"));
        lines.push(format!("RequestId: {request_id} Error: Runtime exited{reason}\nRuntime.ExitError\n"));
    }
    lines.push(format!("END RequestId: {request_id}\n"));
    let mut text = String::new();
    let _ = write!(
        text,
        "REPORT RequestId: {request_id}\tDuration: {milliseconds:.2} ms\tBilled Duration: {:.0} ms\t\
         Memory Size: {} MB\tMax Memory Used: {memory_mib} MB\t",
        milliseconds.ceil(),
        config.memory_mib,
    );
    if let Some(init) = completed.init {
        let _ = write!(text, "Init Duration: {:.2} ms\t", init.as_secs_f64() * 1000.0);
    }
    if timed_out {
        text.push_str("Status: timeout");
    }
    text.push('\n');
    lines.push(text);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn init_duration_stands_behind_memory() {
        let completed = Completed {
            outcome: Outcome::Response(bytes::Bytes::new()),
            duration: Duration::from_micros(3010),
            init: Some(Duration::from_micros(110_100)),
            max_memory_bytes: 36 * 1024 * 1024,
            output: b"hello".to_vec(),
        };
        let config = FunctionConfig { memory_mib: 128, timeout_s: 3, ..crate::model::function::sample_config() };
        let lines = Lines { request_id: "id".into(), version: Version::Latest, config: Arc::new(config) };
        let log = String::from_utf8(log(&completed, &lines)).expect("is text");
        assert_eq!(
            log,
            "START RequestId: id Version: $LATEST\nhello\nEND RequestId: id\n\
             REPORT RequestId: id\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\t\
             Max Memory Used: 36 MB\tInit Duration: 110.10 ms\t\n"
        );
    }
}
