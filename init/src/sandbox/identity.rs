//! Who is who inside: user and group numbers, and how they map to the host's.

use std::path::Path;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_dumpable;
use nix::unistd::{Pid, getegid, geteuid};

use larder_init::spawn::Network;

use super::Fault;

/// The runtime's user inside, `sbx_user1051` on AWS.
const USER: u32 = 993;

/// The runtime's group inside, as on AWS.
const GROUP_ID: u32 = 990;

/// What is added to the runtime's numbers on the host: no account has them, as systemd's table of
/// user ids leaves everything from 1 879 048 192 to 2 147 483 647 unused.
const HOST_BASE: u32 = 2_000_000_000;

/// /etc/passwd inside.
pub const PASSWD: &str = "root:x:0:0:root:/root:/sbin/nologin\n\
    sbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n\
    nobody:x:65534:65534:nobody:/:/sbin/nologin\n";

/// /etc/group inside.
pub const GROUP: &str = "root:x:0:\nsbx_user1051:x:990:\nnogroup:x:65534:\n";

/// What the spawner may do on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Root: the init stays user 0 inside (without rights on the host), the runtime gets a user of
    /// its own that nobody else has.
    Root,
    /// An ordinary user, who can map only itself: init and runtime share one user.
    User,
}

impl Rights {
    /// The word the server knows it by.
    pub fn word(self) -> &'static str {
        match self {
            Rights::Root => "root",
            Rights::User => "user",
        }
    }

    /// Enters a new mount namespace, by root's right where there is one, else in a new user
    /// namespace of its own.
    pub fn take() -> Result<Self, Fault> {
        if owns_all_users() {
            match unshare(CloneFlags::CLONE_NEWNS) {
                Ok(()) => return Ok(Rights::Root),
                Err(Errno::EPERM) => {}
                Err(error) => return Err(Fault::new("make a mount namespace", error)),
            }
        }

        let user = geteuid();
        let group = getegid();
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS).map_err(refused)?;
        write("/proc/self/setgroups", "deny")?;
        write("/proc/self/uid_map", &format!("{USER} {user} 1\n"))?;
        write("/proc/self/gid_map", &format!("{GROUP_ID} {group} 1\n"))?;

        // The new rights shut this process, and the child to come, to others of its own user: the program that opens
        // the way out of the network has to find them.
        set_dumpable(true).map_err(|error| Fault::new("be found by the way out", error))?;
        Ok(Rights::User)
    }

    /// Namespaces of the child, with a `network` of its own or not. Root's mounts were made outside its user namespace, so that not
    /// even all the capabilities in there can undo them.
    pub fn namespaces(self, network: &Network) -> CloneFlags {
        let network = if *network == Network::Host { CloneFlags::empty() } else { CloneFlags::CLONE_NEWNET };
        let all = CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWPID
            | CloneFlags::CLONE_NEWIPC
            | CloneFlags::CLONE_NEWUTS
            | CloneFlags::CLONE_NEWCGROUP
            | network;
        match self {
            Rights::Root => all | CloneFlags::CLONE_NEWUSER,
            Rights::User => all,
        }
    }

    /// Tells the kernel who the child's users are on the host.
    pub fn map(self, child: Pid) -> Result<(), Fault> {
        if self == Rights::User {
            return Ok(());
        }
        let lines = |id: u32| format!("0 0 1\n{id} {} 1\n", HOST_BASE + id);
        write(format!("/proc/{child}/uid_map"), &lines(USER))?;
        write(format!("/proc/{child}/gid_map"), &lines(GROUP_ID))
    }
}

/// Whether this is root of the machine, not of some container's user namespace: only then can any
/// number be mapped.
fn owns_all_users() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let whole = map.split_whitespace().eq(["0", "0", "4294967295"]);
    geteuid().is_root() && whole
}

/// Why an ordinary user gets no user namespace, for a person.
fn refused(error: Errno) -> Fault {
    let hint = if std::fs::read_to_string("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
        .is_ok_and(|value| value.trim() == "1")
    {
        "AppArmor keeps user namespaces from ordinary users here; \
         `sysctl kernel.apparmor_restrict_unprivileged_userns=0` allows them"
    } else if std::fs::read_to_string("/proc/sys/kernel/unprivileged_userns_clone")
        .is_ok_and(|value| value.trim() == "0")
    {
        "this kernel keeps user namespaces from ordinary users; \
         `sysctl kernel.unprivileged_userns_clone=1` allows them"
    } else {
        "this kernel, or the container around it, allows no user namespaces"
    };

    Fault::new(format!("make a user namespace ({hint})"), error)
}

fn write(path: impl AsRef<Path>, text: &str) -> Result<(), Fault> {
    let path = path.as_ref();
    std::fs::write(path, text).map_err(|error| Fault::io("write", path, error))
}
