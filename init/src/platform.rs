//! Events of Lambda's own (`platform.*`): what the Telemetry API tells extensions, what a function
//! with JSON logs has in its log, and the lines that one with text logs has there instead.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html>; the lines
//! as recorded on AWS; levels from "System log level event mapping" in Lambda's guide.

mod records;

use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use self::records::{Figures, InvocationRecord, Tracing};
use crate::link::FunctionFacts;

/// How much an event matters: `SystemLogLevel` leaves out what is below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Level {
    /// `DEBUG`
    Debug,
    /// `INFO`
    Info,
    /// `WARN`
    Warn,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformEvent {
    /// When, in milliseconds since the epoch.
    pub time_ms: u64,
    /// Its type, such as `platform.start`.
    pub kind: String,
    /// How much it matters.
    pub level: Level,
    /// What happened: JSON.
    pub record: String,
    /// The line of a text log, with its end, where there is one.
    pub line: Option<String>,
}

impl PlatformEvent {
    fn new(time_ms: u64, kind: &str, level: Level, record: &impl Serialize, line: Option<String>) -> Self {
        // Of texts, numbers and lists alone: it can be written.
        let record = serde_json::to_string(record).unwrap_or_default();
        Self { time_ms, kind: ["platform.", kind].concat(), level, record, line }
    }

    /// The event as the Telemetry API and a log of JSON have it.
    pub fn json(&self) -> String {
        let time = rfc3339(self.time_ms);
        let kind = &self.kind;
        let record = &self.record;
        format!("{{\"time\":\"{time}\",\"type\":\"{kind}\",\"record\":{record}}}")
    }
}

/// How a phase or an invocation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status<'a> {
    /// Well.
    Success,
    /// The runtime or the function failed, with the type of the error where it has one.
    Error(Option<&'a str>),
    /// A process ended, with the type of the error.
    Failure(&'a str),
    /// Time ran out.
    Timeout,
}

impl<'a> Status<'a> {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Status::Success => "success",
            Status::Error(_) => "error",
            Status::Failure(_) => "failure",
            Status::Timeout => "timeout",
        }
    }

    fn error_type(self) -> Option<&'a str> {
        match self {
            Status::Error(error_type) => error_type,
            Status::Failure(error_type) => Some(error_type),
            Status::Success | Status::Timeout => None,
        }
    }

    fn level(self, success: Level) -> Level {
        if self == Status::Success { success } else { Level::Warn }
    }

    fn put(self, record: &mut Map<String, Value>) {
        record.insert("status".into(), self.word().into());
        if let Some(error_type) = self.error_type() {
            record.insert("errorType".into(), error_type.into());
        }
    }

    /// What a text line says of it, behind a tab; nothing of success.
    fn text(self) -> String {
        match self {
            Status::Success => String::new(),
            Status::Timeout => "\tStatus: timeout".into(),
            Status::Error(None) => "\tStatus: error".into(),
            Status::Error(Some(error_type)) | Status::Failure(error_type) => {
                format!("\tStatus: error\tError Type: {error_type}")
            }
        }
    }
}

/// The phase in which the runtime is initialised: ahead, or again within an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Before an invocation.
    Init,
    /// Within one.
    Invoke,
}

impl Phase {
    fn word(self) -> &'static str {
        match self {
            Phase::Init => "init",
            Phase::Invoke => "invoke",
        }
    }
}

/// The init phase begins.
pub fn init_start(time_ms: u64, function: &FunctionFacts, phase: Phase) -> PlatformEvent {
    let has_version = !function.runtime_version.is_empty();
    let mut record = fields(json!({
        "initializationType": function.initialization_type,
        "phase": phase.word(),
        "functionName": function.name,
        "functionVersion": function.version,
    }));
    if has_version {
        record.insert("runtimeVersion".into(), function.runtime_version.as_str().into());
        record.insert("runtimeVersionArn".into(), function.runtime_version_arn.as_str().into());
    }

    let line = (has_version && phase == Phase::Init).then(|| {
        format!(
            "INIT_START Runtime Version: {}\tRuntime Version ARN: {}\n",
            function.runtime_version, function.runtime_version_arn
        )
    });
    let level = if has_version { Level::Info } else { Level::Debug };
    PlatformEvent::new(time_ms, "initStart", level, &record, line)
}

