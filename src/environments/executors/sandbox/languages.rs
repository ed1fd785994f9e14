//! The host's language installations, found when a runtime first needs one and remembered.

use std::collections::HashMap;
use std::env;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use crate::environments::executor::ExecutorError;

/// Minor versions of Python 3 that are looked for, the oldest that the client supports first.
const PYTHONS: std::ops::RangeInclusive<u32> = 8..=20;

/// Asks Python where it really is: a shim or a virtual environment is not where its library lies.
const ASK_PYTHON: &str = "import os, sys
program = getattr(sys, '_base_executable', None) or sys.executable
print(os.path.realpath(program), sys.base_prefix, sys.base_exec_prefix, \
'%d.%d.%d' % sys.version_info[:3], sep='\\n')";

/// Asks Node.js the same.
const ASK_NODE: &str = "console.log([process.execPath, '', '', process.versions.node].join('\\n'))";

/// Folders that are never shown as a whole, though an installation may have one as its prefix.
const TOO_WIDE: [&str; 12] =
    ["/", "/home", "/root", "/opt", "/tmp", "/var", "/run", "/srv", "/mnt", "/media", "/boot", "/var/lib"];

/// A runtime of AWS that this executor knows how to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Python 3 of a minor version.
    Python(u32),
    /// Node.js of a major version.
    Node(u32),
    /// The function's own bootstrap.
    Provided,
}

impl Language {
    /// Reads a runtime's name as in the API; `None` for one this executor cannot run.
    pub fn of(runtime: &str) -> Option<Self> {
        if let Some(minor) = runtime.strip_prefix("python3.") {
            return minor.parse().ok().map(Language::Python);
        }
        if let Some(version) = runtime.strip_prefix("nodejs") {
            return version.strip_suffix(".x")?.parse().ok().map(Language::Node);
        }
        let provided = ["provided", "provided.al2", "provided.al2023"];
        provided.contains(&runtime).then_some(Language::Provided)
    }
}

/// Why a runtime cannot run here, and what mends it.
pub fn missing(runtime: &str) -> ExecutorError {
    let program = match Language::of(runtime) {
        Some(Language::Python(_)) => "Python 3.8 or later (python3)",
        Some(Language::Node(_)) => "Node.js (node)",
        _ => {
            return ExecutorError::RuntimeMissing(format!(
                "the sandbox executor runs Python, Node.js and provided runtimes; \
                 {runtime} needs the docker executor"
            ));
        }
    };
    ExecutorError::RuntimeMissing(format!(
        "{runtime} needs {program} on the PATH of this machine; install it or use the docker executor"
    ))
}

/// A language installation on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// The program itself, no shim and no link.
    pub program: PathBuf,
    /// Folders outside the system's own that it needs.
    pub prefixes: Vec<PathBuf>,
    /// Its version, such as `3.11.7`.
    pub version: String,
}

impl Installation {
    /// Whether it is the version that the language names.
    pub fn is_exact(&self, language: Language) -> bool {
        let wanted = match language {
            Language::Python(minor) => format!("3.{minor}."),
            Language::Node(major) => format!("{major}."),
            Language::Provided => return true,
        };
        self.version.starts_with(&wanted)
    }
}

/// What was found so far.
#[derive(Debug, Default)]
pub struct Languages {
    found: Mutex<HashMap<Language, Option<Arc<Installation>>>>,
}

impl Languages {
    /// The installation to run `language` with: the exact version, else the nearest. The first
    /// call for a language starts its program once, some 20 to 100 ms.
    pub fn find(&self, language: Language) -> Option<Arc<Installation>> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let search = || search(language, &search_path()).map(Arc::new);
        found.entry(language).or_insert_with(search).clone()
    }
}

/// The folders of this process's PATH.
fn search_path() -> Vec<PathBuf> {
    env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect()
}

fn search(language: Language, path: &[PathBuf]) -> Option<Installation> {
    match language {
        Language::Python(minor) => {
            let named = by_distance(minor).map(|minor| format!("python3.{minor}"));
            named
                .chain(["python3".to_owned()])
                .flat_map(|name| candidates(&name, path))
                .find_map(|program| ask(&program, &["-I", "-S", "-c", ASK_PYTHON]))
        }
        Language::Node(major) => {
            let programs = candidates("node", path);
            let beside = programs.iter().filter_map(|program| beside(program, major));
            let first = beside.chain(programs.iter().cloned());
            first.into_iter().find_map(|program| ask_node(&program))
        }
        Language::Provided => None,
    }
}

/// Minor versions of Python, the nearest to `wanted` first and the newer of two.
fn by_distance(wanted: u32) -> impl Iterator<Item = u32> {
    let mut minors: Vec<u32> = PYTHONS.collect();
    minors.sort_by_key(|minor| (minor.abs_diff(wanted), u32::MAX - minor));
    minors.into_iter()
}

