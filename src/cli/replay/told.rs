//! How a replay went, for people and for scripts.

use serde::Serialize;

use crate::cli::terminal::{plain, pretty, print};
use crate::desk::invocations::error_of;
use crate::desk::replay::Replayed;
use crate::desk::replay::comparison::Comparison;
use crate::invoke::record::Record;

/// Lines of a difference that are shown.
const SHOWN: usize = 60;

/// A replay, and how it compares.
#[derive(Debug, Serialize)]
pub struct Told<'a> {
    /// Request id of the recorded invocation.
    pub request_id: &'a str,
    /// How both compare.
    #[serde(flatten)]
    pub comparison: &'a Comparison,
    /// Recorded calls that were not made.
    pub calls_left: usize,
    /// What is remembered of the new one.
    pub replayed: &'a Record,
}

/// Prints how a replay went, in a line or two.
pub fn line(replayed: &Replayed, comparison: &Comparison) {
    let Replayed { recorded, replayed: now, calls_left } = replayed;
    let Comparison { same, duration_ms, .. } = comparison;
    let verdict = if *same { "same   " } else { "differs" };
    let took = format!("{:.1} ms then, {:.1} ms now", duration_ms.0, duration_ms.1);
    print(&plain(&format!("{verdict}  {}  {} ({took})", recorded.request_id, ended(now))));
    if !same {
        print(&plain(&format!("         then: {}", ended(recorded))));
    }
    if *calls_left > 0 {
        print(&format!("         {calls_left} recorded calls were not made"));
    }
}

/// Prints how a replay went, with what differs where that is wanted.
pub fn tell(replayed: &Replayed, comparison: &Comparison, diff: bool) {
    line(replayed, comparison);
    let Comparison { same, answer, log, .. } = comparison;
    if diff || !same {
        section("answer", answer);
    }
    if diff {
        section("log", log);
    }
}

/// How an invocation ended, in a line.
pub fn ended(record: &Record) -> String {
    if record.failed() { error_of(record) } else { "ended well".to_owned() }
}

fn section(name: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    print(&format!("  {name}"));
    for line in lines.iter().take(SHOWN) {
        print(&plain(&format!("    {line}")));
    }
    if lines.len() > SHOWN {
        print(&format!("    and {} lines more", lines.len() - SHOWN));
    }
}

/// Prints replays as JSON.
pub fn as_json(replays: &[(Replayed, Comparison)]) {
    let told = replays.iter().map(|(replayed, comparison)| Told {
        request_id: &replayed.recorded.request_id,
        comparison,
        calls_left: replayed.calls_left,
        replayed: &replayed.replayed,
    });
    print(&pretty(&told.collect::<Vec<_>>()));
}