/// The runtime is initialised, or is not going to be.
pub fn init_runtime_done(time_ms: u64, function: &FunctionFacts, phase: Phase, status: Status<'_>) -> PlatformEvent {
    let mut record = fields(json!({
        "initializationType": function.initialization_type,
        "phase": phase.word(),
    }));
    status.put(&mut record);
    PlatformEvent::new(time_ms, "initRuntimeDone", status.level(Level::Debug), &record, None)
}

/// The init phase ended. On demand only one that failed is a line: the length of the others stands
/// in the first report.
pub fn init_report(
    time_ms: u64,
    function: &FunctionFacts,
    phase: Phase,
    status: Status<'_>,
    duration_us: u64,
) -> PlatformEvent {
    let ms = milliseconds(duration_us);
    let on_demand = function.initialization_type == "on-demand";
    let mut record = fields(json!({
        "initializationType": function.initialization_type,
        "phase": phase.word(),
        "metrics": { "durationMs": ms },
    }));
    status.put(&mut record);
    let line = (!on_demand || status != Status::Success)
        .then(|| format!("INIT_REPORT Init Duration: {ms:.2} ms\tPhase: {}{}\n", phase.word(), status.text()));
    let level = status.level(if on_demand { Level::Debug } else { Level::Info });

    PlatformEvent::new(time_ms, "initReport", level, &record, line)
}

/// A snapshot is being restored.
pub fn restore_start(time_ms: u64, function: &FunctionFacts) -> PlatformEvent {
    let record = json!({
        "runtimeVersion": function.runtime_version,
        "runtimeVersionArn": function.runtime_version_arn,
        "functionName": function.name,
        "functionVersion": function.version,
    });
    let line = format!(
        "RESTORE_START Runtime Version: {}\tRuntime Version ARN: {}\n",
        function.runtime_version, function.runtime_version_arn
    );
    PlatformEvent::new(time_ms, "restoreStart", Level::Info, &record, Some(line))
}

/// The runtime ran its hooks after the restore.
pub fn restore_runtime_done(time_ms: u64, status: Status<'_>) -> PlatformEvent {
    let mut record = Map::new();
    status.put(&mut record);
    PlatformEvent::new(time_ms, "restoreRuntimeDone", status.level(Level::Debug), &record, None)
}

/// The restore ended.
pub fn restore_report(time_ms: u64, status: Status<'_>, duration_us: u64) -> PlatformEvent {
    let ms = milliseconds(duration_us);
    let mut record = fields(json!({ "metrics": { "durationMs": ms } }));
    status.put(&mut record);
    let line = format!("RESTORE_REPORT Restore Duration: {ms:.2} ms{}\n", status.text());
    PlatformEvent::new(time_ms, "restoreReport", status.level(Level::Info), &record, Some(line))
}

/// What became of an extension in the init phase.
pub fn extension(time_ms: u64, name: &str, state: &str, events: &[&str], error_type: Option<&str>) -> PlatformEvent {
    let mut record = fields(json!({ "name": name, "state": state, "events": events }));
    let mut line = format!("EXTENSION\tName: {name}\tState: {state}\tEvents: [{}]", events.join(", "));
    if let Some(error_type) = error_type {
        record.insert("errorType".into(), error_type.into());
        line = format!("{line}\tError Type: {error_type}");
    }
    let level = if error_type.is_none() { Level::Info } else { Level::Warn };
    PlatformEvent::new(time_ms, "extension", level, &record, Some(line + "\n"))
}

/// An extension subscribed to telemetry (`TELEMETRY`), or by the older API to logs (`LOGS`).
pub fn subscription(time_ms: u64, logs_api: bool, name: &str, types: &[String]) -> PlatformEvent {
    let (kind, word) = if logs_api { ("logsSubscription", "LOGS") } else { ("telemetrySubscription", "TELEMETRY") };
    let record = json!({ "name": name, "state": "Subscribed", "types": types });
    let line = format!("{word}\tName: {name}\tState: Subscribed\tTypes: [{}]\n", types.join(", "));
    PlatformEvent::new(time_ms, kind, Level::Info, &record, Some(line))
}

