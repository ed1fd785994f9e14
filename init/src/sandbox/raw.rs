//! The init's only unsafe code: six system calls that nix has no safe form of.
//!
//! Why each is sound:
//! - [`clone_child`] is called by a process with one thread (the spawner starts none, and the init's
//!   `main` dispatches to it before any runtime exists), so the copy holds no lock of another
//!   thread; without `CLONE_VM` the child has its own copy of all memory, and its stack is far
//!   larger than the few frames the child needs.
//! - `fcntl(F_SETFD)`, `prctl(PR_CAPBSET_DROP)` and `keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL)` take
//!   numbers (or a null pointer that the call documents) and touch no memory of ours.
//! - [`exec_directly`] has a child call `execve`, which is safe to call between fork and exec; all it is given was made
//!   before the fork, so that the child allocates nothing.
//! - `ioctl(SIOCSIF…)` reads one `ifreq`, which lives on our stack during the call and is whole: zeros, and what the call
//!   is documented to want.
#![allow(unsafe_code)]

use std::ffi::{CString, NulError};
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::libc;
use nix::sched::CloneFlags;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
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

/// Texts as `execve` takes them: addresses, and a null behind them. They stay where they are as long as this lives.
struct Texts {
    _owned: Vec<CString>,
    addresses: Vec<*const libc::c_char>,
}

// SAFETY: the addresses are of texts that it owns and that nothing changes.
unsafe impl Send for Texts {}
// SAFETY: the same.
unsafe impl Sync for Texts {}

impl Texts {
    fn new(texts: impl Iterator<Item = Result<CString, NulError>>) -> Result<Self, NulError> {
        let owned = texts.collect::<Result<Vec<_>, _>>()?;
        let addresses = owned.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect();
        Ok(Self { _owned: owned, addresses })
    }
}

/// Has the child of `command` execute the program at the path `argv[0]` with `variables` by the kernel alone. The C
/// library's way, which is std's, hands a program that the kernel does not know to a shell.
pub fn exec_directly(command: &mut Command, argv: &[String], variables: &[(&str, &str)]) -> Result<(), NulError> {
    let argv = Texts::new(argv.iter().map(|text| CString::new(text.as_str())))?;
    let variables = Texts::new(variables.iter().map(|(name, value)| CString::new(format!("{name}={value}"))))?;
    let run = move || {
        // Whole, not their fields: it is they that may go to another thread.
        let argv = &argv;
        let variables = &variables;
        // SAFETY: both end with a null, and live in this closure.
        unsafe { libc::execve(argv.addresses[0], argv.addresses.as_ptr(), variables.addresses.as_ptr()) };
        Err(std::io::Error::last_os_error())
    };
    // SAFETY: see the head of this file.
    unsafe { command.pre_exec(run) };

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

/// Requests about a network device (`linux/sockios.h`), and what they take: types differ between C libraries.
const SET_FLAGS: libc::Ioctl = 0x8914;
const SET_ADDRESS: libc::Ioctl = 0x8916;
const SET_NETMASK: libc::Ioctl = 0x891c;
const UP: libc::c_short = 1;
const INET: libc::sa_family_t = 2;

/// Brings the loopback device up, and gives it one address more.
pub fn set_up_loopback(address: Ipv4Addr) -> nix::Result<()> {
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let mut up = request("lo");
    up.ifr_ifru.ifru_flags = UP;
    configure(&socket, SET_FLAGS, &up)?;

    // The second name makes it an address beside the first.
    let mut second = request("lo:1");
    second.ifr_ifru.ifru_addr = socket_address(address);
    configure(&socket, SET_ADDRESS, &second)?;
    second.ifr_ifru.ifru_netmask = socket_address(Ipv4Addr::BROADCAST);

    configure(&socket, SET_NETMASK, &second)
}

/// A request about a device; all else is zero.
fn request(device: &str) -> libc::ifreq {
    // SAFETY: numbers and unions of numbers, for which zeros are values.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, byte) in request.ifr_name.iter_mut().zip(device.bytes()) {
        *place = libc::c_char::from_ne_bytes([byte]);
    }
    request
}

/// An address in the form of `struct sockaddr_in`: family, port 0, four bytes.
fn socket_address(address: Ipv4Addr) -> libc::sockaddr {
    let mut bytes = [0; 14];
    for (place, byte) in bytes[2..6].iter_mut().zip(address.octets()) {
        *place = libc::c_char::from_ne_bytes([byte]);
    }
    libc::sockaddr { sa_family: INET, sa_data: bytes }
}

fn configure(socket: &OwnedFd, what: libc::Ioctl, request: &libc::ifreq) -> nix::Result<()> {
    // SAFETY: the kernel reads one whole `ifreq` and keeps nothing of it; see the head of this file.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), what, std::ptr::from_ref(request)) };
    Errno::result(result).map(drop)
}
