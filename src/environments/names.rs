//! Names that lead to this server inside environments that have a network of their own, and whom functions trust for it:
//! AWS's SDKs then call Larder whatever their endpoint is, as do programs that know nothing of endpoints.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use larder_init::names::{Bundle, Names, ROOTS};
use larder_init::spawn::{Bind, RESOLVERS};

use super::endpoint;

/// Certificate of the authority that vouches for the server, in the link's folder.
const AUTHORITY: &str = "ca.pem";

/// It and those of all that this machine trusts, in the same folder, where this machine has such.
const BUNDLE: &str = "ca-bundle.pem";

/// Where both are inside; in containers this is the link's folder itself.
const INSIDE: &str = "/var/larder";

/// Where a container has its own authorities and ours: the link's folder is shared, and its authorities are its image's.
const CONTAINERS_BUNDLE: &str = "/etc/larder/ca-bundle.pem";

/// Which names lead here.
#[derive(Debug, Clone)]
pub struct LeadingNames {
    names: Names,
}

impl LeadingNames {
    /// Those that `names` says; what it says of places is filled in for each executor.
    pub fn new(names: Names) -> Self {
        Self { names }
    }

    /// What the init of a container is told, which sees the link's folder at `link`.
    pub fn in_container(&self, link: &str) -> Names {
        let link = Path::new(link);
        Names {
            socket: link.join(endpoint::SOCKET),
            resolvers: "/etc/resolv.conf".into(),
            writes_itself: true,
            authority: link.join(AUTHORITY),
            bundle: Bundle::Own { into: CONTAINERS_BUNDLE.into(), instead: link.join(BUNDLE) },
            ..self.names.clone()
        }
    }

    /// What the init of a sandbox is told, which has the link's folder `link` at `inside`, and what is shown to its
    /// function. Its authorities are this machine's.
    pub fn in_sandbox(&self, link: &Path, inside: &str) -> (Names, Vec<Bind>) {
        let shown = |name: &str| Bind::new(link.join(name), place(name));
        let mut binds = vec![shown(AUTHORITY)];
        let has_bundle = link.join(BUNDLE).is_file();
        binds.extend(has_bundle.then(|| shown(BUNDLE)));
        let names = Names {
            socket: Path::new(inside).join(endpoint::SOCKET),
            resolvers: RESOLVERS.into(),
            writes_itself: false,
            authority: place(AUTHORITY),
            bundle: if has_bundle { Bundle::Made(place(BUNDLE)) } else { Bundle::Absent },
            ..self.names.clone()
        };

        (names, binds)
    }
}

fn place(name: &str) -> PathBuf {
    Path::new(INSIDE).join(name)
}

/// Puts the certificate of the authority (PEM) into the link's folder, and beside it one file with those of all that
/// this machine trusts. Environments may be reading those that are there: they are replaced, never rewritten.
///
/// # Errors
/// With the file's path.
pub fn furnish(link: &Path, authority: &str) -> Result<(), (PathBuf, io::Error)> {
    put(link, AUTHORITY, authority.as_bytes())?;
    let Some(mut bundle) = ROOTS.iter().find_map(|path| fs::read(path).ok()) else {
        // What an earlier start found here says nothing any more.
        let _ = fs::remove_file(link.join(BUNDLE));
        return Ok(());
    };
    if !bundle.ends_with(b"\n") {
        bundle.push(b'\n');
    }
    bundle.extend_from_slice(authority.as_bytes());

    put(link, BUNDLE, &bundle)
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), (PathBuf, io::Error)> {
    let path = folder.join(name);
    if fs::read(&path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let written = || {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().set_permissions(Permissions::from_mode(0o644))?;
        file.persist(&path).map(drop).map_err(|error| error.error)
    };
    written().map_err(|error| (path.clone(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sandboxes_are_shown_what_there_is() {
        let folder = tempfile::tempdir().expect("a folder");
        furnish(folder.path(), "ours\n").expect("written");
        let bundle = folder.path().join(BUNDLE);
        if bundle.is_file() {
            let text = fs::read_to_string(&bundle).expect("there");
            assert!(text.contains("-----BEGIN CERTIFICATE-----") && text.ends_with("\nours\n"));
        }
        fs::write(&bundle, "all\n").expect("written");
        let names = LeadingNames::new(Names { port: 4566, ..Names::default() });
        let (told, binds) = names.in_sandbox(folder.path(), "/run/larder/link");
        assert_eq!(told.bundle, Bundle::Made("/var/larder/ca-bundle.pem".into()));
        assert_eq!((told.socket, told.port), (PathBuf::from("/run/larder/link/api.sock"), 4566));
        assert_eq!(binds.len(), 2);

        fs::remove_file(&bundle).expect("removed");
        let (told, binds) = names.in_sandbox(folder.path(), "/run/larder/link");
        assert_eq!((told.bundle, binds.len()), (Bundle::Absent, 1));
    }
}
