//! What a start does about a data dir's own state: it is its owner's alone, and what a kill left half done is gone.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::ServerError;
use crate::front::tls::authority;
use crate::pods::library;

/// Folders of a data dir that hold what nobody else may see.
const PRIVATE: [&str; 6] = ["store", "blobs", "trees", "staging", authority::FOLDER, RUN];

/// The one that a start makes, as it says which data dir this is.
const RUN: &str = "run";

/// Names that a data dir may have in it.
const OURS: [&str; 10] =
    ["store", "blobs", "trees", RUN, "staging", authority::FOLDER, "lock", "token", "control.sock", "ephemeral.lock"];

/// Owner only.
const MODE: u32 = 0o700;

/// Makes a folder that is its owner's alone, if it is not there, and says its absolute path.
pub fn make_folder(path: &Path) -> Result<PathBuf, ServerError> {
    let error = |source| ServerError::Io { path: path.to_owned(), source };
    // What functions are given as variables lies in it: nobody else may look.
    fs::DirBuilder::new().recursive(true).mode(MODE).create(path).map_err(error)?;
    path.canonicalize().map_err(error)
}

/// Makes the folders of a data dir, and closes it with what is in it to everybody else, whatever it was. Where other things lie beside ours, only
/// what is ours is closed.
pub fn narrow(data_dir: &Path) -> Result<(), ServerError> {
    let is_all_ours = fs::read_dir(data_dir).is_ok_and(|entries| {
        entries.flatten().all(|entry| {
            let name = entry.file_name();
            OURS.iter().any(|ours| name == *ours) || name.as_encoded_bytes().starts_with(b".tmp")
        })
    });
    let inside = PRIVATE.iter().map(|name| data_dir.join(name));
    for folder in is_all_ours.then(|| data_dir.to_owned()).into_iter().chain(inside) {
        let result = match fs::metadata(&folder) {
            Ok(about) if about.permissions().mode() & 0o777 & !MODE != 0 => {
                tracing::info!(folder = %folder.display(), "is its owner's alone from now on");
                fs::set_permissions(&folder, Permissions::from_mode(MODE))
            }
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound && folder.ends_with(RUN) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::DirBuilder::new().mode(MODE).create(&folder),
            Err(error) => Err(error),
        };
        result.map_err(|source| ServerError::Io { path: folder, source })?;
    }

    Ok(())
}

/// Tells by its name whether a file was left half done.
type IsLeft<'a> = &'a dyn Fn(&str) -> bool;

/// Removes what servers and commands that were killed left half done. The data dir's lock is held: nobody is at work.
pub fn sweep(data_dir: &Path, pods_dir: Option<&Path>) {
    let temporary = |name: &str| name.starts_with(".tmp");
    let places: [(PathBuf, IsLeft); 6] = [
        (data_dir.to_owned(), &temporary),
        (data_dir.join("staging"), &|_| true),
        (data_dir.join("store/checkpoints"), &temporary),
        (data_dir.join("blobs/sha256"), &temporary),
        (data_dir.join("trees"), &|name| name.starts_with("new-")),
        (data_dir.join("run"), &|name| name.starts_with("probe-")),
    ];
    let mut removed = 0_u64;
    for (folder, is_left) in places {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_name().to_str().is_some_and(is_left) {
                removed += u64::from(remove(&entry.path()));
            }
        }
    }

    if removed > 0 {
        tracing::info!(removed, "what a kill left half done is gone");
    }
    if let Ok(library) = library::folder(pods_dir) {
        library::sweep(&library);
    }
}

/// What cannot be removed costs room, and no start.
fn remove(path: &Path) -> bool {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|about| about.is_dir());
    let removed = if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    if let Err(error) = &removed {
        tracing::warn!(path = %path.display(), %error, "is left of a kill and cannot be removed");
    }
    removed.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("is there").permissions().mode() & 0o777
    }

    #[test]
    fn a_wide_data_dir_is_narrowed_but_nobody_elses_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = folder.path().join("own");
        let shared = folder.path().join("shared");
        for dir in [&own, &shared] {
            fs::create_dir_all(dir.join("store")).expect("made");
            for wide in [dir.clone(), dir.join("store")] {
                fs::set_permissions(wide, Permissions::from_mode(0o755)).expect("set");
            }
        }
        fs::write(shared.join("notes.txt"), "of somebody").expect("written");
        for dir in [&own, &shared] {
            narrow(dir).expect("narrowed");
            assert_eq!(mode(&dir.join("store")), 0o700);
        }
        assert_eq!((mode(&own), mode(&shared)), (0o700, 0o755));
    }

    #[test]
    fn leftovers_go_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let left = [
            "staging/.tmpA",
            "staging/pod/state.json",
            "store/checkpoints/.tmpB",
            "blobs/sha256/.tmpC",
            "trees/new-d/x",
        ];
        let kept = ["store/checkpoints/5", "blobs/sha256/ab", "trees/ab/x", "run/link/link.sock", "notes.txt"];
        for file in left.iter().chain(&kept).chain(&["run/probe-7/x"]) {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, "x").expect("written");
        }
        sweep(folder.path(), Some(&folder.path().join("pods")));
        assert!(left.iter().chain(&["run/probe-7"]).all(|file| !folder.path().join(file).exists()));
        assert!(kept.iter().all(|file| folder.path().join(file).exists()));
    }
}
