//! The life of the process: settings, runtime, exit code.

use std::process::ExitCode;
use std::sync::Arc;

use crate::relay;
use crate::resolver::Resolver;
use crate::settings::Settings;
use crate::supervisor::Supervisor;

/// Runs as the init of an environment until it ends.
pub fn run() -> ExitCode {
    match try_run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("larder-init: start: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Hides, reads, and supervises.
fn try_run() -> Result<(), Box<dyn std::error::Error>> {
    hide();
    let settings = Settings::from_environment()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let room = relay::room();
        if let Some(relay) = settings.relay.clone() {
            let room = Arc::clone(&room);
            tokio::spawn(async move {
                if let Err(error) = relay.run(room).await {
                    eprintln!("larder-init: pass the function's calls on: {error}");
                }
            });
        }
        let resolver = settings.names.as_ref().and_then(|names| {
            let started = Resolver::start(names, &room);
            started.inspect_err(|error| eprintln!("larder-init: answer for names: {error}")).ok()
        });
        let mut supervisor = Supervisor::new(settings, resolver)?;
        // As a task: whatever wakes what `block_on` was given itself asks the kernel for an event to wake by.
        tokio::spawn(async move { supervisor.run().await }).await?;
        Ok(())
    })
}

/// Keeps this process's variables and memory from others of the same user: without it the function
/// could read the token in /proc/1/environ. (A process with `CAP_SYS_PTRACE` still can, and since
/// Linux 6.16 or so one with `CAP_PERFMON` or `CAP_SYS_ADMIN` of the first user namespace; an
/// executor leaves the runtime none of them.)
fn hide() {
    if let Err(error) = nix::sys::prctl::set_dumpable(false) {
        eprintln!("larder-init: hide from other processes: {error}");
    }
}
