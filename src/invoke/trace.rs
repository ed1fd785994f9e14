//! X-Ray: the trace that an invocation belongs to, and what Lambda tells of it.
//!
//! Source: <https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader> and
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html>.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::lineage::Lineage;
use crate::environments::Completed;

/// Share of the invocations beyond the first of each second that are traced, where a function traces actively and
/// nobody decided before.
const RATE: f64 = 0.05;

/// Decides which invocations are traced: the first of each second, and one in twenty of the others, as on AWS.
#[derive(Debug, Default)]
pub struct Sampler {
    last: Mutex<Option<Instant>>,
}

impl Sampler {
    fn takes(&self) -> bool {
        let mut last = self.last.lock().expect("no holder panics");
        let now = Instant::now();
        if last.is_none_or(|at| now.duration_since(at) >= Duration::from_secs(1)) {
            *last = Some(now);
            return true;
        }
        rand::random::<f64>() < RATE
    }
}

/// The trace of one invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    root: String,
    /// The segment of whoever called.
    caller: Option<String>,
    /// The segments of Lambda and of the function.
    service: String,
    function: String,
    sampled: bool,
    /// The functions that led here, with this one.
    lineage: Lineage,
    /// How often this one had run in the chain before.
    runs_before: u32,
    /// What else the header held.
    rest: Vec<String>,
}

impl Trace {
    /// The trace that a header names, or a new one, of a run of the function with this ARN. A function with active tracing
    /// decides where nobody did.
    pub fn of(header: Option<&str>, function_arn: &str, active: bool, sampler: &Sampler) -> Self {
        let mut trace = Self {
            root: new_root(),
            caller: None,
            service: new_id(),
            function: new_id(),
            sampled: false,
            lineage: Lineage::default(),
            runs_before: 0,
            rest: vec![],
        };
        let mut decision = None;
        for part in header.unwrap_or_default().split(';').map(str::trim) {
            match part.split_once('=') {
                Some(("Root", root)) => root.clone_into(&mut trace.root),
                Some(("Parent", parent)) => trace.caller = Some(parent.to_owned()),
                Some(("Sampled", "0")) => decision = Some(false),
                Some(("Sampled", "1")) => decision = Some(true),
                Some(("Lineage", lineage)) => trace.lineage = Lineage::parse(lineage),
                // `?` asks for a decision; what Lambda adds itself is not taken over.
                Some(("Sampled" | "Self", _)) | None => {}
                Some(_) => trace.rest.push(part.to_owned()),
            }
        }

        trace.runs_before = trace.lineage.count(function_arn);
        trace.sampled = decision.unwrap_or_else(|| active && sampler.takes());
        trace
    }

    /// The header that the function gets: its own segment is the parent of what it calls.
    pub fn header(&self) -> String {
        let parent = match &self.caller {
            Some(caller) if !self.sampled => caller,
            _ => &self.function,
        };
        let mut header = format!("Root={};Parent={parent};Sampled={}", self.root, u8::from(self.sampled));
        header.push_str(";Lineage=");
        header.push_str(&self.lineage.to_string());
        for part in &self.rest {
            header.push(';');
            header.push_str(part);
        }

        header
    }

    /// How often the function had run in this chain before.
    pub fn runs_before(&self) -> u32 {
        self.runs_before
    }

    /// Its ids: of the trace, of the function's segment, and of the segment of whoever called.
    pub fn ids(&self) -> (&str, &str, Option<&str>) {
        (&self.root, &self.function, self.caller.as_deref())
    }

    /// Whether it is told to X-Ray.
    pub fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// The segments of Lambda itself and of the function.
    pub fn segments(&self, of: &Traced<'_>, completed: &Completed, error: bool) -> [Value; 2] {
        let end = seconds(of.ended);
        let work = completed.duration.as_secs_f64();
        let start = seconds(of.began);
        let mut subsegments = vec![];

        if let Some(init) = completed.init {
            let length = init.as_secs_f64();
            subsegments.push(part("Initialization", (end - work - length).max(start), end - work));
        }

        subsegments.push(part("Invocation", end - work, end));
        let mut service = json!({
            "trace_id": self.root, "id": self.service, "name": of.name, "origin": "AWS::Lambda",
            "start_time": start, "end_time": end, "resource_arn": of.arn,
            "http": { "response": { "status": 200 } }, "aws": { "request_id": of.request_id },
        });
        if let Some(caller) = &self.caller {
            service["parent_id"] = caller.as_str().into();
        }
        let mut function = json!({
            "trace_id": self.root, "id": self.function, "parent_id": self.service, "name": of.name,
            "origin": "AWS::Lambda::Function", "start_time": end - work, "end_time": end, "resource_arn": of.arn,
            "aws": { "function_arn": of.arn, "request_id": of.request_id }, "subsegments": subsegments,
        });
        if error {
            function["fault"] = true.into();
        }

        [service, function]
    }
}

/// What segments tell of an invocation.
#[derive(Debug, Clone, Copy)]
pub struct Traced<'a> {
    /// The function.
    pub name: &'a str,
    /// Its ARN, as invoked.
    pub arn: &'a str,
    /// The invocation.
    pub request_id: &'a str,
    /// When it was accepted.
    pub began: SystemTime,
    /// When it was done.
    pub ended: SystemTime,
}

fn part(name: &str, start: f64, end: f64) -> Value {
    json!({ "id": new_id(), "name": name, "start_time": start, "end_time": end })
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Id of a new trace: `1-<time in 8 hex digits>-<24 hex digits>`.
pub fn new_root() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    format!("1-{:08x}-{:024x}", now, rand::random::<u128>() >> 32)
}

fn new_id() -> String {
    format!("{:016x}", rand::random::<u64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

    #[test]
    fn a_callers_decision_is_kept() {
        let sampler = Sampler::default();
        let trace = Trace::of(Some("Root=1-5e-6;Parent=53995c3f42cd8ad8;Sampled=1"), ARN, false, &sampler);
        assert!(trace.is_sampled());
        assert!(trace.header().starts_with("Root=1-5e-6;Parent=") && trace.header().contains(";Sampled=1;Lineage="));
        assert!(!trace.header().contains("53995c3f42cd8ad8"), "its own segment is the parent");
        let trace =
            Trace::of(Some("Root=1-5e-6;Parent=53995c3f42cd8ad8;Sampled=0;Lineage=a:2;X=y"), ARN, true, &sampler);
        let header = trace.header();
        let of_function = header.strip_prefix("Root=1-5e-6;Parent=53995c3f42cd8ad8;Sampled=0;Lineage=a:2|");
        assert!(of_function.is_some_and(|rest| rest.ends_with(":1;X=y")), "{header}");
    }

    #[test]
    fn active_tracing_takes_the_first_of_a_second() {
        let sampler = Sampler::default();
        assert!(Trace::of(None, ARN, true, &sampler).is_sampled());
        let taken = (0..1000).filter(|_| Trace::of(None, ARN, true, &sampler).is_sampled()).count();
        assert!(taken < 200, "{taken}");
        assert!(!Trace::of(None, ARN, false, &Sampler::default()).is_sampled());
    }

    #[test]
    fn a_new_trace_has_the_form_of_aws() {
        let header = Trace::of(None, ARN, false, &Sampler::default()).header();
        let root = header.strip_prefix("Root=1-").and_then(|rest| rest.split_once(';')).expect("a root").0;
        assert_eq!(root.len(), 8 + 1 + 24, "{header}");
    }
}
