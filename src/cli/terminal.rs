//! Lines for people and for pipes.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::Value;

/// Text without what a terminal would obey.
pub fn plain(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// JSON over several lines.
pub fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}

/// Prints a line, with its colours where a terminal shows them and `NO_COLOR` is not set; `false` when nobody reads
/// any more.
pub fn print(line: &str) -> bool {
    writeln!(anstream::stdout(), "{line}").is_ok()
}

/// Shows where somebody sees it that something goes on, whose end is not known ahead.
pub fn spinner(message: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let spinner = ProgressBar::new_spinner().with_message(message);
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}
