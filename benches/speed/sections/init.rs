//! The init: it is copied into every environment and starts with it.

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use larder_init::link::{ENVIRONMENT_VARIABLE, GRACE_VARIABLE, LINK_VARIABLE, TOKEN_VARIABLE};

use crate::report::Row;
use crate::samples::Samples;
use crate::server::Server;
use crate::{Context, Outcome, floors};

/// Starts that are measured.
const STARTS: usize = 50;

pub fn run(context: &Context) -> Outcome {
    let folder = tempfile::tempdir()?;
    drop(Server::start(folder.path(), context.executors[0])?);
    let init = folder.path().join("run/link/larder-init");
    let kilobytes = f64::from(u32::try_from(init.metadata()?.len())?) / 1e3;
    let floor = floors::process("true", &[])?;
    Row::median("start to hello", &hellos(&init, folder.path())?).below(5.0).floor(floor.median_ms()).print();
    Row::median("floor, `true` started and ended", &floor).print();
    Row::figure("size", "kB", kilobytes).print();
    Ok(())
}

fn hellos(init: &Path, folder: &Path) -> Outcome<Samples> {
    let socket = folder.join("hello.sock");
    let listener = UnixListener::bind(&socket)?;
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let began = Instant::now();
        let mut child = Command::new(init)
            .env(LINK_VARIABLE, format!("unix:{}", socket.display()))
            .env(ENVIRONMENT_VARIABLE, "0123456789abcdef")
            .env(TOKEN_VARIABLE, "speed")
            .env(GRACE_VARIABLE, "1")
            .stdin(Stdio::null())
            .spawn()?;
        drop(listener.accept()?);
        times.push(began.elapsed());
        child.kill()?;
        child.wait()?;
    }
    Ok(Samples::new(times))
}
