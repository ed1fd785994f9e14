//! The order of the rooms: a path from a room to one above it fails here, and so do circles of files inside a room.
//! The compiler does not see this inside one crate.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms from the outside in. Each may use those below it.
const ROOMS: [&str; 22] = [
    "cli",
    "server",
    "config",
    "front",
    "console",
    "services",
    "desk",
    "protocol",
    "reactors",
    "invoke",
    "pods",
    "environments",
    "upstream",
    "blobs",
    "messages",
    "ledger",
    "disk",
    "tls",
    "clock",
    "memory",
    "runs",
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
fn model_and_runs_know_no_outside() {
    for path in ["model", "runs"].iter().flat_map(|room| sources(&root().join(room))) {
        let code = code(&path);
        for name in OUTSIDE_THE_MODEL {
            assert!(!code.contains(&format!("{name}::")), "{} uses {name}", path.display());
        }
        assert!(!code.contains("async fn"), "{} is asynchronous", path.display());
    }
}

/// The module of a source file: `["ledger", "journal"]`.
fn module(path: &Path) -> Vec<String> {
    let relative = path.strip_prefix(root()).expect("a source of ours").with_extension("");
    let mut module: Vec<String> =
        relative.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    module
}

/// The code of a file before its tests.
fn code_without_tests(path: &Path) -> String {
    let code = code(path);
    let end = code.find("#[cfg(test)]\nmod ").unwrap_or(code.len());
    code[..end].to_owned()
}

/// The paths that a code's `use` lines and expressions lead to, from the root of the crate.
fn used_paths(code: &str, module: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for beginning in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(beginning) {
            // A name that ends like this, or the middle of a path that was seen from its beginning.
            if code[..at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':') {
                continue;
            }
            let from = match beginning {
                "crate::" => Vec::new(),
                "super::" => module[..module.len().saturating_sub(1)].to_vec(),
                _ => module.to_vec(),
            };
            leaves(&code[at + beginning.len()..], &from, &mut found);
        }
    }
    found
}

/// The ends of the tree of paths that a text begins with.
fn leaves<'a>(mut text: &'a str, from: &[String], found: &mut Vec<Vec<String>>) -> &'a str {
    let mut path = from.to_vec();
    loop {
        if let Some(group) = text.strip_prefix('{') {
            text = group;
            loop {
                text = leaves(text.trim_start(), &path, found).trim_start();
                text = text.strip_prefix(',').unwrap_or(text).trim_start();
                if let Some(rest) = text.strip_prefix('}') {
                    return rest;
                }
                if text.is_empty() {
                    return text;
                }
            }
        }
        let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        match name {
            "super" => drop(path.pop()),
            "" | "self" => {}
            name => path.push(name.to_owned()),
        }
        if let Some(rest) = rest.strip_prefix("::") {
            text = rest;
            continue;
        }
        found.push(path);
        // What it is called here, or an end that is all names.
        let rest = rest.trim_start_matches(['*', ':', '<']);
        let name = |letter: char| letter.is_alphanumeric() || letter == '_';
        return rest.strip_prefix(" as ").map_or(rest, |alias| alias.trim_start_matches(name));
    }
}

/// Which files a file of ours uses.
fn used_files(modules: &BTreeMap<Vec<String>, PathBuf>) -> BTreeMap<&[String], BTreeSet<&[String]>> {
    let file_of = |path: &[String]| (1..=path.len()).rev().find_map(|end| modules.get_key_value(&path[..end]));
    let uses = modules.iter().map(|(module, path)| {
        let paths = used_paths(&code_without_tests(path), module);
        let files = paths.iter().filter_map(|path| file_of(path)).map(|(used, _)| used.as_slice());
        (module.as_slice(), files.filter(|used| *used != module.as_slice()).collect())
    });
    uses.collect()
}

/// A way from a file back to itself that stays in its room, if there is one.
fn circle<'a>(
    uses: &BTreeMap<&'a [String], BTreeSet<&'a [String]>>,
    way: &mut Vec<&'a [String]>,
    done: &mut BTreeSet<&'a [String]>,
) -> Option<Vec<String>> {
    let last = *way.last().expect("a way has a beginning");
    for next in uses.get(last).into_iter().flatten().copied().filter(|next| next[0] == last[0]) {
        if let Some(at) = way.iter().position(|passed| *passed == next) {
            return Some(way[at..].iter().map(|file| file.join("::")).collect());
        }
        if !done.contains(next) {
            way.push(next);
            if let Some(found) = circle(uses, way, done) {
                return Some(found);
            }
            way.pop();
        }
    }
    done.insert(last);
    None
}

#[test]
fn no_files_of_a_room_go_in_a_circle() {
    let modules: BTreeMap<_, _> = sources(&root()).into_iter().map(|path| (module(&path), path)).collect();
    let uses = used_files(&modules);
    assert!(uses.values().map(BTreeSet::len).sum::<usize>() > 1000, "the check sees who uses whom");
    let mut done = BTreeSet::new();
    for file in uses.keys() {
        let found = circle(&uses, &mut vec![file], &mut done);
        assert!(found.is_none(), "these files go in a circle: {}", found.unwrap_or_default().join(" -> "));
    }
}

#[test]
fn nobody_climbs_more_than_one_step() {
    for path in sources(&root()) {
        assert!(!code(&path).contains("super::super::"), "{} climbs: write the path from crate", path.display());
    }
}

#[test]
fn the_check_sees_a_path() {
    assert_eq!(used_rooms("use crate::api::Api; crate::model"), ["api", "model"]);
}

#[test]
fn the_check_sees_trees_of_paths() {
    let module = ["pods".to_owned(), "read".to_owned()];
    let code = "use super::{a::{self, B as C}, d};\nuse crate::x::*; self::y::z(); my_crate::no();";
    let paths: Vec<_> = used_paths(code, &module).iter().map(|path| path.join("::")).collect();
    assert_eq!(paths, ["x", "pods::a", "pods::a::B", "pods::d", "pods::read::y::z"]);
}

#[test]
fn the_check_sees_a_circle() {
    let [one, two, other] =
        ["a::one", "a::two", "b"].map(|name| name.split("::").map(str::to_owned).collect::<Vec<_>>());
    let mut uses = BTreeMap::from([(&*one, BTreeSet::from([&*two])), (&*two, BTreeSet::from([&*other]))]);
    assert_eq!(circle(&uses, &mut vec![&one], &mut BTreeSet::new()), None);
    uses.insert(&two, BTreeSet::from([&*one]));
    assert!(circle(&uses, &mut vec![&one], &mut BTreeSet::new()).is_some());
}
