//! Tests that cannot run on this machine say so: they are never silently green.

use std::io::Write as _;

/// Says why a test does not run: where nobody captures it, and in the file that `LARDER_SKIPPED` names, of which
/// scripts/test tells at its end how many there are.
pub fn skipped(why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let line = format!("skipped: {test}: {}\n", why.trim_end());
    // Not by a macro: what those print is captured.
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(list) = std::env::var_os("LARDER_SKIPPED") {
        let list = std::fs::OpenOptions::new().append(true).create(true).open(list);
        list.and_then(|mut list| list.write_all(line.as_bytes())).expect("the list of skipped tests can be written");
    }
}
