//! The file system as a function sees it: a small tmpfs root with the host's programs and libraries
//! bound into it read-only, and everything else absent.
//!
//! The list is of what is shown, not of what is hidden: a folder nobody thought of stays outside.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::{chdir, pivot_root};

use super::{Fault, identity, network, seal};
use crate::resolv_conf::with_nameservers;
use larder_init::spawn::{RESOLVERS, SpawnSpec};

/// Where programs, libraries and their settings live on a host. `/nix` and `/gnu` are the stores of
/// the distributions that keep them there.
const SYSTEM: [&str; 10] = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/usr", "/etc", "/nix", "/gnu"];

/// Places outside [`SYSTEM`] that its programs need: how many processors there are, and where SUSE
/// keeps the certificates of its certification authorities.
const EXTRAS: [&str; 2] = ["/sys/devices/system/cpu", "/var/lib/ca-certificates"];

/// Files of /etc that many hosts keep elsewhere, behind a link.
const LINKED: [&str; 2] = ["/etc/resolv.conf", "/etc/localtime"];

/// Names of this machine that AWS's environments have: subscribers of telemetry listen there.
const HOSTS: &str = "127.0.0.1 sandbox.localdomain sandbox\n";

/// The entry point of AWS's images, which is in its environments too: the handler becomes a variable, and the runtime
/// starts. 142 is what AWS's ends with where the handler is missing.
const ENTRY_POINT: &str = "#!/bin/sh
if [ \"$#\" -ne 1 ]; then
  echo \"entrypoint requires the handler name to be the first argument\" >&2
  exit 142
fi
export _HANDLER=\"$1\"
exec /var/runtime/bootstrap
";

/// Devices that exist in every sandbox.
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];

/// Places that stay writable, or that the kernel guards itself.
const UNSEALED: [&str; 3] = ["tmp", "dev", "proc"];

/// Builds the view in the current (private) mount namespace and makes it the root.
/// The init finds the control group, where there is one, among its own files.
pub fn enter(spec: &SpawnSpec, group: Option<&Path>) -> Result<(), Fault> {
    change("make mounts private", "/", MsFlags::MS_REC | MsFlags::MS_PRIVATE)?;
    let view = View { root: spec.folder.join("root") };
    view.skeleton(spec.tmp_mib)?;
    view.system()?;
    view.resolvers(spec)?;

    for bind in &spec.binds {
        match bind.identity {
            Some(identity) => view.bind_known(&bind.from, identity, &bind.to)?,
            None => view.bind(&bind.from, &bind.to)?,
        }
    }

    if let Some(group) = group {
        view.bind(group, Path::new("/run/larder/cgroup"))?;
    }
    view.hide(&spec.hidden)?;
    seal::read_only(&view.root, &UNSEALED.map(|place| view.root.join(place)))?;
    view.become_root()
}

/// Mounts a file system of its own kind at `place`.
pub fn mount_new(kind: &str, place: &Path, flags: MsFlags, data: &str) -> Result<(), Fault> {
    mount(Some(kind), place, Some(kind), flags, Some(data))
        .map_err(|error| Fault::io(&format!("mount a {kind} on"), place, error))
}

/// Binds `from`, with all that is mounted below it, over `to`.
pub fn bind_over(from: &Path, to: &Path) -> Result<(), Fault> {
    mount(Some(from), to, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)
        .map_err(|error| Fault::io("bind", from, error))
}

/// Changes the flags of what is mounted at `place`.
pub fn change(step: &str, place: impl AsRef<Path>, flags: MsFlags) -> Result<(), Fault> {
    mount(None::<&str>, place.as_ref(), None::<&str>, flags, None::<&str>)
        .map_err(|error| Fault::io(step, place.as_ref(), error))
}

/// A root under construction.
struct View {
    /// Where it is mounted on the host's tree.
    root: PathBuf,
}

