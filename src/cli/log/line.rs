//! A change in one line.

use std::fmt;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use chrono::{DateTime, Local, Utc};

use crate::cli::terminal::plain;
use crate::desk::answers::Entry;
use crate::desk::words::who::who;

/// The time of events: as AWS writes it.
const TIME: &str = "%Y-%m-%dT%H:%M:%S%.f%z";

/// When in local time.
const LOCAL: &str = "%Y-%m-%d %H:%M:%S";

/// A change as `larder log` shows it by default: place, when, who, what.
#[derive(Debug)]
pub struct Line<'a>(&'a Entry);

impl<'a> Line<'a> {
    /// The line of an entry.
    pub fn of(entry: &'a Entry) -> Self {
        Self(entry)
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = AnsiColor::Magenta.on_default();
        let time = AnsiColor::Cyan.on_default();
        let name = Style::new().bold();
        let value = |of: &str| plain(&value(self.0, of).unwrap_or_default());
        let (local, ago, who, what) = (value("local"), value("ago"), value("who"), value("what"));
        let (about, said) = what.split_once(": ").unwrap_or(("", &what));
        let colon = if about.is_empty() { "" } else { ": " };
        write!(f, "{number}{:>5}{number:#}  {time}{local}{time:#}  {ago:>8}  ", self.0.event.sequence)?;
        write!(f, "{who:<12}  {name}{about}{name:#}{colon}{said}")
    }
}

/// A line of the user's own: text with `{names}` of values.
#[derive(Debug, Clone)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    Value(String),
}

impl Template {
    /// Reads a template; `{{` stands for a brace.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            pieces.push(Piece::Text(before.to_owned()));
            if let Some(after) = after.strip_prefix('{') {
                pieces.push(Piece::Text("{".to_owned()));
                rest = after;
                continue;
            }
            let (name, after) = after.split_once('}').ok_or("a `{` has no `}`: `{{` stands for a brace itself")?;
            if value(&Entry::default(), name).is_none() {
                return Err(format!("there is no {{{name}}}: `larder log --help` tells what there is"));
            }
            pieces.push(Piece::Value(name.to_owned()));
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self(pieces))
    }

    /// The line of an entry.
    pub fn fill(&self, entry: &Entry) -> String {
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Value(name) => plain(&value(entry, name).unwrap_or_default()),
        });
        pieces.collect()
    }
}

/// A value of an entry by its name; `None` if there is no such value.
fn value(entry: &Entry, name: &str) -> Option<String> {
    let event = &entry.event;
    let time = || DateTime::parse_from_str(&event.time, TIME).ok();
    Some(match name {
        "sequence" => event.sequence.to_string(),
        "time" => event.time.clone(),
        "local" => time().map_or_else(String::new, |time| time.with_timezone(&Local).format(LOCAL).to_string()),
        "ago" => time().map_or_else(String::new, |time| ago((Utc::now() - time.to_utc()).to_std().unwrap_or_default())),
        "who" => who(&event.user_agent),
        // An older server tells no words.
        "what" if event.says.is_empty() => format!("{}: {}", event.name, event.kind),
        "what" => event.says.clone(),
        "kind" => event.kind.clone(),
        "name" => event.name.clone(),
        "resource" => event.resource.clone(),
        "account" => event.account.clone(),
        "region" => event.region.clone(),
        "agent" => event.user_agent.clone(),
        "key" => event.access_key_id.clone(),
        "request" => event.request_id.clone(),
        _ => return None,
    })
}

/// How long ago something was, in its largest unit: `3m ago`.
fn ago(span: Duration) -> String {
    let seconds = span.as_secs();
    let units = [(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")];
    match units.iter().find(|(unit, _)| seconds >= *unit) {
        Some((unit, letter)) => format!("{}{letter} ago", seconds / unit),
        None => "just now".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::answers::ShownEvent;

    fn entry() -> Entry {
        let event = ShownEvent {
            sequence: 7,
            time: "2020-01-31T12:00:00.000+0000".to_owned(),
            user_agent: "aws-cli/2.15.30 md/awscrt#0.19.19".to_owned(),
            says: "orders: Timeout 3 → 30".to_owned(),
            ..ShownEvent::default()
        };
        Entry { event, ..Entry::default() }
    }

    #[test]
    fn a_change_takes_one_line() {
        let line = anstream::adapter::strip_str(&Line::of(&entry()).to_string()).to_string();
        assert!(line.starts_with("    7  2020-0"), "{line}");
        assert!(line.ends_with("d ago  aws-cli       orders: Timeout 3 → 30"), "{line}");
    }

    #[test]
    fn templates_are_filled_and_what_is_none_is_refused() {
        let filled = |text: &str| Template::parse(text).map(|template| template.fill(&entry()));
        assert_eq!(filled("{sequence}|{{{who}}|{what}").as_deref(), Ok("7|{aws-cli}|orders: Timeout 3 → 30"));
        assert!(filled("{none}").is_err());
        assert!(filled("{who").is_err());
    }

    #[test]
    fn spans_are_told_in_their_largest_unit() {
        for (seconds, said) in [(0, "just now"), (59, "59s ago"), (60, "1m ago"), (7300, "2h ago"), (90_000, "1d ago")]
        {
            assert_eq!(ago(Duration::from_secs(seconds)), said);
        }
    }
}
