//! Which folders can be run from.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rustix::fs::{Mode, OFlags, open};

use super::contents::{self, Special};
use super::{Root, mounts};
use crate::model::hot_folder::{HotFolder, HotFolderError};

/// The right of others to list a folder and to enter it.
const OTHERS: u32 = 0o005;

/// Places of the machine that no function may see, and whose sockets none may reach.
const SYSTEM: [&str; 5] = ["/dev", "/proc", "/run", "/sys", "/var/run"];

/// Why a folder cannot be run from. Folders are named as they were written: where a variable leads is nobody's
/// business.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Its text names none.
    #[error(transparent)]
    Text(#[from] HotFolderError),
    /// It is below none of the roots.
    #[error(
        "the hot-reload folder {0} is in none of the folders that functions may run from; start the server with \
         --hot-reload-root and that folder, or one above it"
    )]
    OutsideRoots(String),
    /// It is not there.
    #[error(
        "the hot-reload folder {folder} cannot be found ({source}); create it, or give the path of one that is there"
    )]
    Missing {
        /// The folder.
        folder: String,
        /// What the system says.
        source: io::Error,
    },
    /// It is something else.
    #[error("the hot-reload path {0} is no folder; give the folder that the file is in")]
    NoFolder(String),
    /// It shows the machine.
    #[error(
        "the hot-reload folder {folder} is or holds a part of the system ({part}), which no function may see; name \
         another folder below a --hot-reload-root"
    )]
    System {
        /// The folder.
        folder: String,
        /// Which part.
        part: &'static str,
    },
    /// A function could reach other processes through it.
    #[error(
        "the hot-reload folder {folder} holds {} ({}), through which a function would reach this machine; move it \
         away, or name another folder below a --hot-reload-root", .special.kind, .special.place.display()
    )]
    Special {
        /// The folder.
        folder: String,
        /// What is in it.
        special: Special,
    },
    /// Functions run as another user, who cannot look into it.
    #[error(
        "the hot-reload folder {0} cannot be read by functions, which run as a user of their own; let others read it: \
         chmod o+rx {0}"
    )]
    Unreadable(String),
    /// Functions could read everything that Larder keeps.
    #[error(
        "the hot-reload folder {0} holds Larder's data dir, or is in it; name a folder beside it, below a \
         --hot-reload-root, or give the server another --data-dir"
    )]
    HoldsData(String),
    /// The engine does not see it.
    #[error(
        "the hot-reload folder {0} cannot be mounted: the Docker engine is on another machine; use an engine of this \
         machine or --executor sandbox"
    )]
    OutOfReach(String),
    /// Nobody said that the function may have a folder of this machine.
    #[error(
        "the function {0} came with a pod that nobody vouched for, and asks for a folder of this machine; if you trust \
         it, load the pod with --trust"
    )]
    Inert(String),
    /// The server ends.
    #[error("the server is shutting down")]
    Closing,
}

impl FolderError {
    /// Whether it is likely to be over soon: a folder that is being made anew.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }

    /// Whether functions that have the folder must not go on.
    pub fn is_way_out(&self) -> bool {
        matches!(self, Self::Special { .. } | Self::System { .. } | Self::OutsideRoots(_) | Self::HoldsData(_))
    }
}

/// The rules that a folder has to obey.
#[derive(Debug, Clone)]
pub struct Folders {
    /// The name of the bucket whose keys are folders (`BUCKET_MARKER_LOCAL`).
    pub bucket: String,
    /// The folders that all others have to be in, links followed.
    pub roots: Vec<PathBuf>,
    /// What no function may see.
    pub data_dir: PathBuf,
    /// Whether functions run as another user than the server.
    pub other_user: bool,
    /// Whether functions run on another machine.
    pub out_of_reach: bool,
}

/// A folder that was found, and is held: whatever its path leads to later, this is the one that was looked at.
#[derive(Debug)]
pub struct Found {
    /// Its path, links followed.
    pub path: PathBuf,
    /// Which one it is.
    pub root: Root,
    /// The folder, opened.
    pub handle: OwnedFd,
}

