//! A Chromium, driven by scripts of tests/browser.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::python::run;
use crate::skipped::skipped;

/// How Debian and others call it.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Runs a script with a browser; its arguments come after the folder with what it imports. What it printed; `None` where
/// this machine has no browser.
///
/// # Panics
/// It fails, or there is no browser, but `CI` is `true`.
pub fn script(name: &str, arguments: &[&str]) -> Option<String> {
    let Some(chromium) = chromium() else {
        assert!(!std::env::var("CI").is_ok_and(|found| found == "true"), "a Chromium is required");
        skipped("no Chromium is here");
        return None;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let modules = run(Command::new(root.join("scripts/node-modules")).arg("browser"));
    let mut command = Command::new("node");
    command.arg(root.join("tests/browser").join(name)).arg(modules.trim()).args(arguments).env("CHROMIUM", chromium);
    Some(run(&mut command))
}

fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut files = std::env::split_paths(&path).flat_map(|folder| NAMES.map(|name| folder.join(name)));
    files.find(|file| file.is_file())
}
