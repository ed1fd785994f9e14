//! Which folders can be run from.

use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use super::Root;
use crate::model::hot_folder::{HotFolder, HotFolderError};

/// The right of others to list a folder and to enter it.
const OTHERS: u32 = 0o005;

/// Why a folder cannot be run from.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Its text names none.
    #[error(transparent)]
    Text(#[from] HotFolderError),
    /// It is not there.
    #[error("the hot-reload folder {} cannot be found ({source}); create it, or give the path of one that is there", .path.display())]
    Missing {
        /// The path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is something else.
    #[error("the hot-reload path {} is no folder; give the folder that the file is in", .0.display())]
    NoFolder(PathBuf),
    /// Functions run as another user, who cannot look into it.
    #[error(
        "the hot-reload folder {path} cannot be read by functions, which run as a user of their own; let others read \
         it: chmod o+rx {path}", path = .0.display()
    )]
    Unreadable(PathBuf),
    /// Functions could read everything that Larder keeps.
    #[error(
        "the hot-reload folder {} holds Larder's data dir {}; name a folder below it, or give the server another --data-dir",
        .folder.display(), .data_dir.display()
    )]
    HoldsData {
        /// The folder.
        folder: PathBuf,
        /// The data dir.
        data_dir: PathBuf,
    },
    /// The engine does not see it.
    #[error(
        "the hot-reload folder {} cannot be mounted: the Docker engine is on another machine; use an engine of this \
         machine or --executor sandbox", .0.display()
    )]
    OutOfReach(PathBuf),
    /// The server ends.
    #[error("the server is shutting down")]
    Closing,
}

impl FolderError {
    /// Whether it is likely to be over soon: a folder that is being made anew.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }
}

/// The rules that a folder has to obey.
#[derive(Debug, Clone)]
pub struct Folders {
    /// The name of the bucket whose keys are folders (`BUCKET_MARKER_LOCAL`).
    pub bucket: String,
    /// What no function may see.
    pub data_dir: PathBuf,
    /// Whether functions run as another user than the server.
    pub other_user: bool,
    /// Whether functions run on another machine.
    pub out_of_reach: bool,
}

impl Folders {
    /// The folder's path, links followed.
    pub fn path(&self, folder: &HotFolder) -> Result<PathBuf, FolderError> {
        let path = PathBuf::from(folder.resolve(|name| std::env::var(name).ok())?);
        path.canonicalize().map_err(|source| FolderError::Missing { path, source })
    }

    /// The folder's path, and which folder it is now.
    ///
    /// # Errors
    /// It cannot be run from.
    pub fn check(&self, folder: &HotFolder) -> Result<(PathBuf, Root), FolderError> {
        let path = self.path(folder)?;
        let about = path.metadata();
        let about = about.map_err(|source| FolderError::Missing { path: path.clone(), source })?;
        if self.out_of_reach {
            return Err(FolderError::OutOfReach(path));
        }
        if !about.is_dir() {
            return Err(FolderError::NoFolder(path));
        }
        if self.data_dir.starts_with(&path) || path.starts_with(&self.data_dir) {
            return Err(FolderError::HoldsData { folder: path, data_dir: self.data_dir.clone() });
        }
        if self.other_user && about.permissions().mode() & OTHERS != OTHERS {
            return Err(FolderError::Unreadable(path));
        }
        let made = about.created().ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        let made = u64::try_from(made.as_nanos()).unwrap_or_default();
        Ok((path, (about.dev(), about.ino(), made)))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_cannot_be_run_from_is_refused_by_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("is there");
        let at = |name: &str| HotFolder(root.join(name).display().to_string());
        for name in ["code", "data", "closed"] {
            fs::create_dir(root.join(name)).expect("made");
        }
        for (name, mode) in [("code", 0o755), ("closed", 0o700)] {
            fs::set_permissions(root.join(name), fs::Permissions::from_mode(mode)).expect("set");
        }
        fs::write(root.join("file"), "").expect("written");
        let rules = Folders {
            bucket: "hot-reload".to_owned(),
            data_dir: root.join("data"),
            other_user: true,
            out_of_reach: false,
        };
        assert_eq!(rules.check(&at("code")).expect("can be").0, root.join("code"));
        assert!(matches!(rules.check(&at("none")), Err(FolderError::Missing { .. })));
        assert!(matches!(rules.check(&at("file")), Err(FolderError::NoFolder(_))));
        assert!(matches!(rules.check(&at("closed")), Err(FolderError::Unreadable(_))));
        for name in ["", "data"] {
            assert!(matches!(rules.check(&at(name)), Err(FolderError::HoldsData { .. })), "{name}");
        }
        let own = Folders { other_user: false, ..rules };
        own.check(&at("closed")).expect("the user's own");
    }
}
