//! Entries of the log and changes of resources, as a terminal shows them.

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::terminal::plain;
use crate::desk::answers::Entry;
use crate::ledger::difference::{Change, Difference};

/// One entry of the log, as a version-control log shows it.
pub fn entry_text(entry: &Entry) -> String {
    let event = &entry.event;
    let head = format!("event {}  {}", event.sequence, plain(&event.kind));
    let mut lines = vec![styled(Style::new().bold(), &head)];

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

    lines.push(String::new());
    lines.extend(entry.changes.iter().map(change_text));
    lines.extend(summary_text(entry));
    lines.join("\n") + "\n"
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

/// One resource's change, with the fields that changed where it was there before and after.
pub fn change_text(difference: &Difference) -> String {
    let (sign, colour) = match difference.change {
        Change::Added => ("+", AnsiColor::Green),
        Change::Removed => ("-", AnsiColor::Red),
        Change::Changed => ("~", AnsiColor::Yellow),
    };
    let mut lines = vec![styled(colour.on_default(), &format!("    {sign} {}", plain(&difference.arn)))];
    if difference.change == Change::Changed {
        let value = |value: &Option<Value>| value.as_ref().map_or_else(|| "(none)".to_owned(), ToString::to_string);
        let fields = difference.fields.iter();
        lines.extend(
            fields
                .map(|field| format!("        {}: {} → {}", plain(&field.path), value(&field.old), value(&field.new))),
        );
    }

    lines.join("\n")
}

/// Text in a style, which [`print`](super::terminal::print) leaves out where no terminal shows it.
fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
