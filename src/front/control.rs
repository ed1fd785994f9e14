//! The command line's own way in: a socket in the data dir, which nobody but its owner can open. Who comes this way
//! may see secrets.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// Name of the socket in a data dir.
pub const SOCKET: &str = "control.sock";

/// A path of the socket that always fits into a socket's address, which has room for 107 bytes: through the open
/// folder. It is good as long as this lives.
#[derive(Debug)]
pub struct ShortPath {
    path: PathBuf,
    _folder: File,
}

impl ShortPath {
    /// The path of the socket of a data dir.
    pub fn of(data_dir: &Path) -> io::Result<Self> {
        let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY;
        let flags = i32::try_from(flags.bits()).unwrap_or_default();
        let folder = File::options().read(true).custom_flags(flags).open(data_dir)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd()));
        Ok(Self { path, _folder: folder })
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Listens on the socket of a data dir, in the place of one that a killed server left.
pub fn bind(data_dir: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(data_dir.join(SOCKET)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let short = ShortPath::of(data_dir)?;
    let listener = UnixListener::bind(short.path())?;
    fs::set_permissions(data_dir.join(SOCKET), Permissions::from_mode(0o600))?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_deep_folder_has_a_socket_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let deep = folder.path().join("x".repeat(200));
        fs::create_dir(&deep).expect("made");
        for _ in 0..2 {
            let listener = bind(&deep).expect("listens");
            let mode = fs::metadata(deep.join(SOCKET)).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let short = ShortPath::of(&deep).expect("a path");
            let (called, accepted) = tokio::join!(tokio::net::UnixStream::connect(short.path()), listener.accept());
            assert!(called.is_ok() && accepted.is_ok());
        }
    }
}
