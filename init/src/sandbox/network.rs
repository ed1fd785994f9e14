//! The environment's own network: its loopback device, and its way out through a program of the host, in user mode and
//! so without any right over the host's network.
//!
//! The program works in the host's network and opens a device in the environment's. So it is started before the spawner
//! leaves the host, by a **waiter** (`larder-init sandbox --way-out`), which becomes the program when it is told whose
//! network it is. It opens while the init dials and starts, and ends with the spawner, whatever ended that.

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead as _, Read as _, Write as _};
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use larder_init::spawn::{Network, WayOut, WayOutKind};

use super::{Fault, raw};
use crate::resolv_conf::{is_loopback, nameservers, with_nameservers};
use crate::way_out;

/// Where AWS's environments have the Runtime API and the X-Ray daemon.
const SERVICES: Ipv4Addr = Ipv4Addr::new(169, 254, 100, 1);

/// The resolver that slirp4netns has inside; it asks those of the host, wherever they listen.
const SLIRP_RESOLVER: &str = "10.0.2.3";

/// Resolvers of a host whose resolv.conf names its own loopback only, where systemd-resolved writes them.
const BEHIND_LOOPBACK: &str = "/run/systemd/resolve/resolv.conf";

/// How long a trial waits for the way out.
const OPENS: Duration = Duration::from_secs(3);

/// How often in a row, a millisecond apart, the program must be seen waiting for work in a trial: it may open the way and
/// fail at what it does next, such as shutting itself in.
const SEEN_WAITING: u32 = 5;

/// A program that waits to be told whose way out it is; it ends with this process.
pub struct Waiter {
    program: Option<Child>,
    kind: &'static str,
    is_trial: bool,
}

impl Waiter {
    /// Starts it, if there is to be a way out.
    pub fn start(network: &Network, is_trial: bool) -> Result<Self, Fault> {
        let Network::Open(WayOut { kind, program }) = network else {
            return Ok(Self { program: None, kind: "", is_trial });
        };
        let fault = |error: io::Error| Fault::new("start what waits for the network", error);
        let own = std::env::current_exe().map_err(fault)?;
        let mut command = Command::new(own);
        command.args(["sandbox", "--way-out", kind.word()]).arg(program);
        command.env_clear().current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null());

        // What it says later is of no interest, and nobody would read it.
        command.stderr(if is_trial { Stdio::piped() } else { Stdio::null() });
        let program = command.spawn().map_err(fault)?;
        Ok(Self { program: Some(program), kind: kind.word(), is_trial })
    }

    /// Waits until the way is open, in a trial: a real start does not wait here.
    pub fn opened(&mut self, child: Pid) -> Result<(), Fault> {
        let Some(waiter) = &mut self.program else { return Ok(()) };
        let start = Instant::now();
        let mut seen_waiting = 0;
        while seen_waiting < SEEN_WAITING {
            let is_ready = way_out::is_open(&child.to_string()) && is_waiting(waiter.id());
            seen_waiting = if is_ready { seen_waiting + 1 } else { 0 };
            if let Ok(Some(status)) = waiter.try_wait() {
                let mut said = String::new();
                waiter.stderr.take().map(|mut out| out.read_to_string(&mut said));
                let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
                return Err(Fault::new("get a network", format!("{} ended with {status}: {last}", self.kind)));
            }
            if start.elapsed() > OPENS {
                return Err(Fault::new("get a network", format!("{} opens none", self.kind)));
            }
            sleep(Duration::from_millis(1));
        }

        Ok(())
    }

    /// Tells it whose network it is.
    pub fn open(&mut self, child: Pid) -> Result<(), Fault> {
        let Some(wire) = self.program.as_mut().and_then(|waiter| waiter.stdin.as_mut()) else { return Ok(()) };
        writeln!(wire, "{child}").map_err(|error| Fault::new("open the way out of the network", error))
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let Some(waiter) = &mut self.program else { return };
        let _ = waiter.kill();
        // The kernel takes its time to take the network down, for which a start need not wait: the trial ends here, and
        // its parent or the machine's first process takes note of the program's end.
        if !self.is_trial {
            let _ = waiter.wait();
        }
    }
}

/// Whether a process sleeps, by the kernel's word for it: what follows the name of the program, which is in brackets.
fn is_waiting(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'))
}

