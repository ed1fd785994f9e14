//! The order of the rooms: a path from a room to one above it fails here. The compiler does not see
//! this inside one crate.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms from the outside in. Each may use those below it.
const ROOMS: [&str; 16] = [
    "cli",
    "server",
    "config",
    "front",
    "console",
    "services",
    "desk",
    "protocol",
    "invoke",
    "pods",
    "environments",
    "upstream",
    "blobs",
    "ledger",
    "disk",
    "model",
];

/// Names that start a path which leaves its own room.
const OUTSIDE_THE_MODEL: [&str; 7] = ["tokio", "axum", "std::fs", "std::net", "std::time", "rand", "tracing"];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the sources can be read");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The room of a source file: its first folder, or its own name.
fn room(path: &Path) -> String {
    let relative = path.strip_prefix(root()).expect("a source of ours");
    let first = relative.components().next().expect("a name").as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The code of a file without comments: docs may point anywhere.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a source is text");
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The rooms that a file's `crate::` paths lead to.
fn used_rooms(code: &str) -> Vec<String> {
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    code.split("crate::").skip(1).map(|rest| rest.chars().take_while(|letter| is_name(*letter)).collect()).collect()
}

#[test]
fn no_arrow_runs_back() {
    let place = |room: &str| ROOMS.iter().position(|name| *name == room);
    let mut backward = Vec::new();
    for path in sources(&root()) {
        let from = room(&path);
        if from == "lib" || from == "main" {
            continue;
        }
        let own = place(&from).unwrap_or_else(|| panic!("{from} is not in the list of rooms"));
        for used in used_rooms(&code(&path)) {
            match place(&used) {
                Some(other) if other < own => backward.push(format!("{}: crate::{used}", path.display())),
                Some(_) => {}
                None => backward.push(format!("{}: crate::{used} is no room", path.display())),
            }
        }
    }
    assert!(backward.is_empty(), "arrows that run back:\n{}", backward.join("\n"));
}

#[test]
fn the_model_knows_no_outside() {
    for path in sources(&root().join("model")) {
        let code = code(&path);
        for name in OUTSIDE_THE_MODEL {
            assert!(!code.contains(&format!("{name}::")), "{} uses {name}", path.display());
        }
        assert!(!code.contains("async fn"), "{} is asynchronous", path.display());
    }
}

#[test]
fn the_check_sees_a_path() {
    assert_eq!(used_rooms("use crate::api::Api; crate::model"), ["api", "model"]);
}