/// Programs of a name, in the order of the path. Where pyenv's shims come up (scripts that know
/// only the versions switched on), its installations are looked through instead.
fn candidates(name: &str, path: &[PathBuf]) -> Vec<PathBuf> {
    let places = path.iter().flat_map(|folder| {
        let versions = folder.with_file_name("versions");
        if folder.file_name() == Some(OsStr::new("shims")) && versions.is_dir() {
            let installed = newest_first(&versions);
            installed.into_iter().map(|version| version.join("bin").join(name)).collect()
        } else {
            vec![folder.join(name)]
        }
    });
    places.filter(|program| is_program(program)).collect()
}

/// The same program of another major version where versions lie side by side, as nvm keeps them:
/// `…/versions/node/v20.1.0/bin/node`.
fn beside(program: &Path, major: u32) -> Option<PathBuf> {
    let versions = program.parent()?.parent()?.parent()?;
    let start = format!("v{major}.");
    let installed = newest_first(versions).into_iter();
    installed
        .filter(|folder| folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&start)))
        .map(|folder| folder.join("bin/node"))
        .find(|program| is_program(program))
}

/// The folders inside `folder`, by version number, the highest first.
fn newest_first(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    folders.sort_by_key(|folder| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let numbers = name.trim_start_matches('v').split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        std::cmp::Reverse(numbers.collect::<Vec<_>>())
    });
    folders
}

fn is_program(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Asks Node.js; its prefix is the folder above `bin`.
fn ask_node(program: &Path) -> Option<Installation> {
    let mut node = ask(program, &["-e", ASK_NODE])?;
    let prefix = node.program.parent()?.parent()?.to_owned();
    node.prefixes = shown(&[prefix])?;
    Some(node)
}

/// Runs a program with a question; `None` if it does not answer, or cannot be shown inside.
fn ask(program: &Path, question: &[&str]) -> Option<Installation> {
    let output = Command::new(program).args(question).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut lines = text.lines();
    let program = PathBuf::from(lines.next()?);
    let prefixes: Vec<PathBuf> = lines.by_ref().take(2).map(PathBuf::from).collect();
    let version = lines.next()?.to_owned();
    Some(Installation { prefixes: shown(&prefixes)?, program, version })
}

/// The folders to bind for `prefixes`: none inside the system's own, each once. `None` if one is
/// so wide that it would show what must stay hidden.
fn shown(prefixes: &[PathBuf]) -> Option<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for prefix in prefixes.iter().filter(|prefix| !prefix.as_os_str().is_empty()) {
        let prefix = std::fs::canonicalize(prefix).ok()?;
        if ["/usr", "/nix", "/gnu"].iter().any(|system| prefix.starts_with(system)) {
            continue;
        }
        let is_home = env::var_os("HOME").is_some_and(|home| prefix == Path::new(&home))
            || prefix.parent() == Some(Path::new("/home"));
        if is_home || TOO_WIDE.iter().any(|wide| prefix == Path::new(wide)) {
            return None;
        }
        // Homebrew's packages use each other's libraries.
        let brew = Path::new("/home/linuxbrew/.linuxbrew");
        let folder = if prefix.starts_with(brew) { brew.to_owned() } else { prefix };
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    Some(folders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_are_read_by_their_names() {
        assert_eq!(Language::of("python3.12"), Some(Language::Python(12)));
        assert_eq!(Language::of("nodejs20.x"), Some(Language::Node(20)));
        assert_eq!(Language::of("provided.al2023"), Some(Language::Provided));
        for other in ["java21", "nodejs", "python2.7", "go1.x", "provided.", "nodejs4.3", ""] {
            assert_eq!(Language::of(other), None, "{other}");
        }
    }

    #[test]
    fn the_nearest_python_comes_first_and_of_two_the_newer() {
        let order: Vec<u32> = by_distance(12).take(4).collect();
        assert_eq!(order, [12, 13, 11, 14]);
        assert_eq!(by_distance(99).next(), Some(20));
    }

    #[test]
    fn a_home_folder_is_never_shown() {
        assert_eq!(shown(&[PathBuf::from("/")]), None);
        assert_eq!(shown(&[PathBuf::from("/tmp")]), None);
        assert_eq!(shown(&[PathBuf::from("/usr/local"), PathBuf::new()]), Some(vec![]));
    }

    #[test]
    fn pyenvs_versions_are_found_without_its_shims() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let make = |path: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            std::fs::write(&path, "#!/bin/sh\n").expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("set");
            path
        };
        make("shims/python3.12");
        make("versions/3.12.9/bin/python3.12");
        let newest = make("versions/3.12.10/bin/python3.12");
        let found = candidates("python3.12", &[folder.path().join("shims")]);
        assert_eq!(found.first(), Some(&newest));
        assert_eq!(found.len(), 2);
    }
}