impl View {
    /// The root itself and the places that are no copies of the host's.
    fn skeleton(&self, tmp_mib: u32) -> Result<(), Fault> {
        let plain = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        create_folder(&self.root)?;
        mount_new("tmpfs", &self.root, plain, "mode=0755,size=1m")?;
        let tmp = self.folder(Path::new("/tmp"))?;
        mount_new("tmpfs", &tmp, plain, &format!("mode=1777,size={tmp_mib}m"))?;
        for place in ["/opt", "/var/task", "/var/runtime", "/run/larder", "/proc"] {
            self.folder(Path::new(place))?;
        }
        let entry_point = self.file(Path::new("/lambda-entrypoint.sh"))?;
        fs::write(&entry_point, ENTRY_POINT).map_err(|error| Fault::io("write", &entry_point, error))?;
        set_mode(&entry_point, 0o755)?;
        // Only the init passes here, where it has a user of its own.
        set_mode(&self.inside(Path::new("/run/larder")), 0o700)?;
        // The host's, so that the kernel lets the child mount a fresh one over it.
        bind_over(Path::new("/proc"), &self.inside(Path::new("/proc")))?;
        self.devices()
    }

    /// A minimal /dev: five devices of the host and the descriptors' links, nothing of which can be changed. It has no
    /// `shm`, as on AWS: what needs one fails here too.
    fn devices(&self) -> Result<(), Fault> {
        let dev = self.folder(Path::new("/dev"))?;
        mount_new("tmpfs", &dev, MsFlags::MS_NOSUID, "mode=0755,size=64k")?;
        for name in DEVICES {
            let device = Path::new("/dev").join(name);
            self.bind(&device, &device)?;
        }
        let links = [("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")];
        for (name, target) in links {
            link(Path::new(target), &dev.join(name))?;
        }
        // This mount alone, not the devices in it: where all have one user, it is the function's too.
        let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
        change("make read-only", &dev, flags | MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC)
    }

    /// The host's programs and libraries.
    fn system(&self) -> Result<(), Fault> {
        for place in SYSTEM.map(Path::new) {
            match fs::read_link(place) {
                Ok(target) => link(&target, &self.inside(place))?,
                Err(_) if place.is_dir() => bind_over(place, &self.folder(place)?)?,
                Err(_) => {}
            }
        }

        for place in EXTRAS.map(Path::new).into_iter().filter(|place| place.is_dir()) {
            self.bind(place, place)?;
        }
        for file in LINKED {
            match fs::canonicalize(file) {
                Ok(target) if target.is_file() && !in_system(&target) => self.bind(&target, &target)?,
                _ => {}
            }
        }

        self.hosts()?;
        self.accounts()
    }

    /// The host's names of machines, and AWS's.
    fn hosts(&self) -> Result<(), Fault> {
        // A host without the file has no place for one.
        let Ok(target) = fs::canonicalize("/etc/hosts") else { return Ok(()) };
        let mut text = fs::read(&target).map_err(|error| Fault::io("read", &target, error))?;
        if !text.ends_with(b"\n") {
            text.push(b'\n');
        }
        text.extend_from_slice(HOSTS.as_bytes());
        let ours = self.inside(Path::new("/run/larder")).join("hosts");
        fs::write(&ours, text).map_err(|error| Fault::io("write", &ours, error))?;
        set_mode(&ours, 0o644)?;
        self.bind(&ours, &target)
    }

    /// Who is asked for names, in a network of its own: its resolvers, or the init, which is told of those.
    fn resolvers(&self, spec: &SpawnSpec) -> Result<(), Fault> {
        let Ok(target) = fs::canonicalize("/etc/resolv.conf") else { return Ok(()) };
        let of_network = network::resolvers(&spec.network);
        let text = if let Some(init) = spec.resolver {
            // A network that leads nowhere has none.
            let before = of_network.unwrap_or_default();
            self.write(RESOLVERS, &before)?;
            Some(with_nameservers(&before, &[init.to_string()]))
        } else {
            of_network
        };
        let Some(text) = text else { return Ok(()) };

        let ours = self.write("/run/larder/resolv.conf", &text)?;
        bind_over(&ours, &self.inside(&target))
    }

    /// Writes a file that all may read.
    fn write(&self, place: &str, text: &str) -> Result<PathBuf, Fault> {
        let path = self.inside(Path::new(place));
        fs::write(&path, text).map_err(|error| Fault::io("write", &path, error))?;
        set_mode(&path, 0o644)?;
        Ok(path)
    }

