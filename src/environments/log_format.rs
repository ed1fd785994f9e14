//! The form of a function's log (`LoggingConfig`): text or JSON, and what is left out of it.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html>.

use larder_init::platform::{Level, PlatformEvent, rfc3339};
use serde::Deserialize;

use crate::model::functions::{self, LogLevel, Logging};
use crate::model::time::Timestamp;

/// How a function logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogFormat {
    json: bool,
    /// What Lambda itself logs is left out below this.
    system: Level,
    /// What the function logs as JSON is left out below this.
    application: LogLevel,
}

/// The part of a line of JSON that says how much it matters.
#[derive(Deserialize)]
struct Levelled {
    level: Option<String>,
}

impl LogFormat {
    /// Lines as they come.
    pub const TEXT: Self = Self { json: false, system: Level::Debug, application: LogLevel::Trace };

    /// The form that a function asks for.
    pub fn of(logging: &Logging) -> Self {
        if logging.format == functions::LogFormat::Text {
            return Self::TEXT;
        }
        let system = match logging.system_level {
            Some(LogLevel::Trace | LogLevel::Debug) => Level::Debug,
            Some(LogLevel::Warn | LogLevel::Error | LogLevel::Fatal) => Level::Warn,
            Some(LogLevel::Info) | None => Level::Info,
        };
        let application = logging.application_level.unwrap_or(LogLevel::Info);
        Self { json: true, system, application }
    }

    /// Whether it is JSON.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// An event of Lambda's own as a line, if it is one of this log.
    pub fn render(self, event: &PlatformEvent) -> Option<String> {
        if !self.json {
            return event.line.clone();
        }
        // `END` is a line of text only.
        (event.level >= self.system && event.kind != "platform.end").then(|| event.json() + "\n")
    }

    /// A warning of Larder's as a line: AWS has none such, so it is written as a runtime would.
    pub fn warning(self, time: Timestamp, text: &str) -> String {
        if !self.json {
            return format!("[WARNING] {text}\n");
        }
        serde_json::json!({ "timestamp": rfc3339(time.0), "level": "WARN", "message": text }).to_string() + "\n"
    }

    /// Whether a line of the function's is kept: only JSON has a level to go by.
    pub fn keeps(self, line: &[u8]) -> bool {
        if !self.json || self.application == LogLevel::Trace || line.first() != Some(&b'{') {
            return true;
        }
        match serde_json::from_slice::<Levelled>(line) {
            Ok(Levelled { level: Some(level) }) => level_of(&level) >= self.application,
            Ok(Levelled { level: None }) | Err(_) => true,
        }
    }
}

/// The level that a line names; one that is not known counts as the default.
fn level_of(line: &str) -> LogLevel {
    line.parse().unwrap_or(LogLevel::Info)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(system: &str, application: &str) -> LogFormat {
        LogFormat::of(&Logging {
            format: functions::LogFormat::Json,
            application_level: Some(level_of(application)),
            system_level: Some(level_of(system)),
            group: "/g".into(),
        })
    }

    #[test]
    fn lambdas_own_lines_are_json_of_their_level() {
        let start = larder_init::platform::start(0, "id", "1", None);
        assert_eq!(LogFormat::TEXT.render(&start).as_deref(), Some("START RequestId: id Version: 1\n"));
        let line = json("INFO", "INFO").render(&start).expect("it is INFO");
        assert!(line.starts_with(r#"{"time":"1970-01-01T00:00:00.000Z","type":"platform.start","record":{"#), "{line}");
        assert_eq!(json("WARN", "INFO").render(&start), None);
    }

    #[test]
    fn lines_below_the_level_are_left_out() {
        let format = json("INFO", "WARN");
        assert!(!format.keeps(br#"{"level":"INFO","message":"m"}"#));
        assert!(format.keeps(br#"{"level":"error","message":"m"}"#));
        assert!(format.keeps(b"plain"));
        assert!(format.keeps(br#"{"message":"m"}"#));
        assert!(LogFormat::TEXT.keeps(br#"{"level":"TRACE"}"#));
    }
}
