//! The child's way from its first instruction in the new namespaces to the init.

use std::convert::Infallible;
use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use nix::libc;
use nix::mount::MsFlags;
use nix::sys::prctl::set_no_new_privs;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{dup2_stdout, execv, setgroups, sethostname, setsid};

use larder_init::spawn::{Network, SpawnSpec};

use super::identity::Rights;
use super::{Fault, network, raw, view};

/// A host name of the kind AWS gives: an address, so that looking it up works anywhere.
const HOST_NAME: &str = "169.254.100.2";

/// Limits of a process on AWS: open files, bytes of core files, of locked memory, and of the stack, which a process
/// may raise.
const LIMITS: [(Resource, u64, u64); 4] = [
    (Resource::RLIMIT_NOFILE, 1024, 1024),
    (Resource::RLIMIT_CORE, 10_737_418_240, 10_737_418_240),
    (Resource::RLIMIT_MEMLOCK, 65_536, 65_536),
    (Resource::RLIMIT_STACK, 8_388_608, RLIM_INFINITY),
];

/// Processes and threads of a sandbox on AWS.
const PROCESSES: u64 = 742;

/// `CAP_KILL`, `CAP_SETGID` and `CAP_SETUID` (`linux/capability.h`): what the init needs to start the
/// runtime as another user and to end it.
const KEPT_CAPABILITIES: [libc::c_ulong; 3] = [5, 6, 7];

/// `CAP_DAC_READ_SEARCH` and `CAP_SYS_PTRACE`: what it needs to see which files processes of another user have open, and
/// which memory they share. Not where the runtime has the init's own user: that may look at its own, and would have
/// every capability that is kept.
const WATCH_CAPABILITIES: [libc::c_ulong; 2] = [2, 19];

/// Parts of /proc through which user 0 could change the host.
const HOST_SETTINGS: [&str; 5] = ["/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs"];

/// Waits for `go`, finishes the sandbox and becomes its first process. Returns without an error only for a
/// trial, whose `argv` is empty.
pub fn become_init(rights: Rights, mut go: File, spec: &SpawnSpec) -> Result<Option<Infallible>, Fault> {
    let mut byte = [0];
    go.read_exact(&mut byte).map_err(|error| Fault::new("wait for the spawner", error))?;
    drop(go);
    setsid().map_err(|error| Fault::new("make a session", error))?;
    fresh_proc(&spec.network)?;
    if spec.has_ulimits {
        limits(rights)?;
    }
    sethostname(HOST_NAME).map_err(|error| Fault::new("set the host name", error))?;
    raw::leave_keyring();
    umask(Mode::from_bits_truncate(0o022));
    dup2_stdout(std::io::stderr()).map_err(|error| Fault::new("join the outputs", error))?;
    give_up_rights(rights, spec.watches_memory)?;
    if spec.argv.is_empty() {
        return Ok(None);
    }
    exec(&spec.argv).map(Some)
}

/// Mounts the process table of the new namespace and shuts what would reach beyond it.
fn fresh_proc(network: &Network) -> Result<(), Fault> {
    let proc = Path::new("/proc");
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    view::mount_new("proc", proc, flags, "")?;
    // Without user namespaces of its own, a function can never hold a capability, so it can
    // neither mount nor reach the parts of the kernel behind one.
    let limit = proc.join("sys/user/max_user_namespaces");
    std::fs::write(&limit, "0").map_err(|error| Fault::io("write", &limit, error))?;
    network::set_up(network)?;

    // Segments of System V end with the last process that has them attached: what a killed function leaves would count
    // against the next one, and nobody inside may remove it. An old kernel does not let an ordinary user say so.
    let _ = std::fs::write(proc.join("sys/kernel/shm_rmid_forced"), "1");
    for place in HOST_SETTINGS.map(Path::new).into_iter().filter(|place| place.exists()) {
        view::bind_over(place, place)?;
        let read_only = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
        view::change("make read-only", place, read_only | flags)?;
    }

    Ok(())
}

/// Sets AWS's limits, as far as those of the server allow: nobody in a user namespace can raise them.
fn limits(rights: Rights) -> Result<(), Fault> {
    let set = |resource, soft: u64, hard: u64| {
        let (_, most) = getrlimit(resource).map_err(|error| Fault::new("read a resource limit", error))?;
        let hard = hard.min(most);
        setrlimit(resource, soft.min(hard), hard).map_err(|error| Fault::new("set a resource limit", error))
    };
    for (resource, soft, hard) in LIMITS {
        set(resource, soft, hard)?;
    }
    // Before Linux 5.14 an ordinary user's other processes count too, so it keeps its own limit.
    match rights {
        Rights::Root => set(Resource::RLIMIT_NPROC, PROCESSES, PROCESSES),
        Rights::User => Ok(()),
    }
}

/// Nothing executed from here on can gain a right.
fn give_up_rights(rights: Rights, watches_memory: bool) -> Result<(), Fault> {
    let mut kept = KEPT_CAPABILITIES.to_vec();
    if rights == Rights::Root {
        setgroups(&[]).map_err(|error| Fault::new("leave the groups", error))?;
        kept.extend(WATCH_CAPABILITIES.iter().filter(|_| watches_memory));
    }
    raw::bound_capabilities(&kept).map_err(|error| Fault::new("drop capabilities", error))?;
    set_no_new_privs().map_err(|error| Fault::new("forbid new privileges", error))
}

fn exec(argv: &[String]) -> Result<Infallible, Fault> {
    let argv: Vec<CString> = argv
        .iter()
        .map(|argument| CString::new(argument.as_str()))
        .collect::<Result<_, _>>()
        .map_err(|error| Fault::new("read the arguments", error))?;
    execv(&argv[0], &argv).map_err(|error| Fault::new(format!("start {:?}", argv[0]), error))
}