/// Telemetry was dropped because its destination was too slow.
pub fn logs_dropped(time_ms: u64, reason: &str, records: u64, bytes: u64) -> PlatformEvent {
    let record = json!({ "reason": reason, "droppedRecords": records, "droppedBytes": bytes });
    PlatformEvent::new(time_ms, "logsDropped", Level::Warn, &record, None)
}

/// An invocation begins.
pub fn start(time_ms: u64, request_id: &str, version: &str, trace: Option<&str>) -> PlatformEvent {
    let tracing = trace.map(Tracing::of);
    let record = InvocationRecord { request_id, version: Some(version), tracing, ..Default::default() };
    let line = format!("START RequestId: {request_id} Version: {version}\n");
    PlatformEvent::new(time_ms, "start", Level::Info, &record, Some(line))
}

/// The runtime is done with an invocation; extensions may not be.
pub fn runtime_done(
    time_ms: u64,
    request_id: &str,
    status: Status<'_>,
    trace: Option<&str>,
    (duration_us, produced_bytes): (u64, u64),
) -> PlatformEvent {
    let metrics = Figures { produced_bytes: Some(produced_bytes), ..Figures::of(duration_us) };
    let record = InvocationRecord::ended(request_id, metrics, status, trace);
    PlatformEvent::new(time_ms, "runtimeDone", status.level(Level::Debug), &record, None)
}

/// What ended an invocation beside the function itself: text, with its line end.
pub fn fault(time_ms: u64, text: String) -> PlatformEvent {
    PlatformEvent::new(time_ms, "fault", Level::Warn, &Value::from(text.trim_end()), Some(text))
}

/// An invocation ended, for subscribers of the older Logs API.
pub fn end(time_ms: u64, request_id: &str) -> PlatformEvent {
    let line = format!("END RequestId: {request_id}\n");
    let record = InvocationRecord { request_id, ..Default::default() };
    PlatformEvent::new(time_ms, "end", Level::Info, &record, Some(line))
}

/// The figures of an invocation.
#[derive(Debug, Clone, Copy)]
pub struct Metrics {
    /// Until the runtime and the extensions were done.
    pub duration_us: u64,
    /// `MemorySize`.
    pub memory_mb: u64,
    /// Peak memory of the function.
    pub max_memory_mb: u64,
    /// The init phase, in the first report of an function.
    pub init_us: Option<u64>,
    /// The restore phase, in the first report after it.
    pub restore_us: Option<u64>,
}

/// An invocation ended.
pub fn report(
    time_ms: u64,
    request_id: &str,
    status: Status<'_>,
    trace: Option<&str>,
    metrics: Metrics,
) -> PlatformEvent {
    let Metrics { duration_us, memory_mb, max_memory_mb, init_us, restore_us } = metrics;
    let billed = duration_us.div_ceil(1000);
    let figures = Figures {
        billed_duration_ms: Some(billed),
        memory_size_mb: Some(memory_mb),
        max_memory_used_mb: Some(max_memory_mb),
        init_duration_ms: init_us.map(milliseconds),
        restore_duration_ms: restore_us.map(milliseconds),
        billed_restore_duration_ms: restore_us.map(|restore_us| restore_us.div_ceil(1000)),
        ..Figures::of(duration_us)
    };

    let mut line = format!(
        "REPORT RequestId: {request_id}\tDuration: {:.2} ms\tBilled Duration: {billed} ms\t\
         Memory Size: {memory_mb} MB\tMax Memory Used: {max_memory_mb} MB\t",
        figures.duration_ms
    );
    // Writing to a String cannot fail.
    if let Some(ms) = figures.init_duration_ms {
        let _ = write!(line, "Init Duration: {ms:.2} ms\t");
    }
    if let (Some(ms), Some(billed)) = (figures.restore_duration_ms, figures.billed_restore_duration_ms) {
        let _ = write!(line, "Restore Duration: {ms:.2} ms\tBilled Restore Duration: {billed} ms\t");
    }
    line.push_str(status.text().trim_start());
    line.push('\n');
    line.extend(trace.and_then(sampled));

    let record = InvocationRecord::ended(request_id, figures, status, trace);
    PlatformEvent::new(time_ms, "report", status.level(Level::Info), &record, Some(line))
}

