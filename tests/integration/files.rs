//! No test file is forgotten: with `autotests = false` one that no module names would never run.

use std::fs;
use std::path::Path;

#[test]
fn every_test_file_is_part_of_a_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let manifest = fs::read_to_string(folder.with_file_name("Cargo.toml")).expect("a manifest");
    for entry in fs::read_dir(&folder).expect("readable").map(|entry| entry.expect("an entry").path()) {
        let name = entry.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        if entry.extension().is_some_and(|end| end == "rs") {
            assert!(manifest.contains(&format!("\"tests/{name}\"")), "Cargo.toml does not list tests/{name}");
        }
    }
    for entry in fs::read_dir(&folder).expect("readable").map(|entry| entry.expect("an entry").path()) {
        if entry.join("main.rs").exists() {
            let name = entry.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
            assert!(manifest.contains(&format!("\"tests/{name}/main.rs\"")), "Cargo.toml does not list tests/{name}");
        }
    }
    let sources = rust_files(&folder.join("integration"));
    let all: String = sources.iter().map(|path| fs::read_to_string(path).expect("readable")).collect();
    for path in sources.iter().filter(|path| !path.ends_with("main.rs") && !path.ends_with("mod.rs")) {
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        assert!(all.contains(&format!("mod {name};")), "no module declares {}", path.display());
    }
}

fn rust_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).expect("readable").map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let inner = folders.iter().flat_map(|folder| rust_files(folder));
    inner.chain(files.into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs"))).collect()
}
