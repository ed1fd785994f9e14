//! The Runtime API clients that the sandbox executor runs functions with: files carried inside
//! Larder and written out once, one folder a language, each shown as `/var/runtime`.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A client: the name of its folder and its files.
#[derive(Debug)]
pub struct Client {
    name: &'static str,
    files: &'static [(&'static str, &'static str)],
}

/// The client for Python 3.8 and later.
pub const PYTHON: Client = Client {
    name: "python",
    files: &[
        ("bootstrap", include_str!("bootstrap.sh")),
        ("bootstrap.py", include_str!("python/bootstrap.py")),
        ("larder_api.py", include_str!("python/larder_api.py")),
        ("larder_report.py", include_str!("python/larder_report.py")),
        ("larder_runtime.py", include_str!("python/larder_runtime.py")),
        ("larder_snapshot.py", include_str!("python/larder_snapshot.py")),
        ("snapshot_restore_py.py", include_str!("python/snapshot_restore_py.py")),
    ],
};

/// Modules of the Python client worth compiling ahead of time.
pub const PYTHON_MODULES: [&str; 3] = ["larder_api.py", "larder_report.py", "larder_runtime.py"];

/// The client for Node.js 16 and later.
pub const NODE: Client = Client {
    name: "node",
    files: &[
        ("api.cjs", include_str!("node/api.cjs")),
        ("bootstrap", include_str!("bootstrap.sh")),
        ("bootstrap.cjs", include_str!("node/bootstrap.cjs")),
        ("errors.cjs", include_str!("node/errors.cjs")),
        ("handler.cjs", include_str!("node/handler.cjs")),
        ("log.cjs", include_str!("node/log.cjs")),
        ("node_path.cjs", include_str!("node/node_path.cjs")),
        ("node_path.mjs", include_str!("node/node_path.mjs")),
        ("standby.cjs", include_str!("node/standby.cjs")),
        ("streaming.cjs", include_str!("node/streaming.cjs")),
    ],
};

impl Client {
    /// Where the client is below `base`.
    pub fn folder(&self, base: &Path) -> PathBuf {
        base.join(self.name)
    }

    /// Writes the client below `base`, readable by all, leaving files alone that are right already.
    pub fn write(&self, base: &Path) -> io::Result<PathBuf> {
        let folder = self.folder(base);
        std::fs::create_dir_all(&folder)?;
        std::fs::set_permissions(&folder, Permissions::from_mode(0o755))?;
        for (name, text) in self.files {
            let path = folder.join(name);
            if std::fs::read(&path).is_ok_and(|found| found == text.as_bytes()) {
                continue;
            }
            // A running environment keeps the file it has open, and two runtimes of one language may be made ready at once.
            let mut fresh = NamedTempFile::new_in(&folder)?;
            fresh.write_all(text.as_bytes())?;
            let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
            fresh.as_file().set_permissions(Permissions::from_mode(mode))?;
            fresh.persist(&path)?;
        }

        Ok(folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_written_once_and_mended() {
        let base = tempfile::tempdir().expect("a temporary folder");
        let folder = PYTHON.write(base.path()).expect("written");
        let file = folder.join("bootstrap.py");
        let first = std::fs::metadata(&file).expect("there").modified().expect("a time");
        PYTHON.write(base.path()).expect("written");
        let second = std::fs::metadata(&file).expect("there").modified().expect("a time");
        assert_eq!(first, second);
        std::fs::write(&file, "broken").expect("written");
        PYTHON.write(base.path()).expect("written");
        assert_eq!(std::fs::read_to_string(&file).expect("there"), include_str!("python/bootstrap.py"));
    }

    #[test]
    fn several_may_write_it_at_once() {
        let base = tempfile::tempdir().expect("a temporary folder");
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..8).map(|_| scope.spawn(|| PYTHON.write(base.path()))).collect();
            for writer in writers {
                writer.join().expect("ends").expect("written");
            }
        });

        let names = std::fs::read_dir(PYTHON.folder(base.path())).expect("is there").count();
        assert_eq!(names, PYTHON.files.len(), "nothing else is left there");
    }
}