/// The `XRAY` line of a sampled invocation, behind its report.
fn sampled(header: &str) -> Option<String> {
    let part = |name: &str| header.split(';').find_map(|part| part.trim().strip_prefix(name));
    let root = part("Root=")?;
    let segment = part("Parent=")?;
    (part("Sampled=") == Some("1")).then(|| format!("XRAY TraceId: {root}\tSegmentId: {segment}\tSampled: true\t\n"))
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// Milliseconds with two digits behind the point, as AWS has them.
fn milliseconds(microseconds: u64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "no duration of an environment comes near 2^53 µs")]
    let ms = microseconds as f64 / 1000.0;
    (ms * 100.0).round() / 100.0
}

/// A point in time in UTC, to the millisecond.
pub fn rfc3339(time_ms: u64) -> String {
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(time_ms)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRICS: Metrics =
        Metrics { duration_us: 3010, memory_mb: 128, max_memory_mb: 36, init_us: Some(110_100), restore_us: None };

    #[test]
    fn times_are_dates() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_709_210_096_789), "2024-02-29T12:34:56.789Z");
    }

    #[test]
    fn init_duration_stands_behind_memory() {
        let line = report(0, "id", Status::Success, None, METRICS).line;
        assert_eq!(
            line.as_deref(),
            Some(
                "REPORT RequestId: id\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\t\
                 Max Memory Used: 36 MB\tInit Duration: 110.10 ms\t\n"
            )
        );
    }

    #[test]
    fn what_failed_is_said_at_the_end() {
        let metrics = Metrics { init_us: None, ..METRICS };
        let line = |status| report(0, "id", status, None, metrics).line.unwrap_or_default();
        assert!(line(Status::Timeout).ends_with("Max Memory Used: 36 MB\tStatus: timeout\n"));
        let crashed = line(Status::Failure("Runtime.ExitError"));
        assert!(crashed.ends_with("Max Memory Used: 36 MB\tStatus: error\tError Type: Runtime.ExitError\n"));
    }

    #[test]
    fn a_sampled_trace_is_a_line_of_its_own() {
        let line = |trace| report(0, "id", Status::Success, Some(trace), METRICS).line.unwrap_or_default();
        let traced = line("Root=1-5e1b4151-0;Parent=53995c3f42cd8ad8;Sampled=1");
        assert!(traced.ends_with("\nXRAY TraceId: 1-5e1b4151-0\tSegmentId: 53995c3f42cd8ad8\tSampled: true\t\n"));
        assert!(!line("Root=1-5e1b4151-0;Parent=53995c3f42cd8ad8;Sampled=0").contains("XRAY"));
    }

    /// Byte for byte.
    #[test]
    fn records_of_invocations_have_what_is_known() {
        let began = start(0, "id", "1", Some("Root=1")).record;
        let trace = r#""tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1"}"#;
        assert_eq!(began, format!(r#"{{"requestId":"id","version":"1",{trace}}}"#));
        assert_eq!(end(0, "id").record, r#"{"requestId":"id"}"#);
        let done = runtime_done(0, "id", Status::Success, None, (3010, 7)).record;
        assert_eq!(done, r#"{"requestId":"id","metrics":{"durationMs":3.01,"producedBytes":7},"status":"success"}"#);

        let metrics = Metrics { init_us: None, restore_us: Some(2010), ..METRICS };
        let ended = report(0, "id", Status::Failure("Runtime.ExitError"), Some("Root=1"), metrics).record;
        let figures = r#""durationMs":3.01,"billedDurationMs":4,"memorySizeMB":128,"maxMemoryUsedMB":36,"restoreDurationMs":2.01,"billedRestoreDurationMs":3"#;
        let status = r#""status":"failure","errorType":"Runtime.ExitError""#;
        assert_eq!(ended, format!(r#"{{"requestId":"id","metrics":{{{figures}}},{status},{trace}}}"#));
    }

    #[test]
    fn json_events_have_time_type_and_record() {
        let event = extension(5, "monitor", "Ready", &["INVOKE"], None).json();
        let value: Value = serde_json::from_str(&event).expect("JSON");
        assert_eq!(value["type"], "platform.extension");
        assert_eq!(value["record"], json!({ "name": "monitor", "state": "Ready", "events": ["INVOKE"] }));
    }
}