impl Folders {
    /// Finds a folder, and which one it is now.
    ///
    /// # Errors
    /// It cannot be run from, for what it is or where.
    pub fn find(&self, folder: &HotFolder) -> Result<Found, FolderError> {
        let written = PathBuf::from(folder.resolve(|name| std::env::var(name).ok())?);
        let name = || folder.to_string();
        // Whether there is something elsewhere is not told either.
        let missing = |source: io::Error| {
            if self.has(&written) {
                FolderError::Missing { folder: name(), source }
            } else {
                FolderError::OutsideRoots(name())
            }
        };
        // What is checked from here on is what is held, not what the path leads to next.
        let handle = open(&written, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(|it| missing(it.into()))?;
        let path = std::fs::read_link(format!("/proc/self/fd/{}", handle.as_raw_fd())).map_err(missing)?;
        let held = File::from(handle);
        let about = held.metadata().map_err(missing)?;
        self.refuse_place(&name, &path)?;
        if about.nlink() == 0 {
            return Err(FolderError::Missing { folder: name(), source: io::ErrorKind::NotFound.into() });
        }
        if self.out_of_reach {
            return Err(FolderError::OutOfReach(name()));
        }
        if !about.is_dir() {
            return Err(FolderError::NoFolder(name()));
        }
        if self.other_user && about.permissions().mode() & OTHERS != OTHERS {
            return Err(FolderError::Unreadable(name()));
        }

        Ok(Found { path, root: root(&about), handle: held.into() })
    }

    /// Refuses a path for where it is.
    fn refuse_place(&self, name: &impl Fn() -> String, path: &Path) -> Result<(), FolderError> {
        if !self.roots.iter().any(|root| path.starts_with(root)) {
            return Err(FolderError::OutsideRoots(name()));
        }
        let is_part = |part: &&str| path.starts_with(part) || Path::new(part).starts_with(path);
        if let Some(part) = SYSTEM.into_iter().find(is_part) {
            return Err(FolderError::System { folder: name(), part });
        }
        if self.data_dir.starts_with(path) || path.starts_with(&self.data_dir) {
            return Err(FolderError::HoldsData(name()));
        }

        Ok(())
    }

    /// Whether a path as it was written is in a root, as far as that can be told of one that is not there.
    fn has(&self, written: &Path) -> bool {
        let there = written.ancestors().find_map(|above| above.canonicalize().ok());
        there.is_some_and(|above| self.roots.iter().any(|root| above.starts_with(root)))
    }

    /// Refuses a folder for what it holds. Walks all of it.
    ///
    /// # Errors
    /// It holds what leads out of it.
    pub fn refuse_contents(folder: &HotFolder, found: &Found) -> Result<(), FolderError> {
        let missing = |source| FolderError::Missing { folder: folder.to_string(), source };
        if let Some(part) = mounts::refused_kind(found.handle.as_fd(), &found.path).map_err(missing)? {
            return Err(FolderError::System { folder: folder.to_string(), part });
        }
        match contents::first_special(found.handle.as_fd()).map_err(missing)? {
            Some(special) => Err(FolderError::Special { folder: folder.to_string(), special }),
            None => Ok(()),
        }
    }
}

fn root(about: &std::fs::Metadata) -> Root {
    let made = about.created().ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    (about.dev(), about.ino(), u64::try_from(made.as_nanos()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    fn rules(root: &Path) -> Folders {
        Folders {
            bucket: "hot-reload".to_owned(),
            roots: vec![root.to_owned()],
            data_dir: root.join("data"),
            other_user: true,
            out_of_reach: false,
        }
    }

    fn make(root: &Path, names: &[&str]) {
        for name in names {
            fs::create_dir_all(root.join(name)).expect("made");
            fs::set_permissions(root.join(name), fs::Permissions::from_mode(0o755)).expect("set");
        }
    }

    #[test]
    fn what_cannot_be_run_from_is_refused_by_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("is there");
        let at = |name: &str| HotFolder(root.join(name).display().to_string());
        make(&root, &["code", "data", "closed"]);
        fs::set_permissions(root.join("closed"), fs::Permissions::from_mode(0o700)).expect("set");
        fs::write(root.join("file"), "").expect("written");
        let rules = rules(&root);
        assert_eq!(rules.find(&at("code")).expect("can be").path, root.join("code"));
        assert!(matches!(rules.find(&at("none")), Err(FolderError::Missing { .. })));
        assert!(matches!(rules.find(&at("file")), Err(FolderError::NoFolder(_))));
        assert!(matches!(rules.find(&at("closed")), Err(FolderError::Unreadable(_))));
        for name in ["", "data"] {
            assert!(matches!(rules.find(&at(name)), Err(FolderError::HoldsData(_))), "{name}");
        }
        let own = Folders { other_user: false, ..rules };
        own.find(&at("closed")).expect("the user's own");
    }

    #[test]
    fn no_link_leads_out_of_the_roots() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("is there");
        make(&root, &["in/code", "out"]);
        symlink(root.join("out"), root.join("in/link")).expect("linked");
        symlink(root.join("in/code"), root.join("out/back")).expect("linked");
        let rules = Folders { data_dir: root.join("data"), ..rules(&root.join("in")) };
        let find = |path: &str| rules.find(&HotFolder(path.replace('@', &root.display().to_string())));
        for path in ["@/out", "@/in/link", "@/in/../out", "@/out/none", "@", "/", "/etc", "/none", "@/in-not"] {
            assert!(matches!(find(path), Err(FolderError::OutsideRoots(_))), "{path}: {:?}", find(path));
        }
        for path in ["@/in", "@/in/code", "@/out/back", "@/in/../in/code"] {
            find(path).expect(path);
        }
        // The folder that was looked at stays the one, whatever its path leads to.
        let found = find("@/in/code").expect("is there");
        fs::rename(root.join("in/code"), root.join("in/old")).expect("renamed");
        symlink(root.join("out"), root.join("in/code")).expect("linked");
        assert_eq!(fs::read_link(format!("/proc/self/fd/{}", found.handle.as_raw_fd())).unwrap(), root.join("in/old"));
        assert!(matches!(find("@/in/code"), Err(FolderError::OutsideRoots(_))));
    }

    #[test]
    fn the_system_is_refused_whatever_the_roots() {
        let rules = Folders { data_dir: "/none".into(), ..rules(Path::new("/")) };
        for path in ["/", "/proc", "/proc/self/root/home", "/sys", "/dev", "/dev/shm", "/run", "/var/run", "/var"] {
            let found = rules.find(&HotFolder(path.to_owned()));
            let refused = matches!(&found, Err(FolderError::System { .. } | FolderError::NoFolder(_)));
            // `/proc/self/root/home` is /home, and no part of the system.
            assert!(refused || path.ends_with("home"), "{path}: {found:?}");
        }
    }

    #[test]
    fn what_leads_out_of_a_folder_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("is there");
        make(&root, &["code/sub"]);
        let code = HotFolder(root.join("code").display().to_string());
        let rules = rules(&root);
        let found = rules.find(&code).expect("is there");
        Folders::refuse_contents(&code, &found).expect("holds files");
        let _socket = UnixListener::bind(root.join("code/sub/agent")).expect("binds");
        let error = Folders::refuse_contents(&code, &found).expect_err("holds a socket").to_string();
        assert!(error.contains("a socket (sub/agent)") && error.contains("--hot-reload-root"), "{error}");
    }
}
