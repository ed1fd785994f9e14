//! What reads bytes of strangers, as functions of bytes. Each panics where its reader does what it must not.
//!
//! `scripts/fuzz` lets libFuzzer choose the bytes, `tests/fuzz` changes the seeds at random.
#![allow(dead_code, missing_docs, reason = "each program of the fuzzer uses one of them")]

pub mod journal;
pub mod link;
pub mod package;
pub mod pod;
pub mod pod_file;
pub mod request;

/// A reader under test.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// Inputs that are taken as they are.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const ALL: [Target; 5] = [
    Target { name: "journal", run: journal::run, seeds: journal::seeds },
    Target { name: "link", run: link::run, seeds: link::seeds },
    Target { name: "package", run: package::run, seeds: package::seeds },
    Target { name: "pod", run: pod::run, seeds: pod::seeds },
    Target { name: "request", run: request::run, seeds: request::seeds },
];

/// A file of the project.
fn fixture(name: &str) -> Vec<u8> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    // The manifest is the project's, or that of the fuzzer below it.
    let found = [root.join(name), root.join("..").join(name)].into_iter().find(|path| path.exists());
    let path = found.unwrap_or_else(|| panic!("there is no {name}"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A folder in memory, where there is one: a million inputs need no disk.
fn scratch() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a folder can be made")
}
