//! Lines for people and for pipes.

use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::ProgressBar;
use serde::Serialize;

/// Exit code where the output cannot be written: that of all that could not be done.
const NOT_WRITTEN: i32 = 2;

/// Text without what a terminal would obey.
pub fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// A line of a log: as AWS writes them, with tabs, and as Python's runtime does, which ends lines of a traceback as a
/// typewriter does.
pub fn log_lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().flat_map(|line| line.split('\r')).map(|line| plain(&line.replace('\t', "  ")))
}

/// JSON over several lines.
pub fn pretty(answer: &impl Serialize) -> String {
    serde_json::to_string_pretty(answer).unwrap_or_default()
}

/// JSON in one line.
pub fn compact(answer: &impl Serialize) -> String {
    serde_json::to_string(answer).unwrap_or_default()
}

/// Prints a line, with its colours where a terminal shows them and `NO_COLOR` is not set; `false` when nobody reads
/// any more. What cannot be written for another reason, such as a full disk, ends the program: nobody is to take a part
/// for the whole.
pub fn print(line: &str) -> bool {
    let mut output = anstream::stdout();
    match writeln!(output, "{line}").and_then(|()| output.flush()) {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => false,
        Err(error) => {
            eprintln!("larder: the output cannot be written: {error}");
            std::process::exit(NOT_WRITTEN)
        }
    }
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
