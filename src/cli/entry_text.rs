//! Entries of the log and changes of resources, as a terminal shows them.

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::terminal::plain;

/// One entry of the log, as a version-control log shows it.
pub fn entry_text(entry: &Value) -> String {
    let head = format!("event {}  {}", entry["sequence"], plain(&entry["kind"]));
    let mut lines = vec![styled(Style::new().bold(), &head)];
    let who = [("Key", "access_key_id"), ("Agent", "user_agent"), ("Request", "request_id"), ("Date", "time")];
    for (label, member) in who {
        let value = plain(&entry[member]);
        if !value.is_empty() {
            lines.push(format!("{:<9}{value}", format!("{label}:")));
        }
    }
    if let Some(details) = entry.get("details").filter(|details| details["cause"].is_object()) {
        lines.push(format!("{:<9}{}", "Cause:", details["cause"]));
    }
    lines.push(String::new());
    for change in entry["changes"].as_array().into_iter().flatten() {
        lines.push(change_text(change));
    }
    lines.extend(summary_text(entry));
    lines.join("\n") + "\n"
}

/// How many resources an entry changed, where they are too many to be listed.
fn summary_text(entry: &Value) -> Option<String> {
    let counts = entry.get("summary")?.as_object()?;
    let of_change = |(change, kinds): (&String, &Value)| -> Vec<String> {
        let kinds = kinds.as_object().into_iter().flatten();
        kinds.map(|(kind, count)| format!("{count} {kind} {change}")).collect()
    };
    let counts: Vec<_> = counts.iter().flat_map(of_change).collect();
    Some(format!("    {}; `larder show {}` lists them", counts.join(", "), entry["sequence"]))
}

/// One resource's change, with the fields that changed where it was there before and after.
pub fn change_text(change: &Value) -> String {
    let (sign, colour, is_whole) = match change["change"].as_str() {
        Some("added") => ("+", AnsiColor::Green, true),
        Some("removed") => ("-", AnsiColor::Red, true),
        _ => ("~", AnsiColor::Yellow, false),
    };
    let mut lines = vec![styled(colour.on_default(), &format!("    {sign} {}", plain(&change["arn"])))];
    for field in change["fields"].as_array().into_iter().flatten().filter(|_| !is_whole) {
        let value = |member: &str| field.get(member).map_or_else(|| "(none)".to_owned(), ToString::to_string);
        lines.push(format!("        {}: {} → {}", plain(&field["path"]), value("old"), value("new")));
    }
    lines.join("\n")
}

/// Text in a style, which [`print`](super::terminal::print) leaves out where no terminal shows it.
fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
