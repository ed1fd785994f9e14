//! The log of an environment: what it and its function write, as lines with their times, in order.

use std::fmt;
use std::sync::{Arc, Mutex};

use larder_init::platform::PlatformEvent;

use super::log_format::LogFormat;
use crate::clock;
use crate::model::logs::LogStreamKey;
use crate::model::time::Timestamp;

/// Bytes of a line at most; a longer one is cut, as on AWS, where 256 KB is the most of an event of Lambda's.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>
const LINE: usize = 256 * 1024;

/// Where the lines of functions go.
pub trait LogSink: Send + Sync + fmt::Debug {
    /// Takes a line of a stream. It never waits: an invocation does not wait for its log.
    fn line(&self, stream: &Arc<LogStreamKey>, time: Timestamp, text: String);
}

/// The lines of one environment, on their way to its stream.
#[derive(Debug)]
pub struct FunctionLog {
    sink: Arc<dyn LogSink>,
    stream: Arc<LogStreamKey>,
    format: LogFormat,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// A line whose end has not come yet, and when it began.
    open: Vec<u8>,
    began: Timestamp,
    /// Time of the newest line: clocks of an engine on another machine may differ, the order of lines may not.
    last: Timestamp,
}

impl FunctionLog {
    /// A log of the lines of `stream`.
    pub fn new(sink: Arc<dyn LogSink>, stream: LogStreamKey, format: LogFormat) -> Self {
        Self { sink, stream: Arc::new(stream), format, inner: Mutex::default() }
    }

    /// The name of its stream.
    pub fn stream(&self) -> &str {
        self.stream.name.as_str()
    }

    /// A warning of Larder's as a line of this log.
    pub fn warning(&self, text: &str) -> String {
        self.format.warning(clock::now(), text)
    }

    /// Takes an event of Lambda's own, in the form of this log, if it is one for it.
    pub fn event(&self, event: &PlatformEvent) {
        if let Some(text) = self.format.render(event) {
            self.note(text);
        }
    }

    /// Takes a whole line that the function did not write. It may come within one of the function's.
    pub fn line(&self, time_ms: u64, data: &[u8]) {
        let mut inner = self.inner.lock().expect("no holder panics");
        let time = inner.order(Timestamp(time_ms));
        self.sink.line(&self.stream, time, String::from_utf8_lossy(data).into_owned());
    }

    /// Takes output of the function, cut anywhere.
    pub fn output(&self, time_ms: u64, data: &[u8]) {
        let mut inner = self.inner.lock().expect("no holder panics");
        let time = Timestamp(time_ms);
        for piece in data.split_inclusive(|byte| *byte == b'\n') {
            if inner.open.is_empty() {
                inner.began = time;
            }
            for part in piece.chunks(LINE) {
                if inner.open.len() + part.len() > LINE {
                    self.close(&mut inner);
                    inner.began = time;
                }
                inner.open.extend_from_slice(part);
            }
            if piece.ends_with(b"\n") {
                self.close(&mut inner);
            }
        }
    }

    /// Takes a line of Lambda's own, which ends what the function began.
    pub fn note(&self, text: String) {
        let mut inner = self.inner.lock().expect("no holder panics");
        self.close(&mut inner);
        let time = inner.order(clock::now());
        self.sink.line(&self.stream, time, text);
    }

    /// Ends the line that is open, if there is one.
    pub fn end_line(&self) {
        self.close(&mut self.inner.lock().expect("no holder panics"));
    }

    fn close(&self, inner: &mut Inner) {
        if inner.open.is_empty() {
            return;
        }
        let began = inner.began;
        let time = inner.order(began);
        if self.format.keeps(&inner.open) {
            let text = String::from_utf8_lossy(&inner.open);
            self.sink.line(&self.stream, time, with_line_ends(&text));
        }

        inner.open.clear();
    }
}

impl Inner {
    /// A time that is not before the last one.
    fn order(&mut self, time: Timestamp) -> Timestamp {
        self.last = self.last.max(time);
        self.last
    }
}

/// The text of a line. AWS's Python client, where it writes to a pipe, ends the lines of a traceback by `\r`, so that
/// they stay together; on AWS, where it has a channel of its own, the event holds `\n` (recorded).
fn with_line_ends(text: &str) -> String {
    let is_traceback = text.starts_with("[ERROR]") && text.contains("\rTraceback (most recent call last):\r");
    if is_traceback { text.replace('\r', "\n") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::logs::LogGroupKey;
    use crate::model::names::Scope;

    #[derive(Debug, Default)]
    struct Kept(Mutex<Vec<(u64, String)>>);

    impl LogSink for Kept {
        fn line(&self, _stream: &Arc<LogStreamKey>, time: Timestamp, text: String) {
            self.0.lock().expect("no holder panics").push((time.0, text));
        }
    }

    const ERROR: &str = "[ERROR] E: m\nTraceback (most recent call last):\n  File\n";

    fn log() -> (Arc<Kept>, FunctionLog) {
        let kept = Arc::new(Kept::default());
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        let group = LogGroupKey { scope, name: "/g".into() };
        let log = FunctionLog::new(Arc::clone(&kept) as _, LogStreamKey { group, name: "s".into() }, LogFormat::TEXT);
        (kept, log)
    }

    #[test]
    fn pieces_become_lines_with_the_time_of_their_beginning() {
        let (kept, log) = log();
        log.output(1, b"one\ntw");
        log.output(2, b"o\n\nthr");
        log.output(3, "ee \u{fffd}".as_bytes());
        log.output(2, b" late\n");
        log.output(2, b"[ERROR] E: m\rTraceback (most recent call last):\r  File\na\rb\n");
        log.output(1, b"no end");
        log.note("END\n".into());
        let lines = kept.0.lock().expect("no holder panics").clone();
        let texts: Vec<_> = lines.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["one\n", "two\n", "\n", "three \u{fffd} late\n", ERROR, "a\rb\n", "no end", "END\n"]);
        assert_eq!(lines.iter().map(|(time, _)| *time).take(5).collect::<Vec<_>>(), [1, 1, 2, 2, 2]);
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let (kept, log) = log();
        for _ in 0..40 {
            log.output(1, &[b'x'; 10_000]);
        }
        log.output(1, &vec![b'y'; 3 * LINE]);
        log.end_line();
        let lines = kept.0.lock().expect("no holder panics");
        assert!(lines.iter().all(|(_, text)| text.len() <= LINE));

        assert_eq!(lines.iter().map(|(_, text)| text.len()).sum::<usize>(), 400_000 + 3 * LINE);
    }
}
