//! The spawner's only unsafe code: four system calls that nix has no safe form of.
//!
//! Why each is sound:
//! - [`clone_child`] is called by a process with one thread (the spawner starts none, and the init's
//!   `main` dispatches to it before any runtime exists), so the copy holds no lock of another
//!   thread; without `CLONE_VM` the child has its own copy of all memory, and its stack is far
//!   larger than the few frames the child needs.
//! - `fcntl(F_SETFD)`, `prctl(PR_CAPBSET_DROP)` and `keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL)` take
//!   numbers (or a null pointer that the call documents) and touch no memory of ours.
#![allow(unsafe_code)]

use nix::errno::Errno;
use nix::libc;
use nix::sched::CloneFlags;
use nix::unistd::Pid;

/// Bytes of the child's stack. Its work is mount calls and small formatted strings.
const STACK: usize = 512 * 1024;

/// Makes a child process in the namespaces of `flags`; it runs `child` and exits with what that
/// returns.
pub fn clone_child(flags: CloneFlags, child: impl FnMut() -> isize) -> nix::Result<Pid> {
    let mut stack = vec![0; STACK];
    // SAFETY: one thread, own copy of memory, a large stack; see the head of this file.
    unsafe { nix::sched::clone(Box::new(child), &mut stack, flags, Some(libc::SIGCHLD)) }
}

/// Marks every descriptor beyond stderr close-on-exec, so that none of a careless ancestor's
/// reaches a function.
pub fn close_all_on_exec() -> std::io::Result<()> {
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let name = entry?.file_name();
        let Some(descriptor) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        if descriptor > libc::STDERR_FILENO {
            // SAFETY: sets a flag by number; a number closed meanwhile gives EBADF, which is fine.
            unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
    }
    Ok(())
}

/// Takes every capability but those in `keep` out of the bounding set: no later exec regains them.
pub fn bound_capabilities(keep: &[libc::c_ulong]) -> nix::Result<()> {
    for capability in (0..64).filter(|capability| !keep.contains(capability)) {
        // SAFETY: passes numbers only.
        let result = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
        match Errno::result(result) {
            // Beyond the last capability that this kernel knows.
            Err(Errno::EINVAL) => break,
            other => other.map(drop)?,
        }
    }
    Ok(())
}

/// Leaves the server's session keyring for a new, empty one. A kernel without keyrings has none to
/// leave.
pub fn leave_keyring() {
    const JOIN_SESSION_KEYRING: libc::c_int = 1;
    let unnamed = std::ptr::null::<libc::c_char>();
    // SAFETY: a null name is the documented form for a new anonymous keyring.
    unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, unnamed) };
}