/// The waiter's life: `arguments` are the kind of program and its path. Returns only what went wrong.
pub fn wait_and_become(arguments: &[OsString]) -> Result<std::convert::Infallible, Fault> {
    let [kind, program] = arguments else { return Err(Fault::new("read the arguments", "a kind and a program")) };
    // Not every program notices that the spawner is gone.
    set_pdeathsig(Signal::SIGKILL).map_err(|error| Fault::new("end with the spawner", error))?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(|error| Fault::new("hear from the spawner", error))?;
    let pid = line.trim_end();
    if pid.is_empty() {
        return Err(Fault::new("hear from the spawner", "it is gone"));
    }
    let arguments: &[String] = &match kind.to_str().and_then(WayOutKind::named) {
        Some(WayOutKind::Slirp4netns) => slirp4netns(pid),
        Some(WayOutKind::Pasta) => pasta(pid),
        None => return Err(Fault::new("read the arguments", "no such kind of program")),
    };
    keep_mounts()?;
    // std gives it the signals as a shell would.
    let error = Command::new(program).args(arguments).exec();
    Err(Fault::new(format!("start {}", program.display()), error))
}

/// Parts the program from the host's mounts. slirp4netns, which shuts itself in as root, takes all mounts down that it
/// sees, and where those are shared (a Docker engine's are) they would be gone for everybody.
fn keep_mounts() -> Result<(), Fault> {
    if !nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    let parted = unshare(CloneFlags::CLONE_NEWNS)
        .and_then(|()| mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>));
    parted.map_err(|error| Fault::new("part the way out from the host's mounts", error))
}

/// The host's loopback stays out of reach; the program ends when the spawner's pipe does.
fn slirp4netns(pid: &str) -> Vec<String> {
    // It can shut itself in as root only; else it gives up what system calls it does not need.
    let guard = if nix::unistd::geteuid().is_root() { "--enable-sandbox" } else { "--enable-seccomp" };
    let fixed = ["--configure", "--mtu=65520", "--disable-host-loopback", "--exit-fd=0", guard];
    let mut arguments = fixed.map(str::to_owned).to_vec();
    arguments.push("--netns-type=path".to_owned());
    arguments.push(format!("--userns-path=/proc/{pid}/ns/user"));
    arguments.push(format!("/proc/{pid}/ns/net"));
    arguments.push("tap0".to_owned());
    arguments
}

/// The same; no port of either side is passed to the other.
fn pasta(pid: &str) -> Vec<String> {
    let fixed = ["--quiet", "--foreground", "--config-net", "--no-map-gw"];
    let ports = ["-t", "none", "-u", "none", "-T", "none", "-U", "none"];
    let mut arguments: Vec<String> = fixed.into_iter().chain(ports).map(str::to_owned).collect();
    if nix::unistd::geteuid().is_root() {
        // As nobody, which it else becomes, it may not enter the network.
        arguments.extend(["--runas".to_owned(), "0".to_owned()]);
    }
    arguments.push(pid.to_owned());

    arguments
}

/// Sets up what the inside has by itself; called in the new namespaces, with /proc mounted.
pub fn set_up(network: &Network) -> Result<(), Fault> {
    if *network == Network::Host {
        return Ok(());
    }
    raw::set_up_loopback(SERVICES).map_err(|error| Fault::new("set up the loopback device", error))?;
    // As in containers: the server's port may be a low one. Without it only such a port is out of reach.
    let _ = fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
    Ok(())
}

/// /etc/resolv.conf inside, where the host's would lead nowhere.
pub fn resolvers(network: &Network) -> Option<String> {
    let Network::Open(way_out) = network else { return None };
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let host = read("/etc/resolv.conf");
    Some(match way_out.kind {
        WayOutKind::Slirp4netns => with_nameservers(&host, &[SLIRP_RESOLVER.to_owned()]),
        WayOutKind::Pasta => {
            let reachable = |text: &str| nameservers(text).filter(|name| !is_loopback(name)).collect::<Vec<_>>();
            let found = reachable(&host);
            with_nameservers(&host, &if found.is_empty() { reachable(&read(BEHIND_LOOPBACK)) } else { found })
        }
    })
}