    /// The runtime's user in place of the host's accounts.
    fn accounts(&self) -> Result<(), Fault> {
        for (file, text) in [("passwd", identity::PASSWD), ("group", identity::GROUP)] {
            let place = self.inside(Path::new("/etc")).join(file);
            if fs::symlink_metadata(&place).is_ok_and(|meta| meta.is_file()) {
                let ours = self.write(&format!("/run/larder/{file}"), text)?;
                bind_over(&ours, &place)?;
            }
        }
        Ok(())
    }

    /// Shows `from` at `to`, unless the view has it there already.
    fn bind(&self, from: &Path, to: &Path) -> Result<(), Fault> {
        if in_system(to) {
            // The place is the host's own: making anything there would make it on the host.
            return if from == to { Ok(()) } else { bind_over(from, &self.inside(to)) };
        }
        let kind = fs::metadata(from).map_err(|error| Fault::io("look at", from, error))?;
        let place = if kind.is_dir() { self.folder(to)? } else { self.file(to)? };
        bind_over(from, &place)
    }

    /// Shows the one folder that was checked, if it is still at its path. It is held while it is mounted.
    fn bind_known(&self, from: &Path, identity: (u64, u64), to: &Path) -> Result<(), Fault> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let folder = open(from, flags, Mode::empty()).map_err(|error| Fault::io("open", from, error))?;
        let about = fstat(&folder).map_err(|error| Fault::io("look at", from, error))?;
        if (about.st_dev, about.st_ino) != identity {
            return Err(Fault::new(format!("mount {}", from.display()), "another folder came in its place"));
        }
        let held = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
        self.bind(&held, to)
    }

    /// Covers what must not be seen and lies in a part of the host that is shown.
    fn hide(&self, hidden: &[PathBuf]) -> Result<(), Fault> {
        for place in hidden.iter().map(|path| self.inside(path)).filter(|place| place.is_dir()) {
            let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
            mount_new("tmpfs", &place, flags, "mode=0755,size=4k")?;
        }
        Ok(())
    }

    /// Makes the view the root and lets go of the host's.
    fn become_root(&self) -> Result<(), Fault> {
        let fault = |step: &str, error: nix::Error| Fault::io(step, &self.root, error);
        chdir(&self.root).map_err(|error| fault("enter", error))?;
        // Twice the same place: the old root ends up on top of the new one, and is taken off.
        pivot_root(".", ".").map_err(|error| fault("pivot to", error))?;
        umount2(".", MntFlags::MNT_DETACH).map_err(|error| fault("leave the host for", error))?;
        chdir("/").map_err(|error| fault("enter", error))
    }

    /// Where an absolute path inside is while the view is built.
    fn inside(&self, path: &Path) -> PathBuf {
        let relative = path.components().filter(|part| matches!(part, Component::Normal(_)));
        relative.fold(self.root.clone(), |place, part| place.join(part))
    }

    /// Makes a folder, with its parents, readable by all whatever they are on the host.
    fn folder(&self, path: &Path) -> Result<PathBuf, Fault> {
        let place = self.inside(path);
        create_folder(&place)?;
        Ok(place)
    }

    /// Makes an empty file to mount on, with its parents.
    fn file(&self, path: &Path) -> Result<PathBuf, Fault> {
        if let Some(parent) = path.parent() {
            self.folder(parent)?;
        }
        let place = self.inside(path);
        fs::write(&place, []).map_err(|error| Fault::io("create", &place, error))?;
        Ok(place)
    }
}

/// Whether a path lies in a part of the host that is shown as a whole.
fn in_system(path: &Path) -> bool {
    SYSTEM.iter().any(|place| path.starts_with(place))
}

fn create_folder(place: &Path) -> Result<(), Fault> {
    fs::create_dir_all(place).map_err(|error| Fault::io("create", place, error))
}

fn link(target: &Path, place: &Path) -> Result<(), Fault> {
    symlink(target, place).map_err(|error| Fault::io("link", place, error))
}

fn set_mode(place: &Path, mode: u32) -> Result<(), Fault> {
    fs::set_permissions(place, fs::Permissions::from_mode(mode))
        .map_err(|error| Fault::io("set the mode of", place, error))
}
