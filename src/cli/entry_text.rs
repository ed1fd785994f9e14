//! Entries of the log and changes of resources, as a terminal shows them.

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::terminal::{plain, print};
use crate::desk::answers::{Differences, Entry};
use crate::desk::words::fields::verb;
use crate::desk::words::names::{Named, named};
use crate::ledger::difference::{Change, Difference, Field};

/// One entry of the log, as a version-control log shows it.
pub fn entry_text(entry: &Entry) -> String {
    let event = &entry.event;
    let head = format!("event {}  {}", event.sequence, plain(&event.kind));
    let mut lines = vec![styled(Style::new().bold(), &head)];

    if !event.says.is_empty() {
        lines.push(plain(&event.says));
    }
    let who = [
        ("Key:", &event.access_key_id),
        ("Agent:", &event.user_agent),
        ("Request:", &event.request_id),
        ("Date:", &event.time),
    ];
    let told = who.into_iter().filter(|(_, value)| !value.is_empty());
    lines.extend(told.map(|(label, value)| format!("{label:<9}{}", plain(value))));
    if let Some(cause) = event.details.as_ref().map(|details| &details["cause"]).filter(|cause| cause.is_object()) {
        lines.push(format!("{:<9}{cause}", "Cause:"));
    }

    lines.join("\n") + "\n" + &changes_text(entry) + "\n"
}

/// What an entry changed, each line after a line feed.
pub fn changes_text(entry: &Entry) -> String {
    let lines = entry.changes.iter().map(change_text).chain(summary_text(entry));
    lines.flat_map(|line| ["\n".to_owned(), line]).collect()
}

/// How many resources an entry changed, where they are too many to be listed.
fn summary_text(entry: &Entry) -> Option<String> {
    let counts = entry.summary.as_ref()?.iter().flat_map(|(change, kinds)| {
        let of_kind = move |(kind, count): (&String, &u64)| format!("{count} {} {}", plain(kind), plain(change));
        kinds.iter().map(of_kind)
    });
    let counts: Vec<_> = counts.collect();
    Some(format!("    {}; `larder show {}` lists them", counts.join(", "), entry.event.sequence))
}

/// One resource's change, with the fields that changed where it was there before and after, under AWS's names.
pub fn change_text(difference: &Difference) -> String {
    let (sign, colour) = match difference.change {
        Change::Added => ("+", AnsiColor::Green),
        Change::Removed => ("-", AnsiColor::Red),
        Change::Changed => ("~", AnsiColor::Yellow),
    };
    let mut lines = vec![styled(colour.on_default(), &format!("    {sign} {}", plain(&difference.arn)))];
    if difference.change == Change::Changed {
        lines.extend(difference.fields.iter().filter_map(field_text));
        if lines.len() == 1 {
            lines.push("        (no more than revisions, times or states)".to_owned());
        }
    }

    lines.join("\n")
}

/// Prints what differs, or what is said where nothing does.
pub fn print_differences(differences: &Differences, none: &str) {
    for resource in &differences.resources {
        print(&change_text(resource));
    }
    if differences.resources.is_empty() {
        print(none);
    }
}

/// A field's line; none of one that is derived from others.
fn field_text(field: &Field) -> Option<String> {
    let Named { of, name } = named(field)?;
    let of = if of.is_empty() { of } else { format!("{of}: ") };
    let said = if field.is_masked() {
        verb(field).to_owned()
    } else {
        let value = |value: &Option<Value>| match value {
            None | Some(Value::Null) => "(none)".to_owned(),
            Some(value) => value.to_string(),
        };
        format!("{} → {}", value(&field.old), value(&field.new))
    };

    Some(format!("        {}: {}", plain(&format!("{of}{name}")), plain(&said)))
}

/// Text in a style, which [`print`](super::terminal::print) leaves out where no terminal shows it.
fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
