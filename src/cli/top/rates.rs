//! What happened between two looks.

use super::seen::Seen;
use crate::desk::answers::{FunctionCounts, Top};
use crate::invoke::metrics::Counts;

/// What is over the columns.
pub const HEAD: [&str; 9] = ["FUNCTION", "INV/S", "ERR/S", "P50", "P99", "RUNNING", "COLD", "THROTTLED", "ALL"];

/// Rates of functions, the busiest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates {
    /// The server, in a line.
    pub server: String,
    /// Invocations that ended in a second.
    pub per_second: f64,
    /// A line a function, as [`HEAD`] says.
    pub functions: Vec<[String; HEAD.len()]>,
}

impl Rates {
    /// Those between two looks.
    pub fn between(before: &Seen, now: &Seen) -> Self {
        let seconds = now.at.duration_since(before.at).as_secs_f64().max(0.001);
        let nothing = Counts::default();
        let earlier = |arn: &str| {
            let found = before.top.functions.iter().find(|function| function.arn == arn);
            found.map_or(&nothing, |function| &function.counts)
        };
        let mut functions: Vec<(Counts, &FunctionCounts)> = now
            .top
            .functions
            .iter()
            .map(|function| (function.counts.since(earlier(&function.arn)), function))
            .collect();
        functions
            .sort_by_key(|(counts, function)| std::cmp::Reverse((counts.invocations, function.counts.invocations)));
        let invocations: u64 = functions.iter().map(|(counts, _)| counts.invocations).sum();

        Self {
            server: server(&now.top),
            per_second: per_second(invocations, seconds),
            functions: functions.iter().map(|(counts, function)| row(counts, function, seconds)).collect(),
        }
    }

    /// All of it as text.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{}, {:.1} invocations/s", self.server, self.per_second)];
        let head = HEAD.map(str::to_owned);
        for row in std::iter::once(&head).chain(&self.functions) {
            let [name, rest @ ..] = row;
            let rest: Vec<String> = rest.iter().map(|cell| format!("{cell:>10}")).collect();
            lines.push(format!("{name:<32}{}", rest.concat()));
        }
        lines
    }
}

fn server(top: &Top) -> String {
    let Top { executor, environments, idle, events_waiting, sequence, functions_configured, .. } = top;
    format!(
        "{executor}: {environments} environments ({idle} idle), {events_waiting} events wait, {functions_configured} functions, \
         sequence {sequence}"
    )
}

fn row(counts: &Counts, function: &FunctionCounts, seconds: f64) -> [String; HEAD.len()] {
    let all = &function.counts;
    // Where nothing ended meanwhile, what was before.
    let durations = if counts.invocations > 0 { counts } else { all };
    let below = |percent| match durations.percentile_ms(percent) {
        None => "-".to_owned(),
        Some(ms) if ms.is_infinite() => ">15m".to_owned(),
        Some(ms) => format!("<{ms}ms"),
    };
    [
        function.name.clone(),
        format!("{:.1}", per_second(counts.invocations, seconds)),
        format!("{:.1}", per_second(counts.errors, seconds)),
        below(50),
        below(99),
        all.running.to_string(),
        all.cold.to_string(),
        all.throttles.to_string(),
        all.invocations.to_string(),
    ]
}

#[allow(clippy::cast_precision_loss, reason = "a rate for people")]
fn per_second(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn seen(at: Instant, invocations: u64, errors: u64) -> Seen {
        let mut counts = Counts { invocations, errors, cold: 1, ..Counts::default() };
        counts.durations[1] = invocations;
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned();
        let function = FunctionCounts {
            account: "000000000000".into(),
            region: "us-east-1".into(),
            name: "f".into(),
            arn,
            counts,
        };
        let top = Top {
            functions: vec![function],
            uptime_s: 1.0,
            executor: "sandbox".into(),
            environments: 2,
            idle: 1,
            events_waiting: 0,
            sequence: 3,
            functions_configured: 1,
        };
        Seen { top, at }
    }

    #[test]
    fn rates_are_what_came_between() {
        let start = Instant::now();
        let rates = Rates::between(&seen(start, 10, 0), &seen(start + Duration::from_secs(2), 30, 4));
        assert_eq!(rates.functions, [["f", "10.0", "2.0", "<1ms", "<1ms", "0", "1", "0", "30"].map(str::to_owned)]);
        let [server, head, function]: [String; 3] = rates.lines().try_into().expect("three lines");
        assert!(
            server.starts_with("sandbox: 2 environments (1 idle)") && server.ends_with("10.0 invocations/s"),
            "{server}"
        );
        assert!(head.len() == function.len() && head.starts_with("FUNCTION"), "{head}");
    }
}
