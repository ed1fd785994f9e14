//! How a replay went, for people and for scripts.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::cli::terminal::{plain, pretty, print};
use crate::desk::invocations::error_of;
use crate::desk::replay::Replayed;
use crate::desk::replay::comparison::Comparison;
use crate::environments::Ground;
use crate::invoke::record::{End, Record};

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

/// What ran an invocation beside Larder, where that is known.
fn ground(record: &Record) -> Option<&Ground> {
    record.environment.as_ref()?.ground.as_ref()
}

/// Says, once, where another interpreter, image or engine runs invocations here than ran them there, or none.
pub fn other_grounds(replays: &[(Replayed, Comparison)]) {
    let notes = replays.iter().flat_map(|(Replayed { recorded, replayed, .. }, _)| {
        match (ground(recorded), ground(replayed)) {
            (Some(then), Some(now)) => differences(then, now),
            (Some(then), None) if replayed.end == End::NotRun => vec![format!("it ran with {then} there")],
            _ => Vec::new(),
        }
    });
    for note in notes.collect::<BTreeSet<_>>() {
        print(&plain(&format!("note: {note}")));
    }
}

/// What differs between two grounds, in words.
fn differences(then: &Ground, now: &Ground) -> Vec<String> {
    let program = |ground: &Ground| match (ground.program.as_str(), ground.version.as_str()) {
        ("", _) => "a program of its own".to_owned(),
        (program, "") => program.to_owned(),
        (program, version) => format!("{program} ({version})"),
    };
    let mut found = Vec::new();
    if (&then.program, &then.version) != (&now.program, &now.version) {
        found.push(format!("it ran with {} there, and with {} here", program(then), program(now)));
    }
    if then.engine != now.engine {
        found.push(format!("it ran on {} there, and on {} here", then.engine, now.engine));
    }
    found
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_interpreter_and_another_engine_are_told() {
        let ground = |program: &str, version: &str, engine: &str| Ground {
            program: program.into(),
            version: version.into(),
            engine: engine.into(),
        };
        let then = ground("/usr/bin/python3.11", "3.11.7", "Linux 6.1");
        assert_eq!(differences(&then, &then), Vec::<String>::new());
        let newer = ground("/usr/bin/python3.11", "3.11.9", "Linux 6.1");
        let told = "it ran with /usr/bin/python3.11 (3.11.7) there, and with /usr/bin/python3.11 (3.11.9) here";
        assert_eq!(differences(&then, &newer), [told]);
        let other = ground("/usr/bin/python3.11", "3.11.7", "Docker 20.10.24");
        assert_eq!(differences(&then, &other), ["it ran on Linux 6.1 there, and on Docker 20.10.24 here"]);
    }
}
