//! Resident memory of the server's process, and the disk that log lines take.

use std::path::Path;

use crate::load::per_second;
use crate::report::Row;
use crate::server::Server;
use crate::{Context, Outcome, package, store};

/// Functions of the larger store.
const FUNCTIONS: usize = 1000;

/// Connections over which warm calls come.
const CONNECTIONS: usize = 4;

/// Calls that are sent in one go.
const AT_ONCE: usize = 10_000;

pub fn run(context: &Context) -> Outcome {
    for executor in &context.executors {
        let folder = tempfile::tempdir()?;
        let server = Server::start(folder.path(), executor)?;
        Row::figure(format!("{executor}: idle"), "MB", server.resident_mb()?).below(25.0).print();
        create(&server)?;
        Row::figure(format!("{executor}: {FUNCTIONS} functions created"), "MB", server.resident_mb()?).print();
        drop(server);
        let server = Server::start(folder.path(), executor)?;
        Row::figure(format!("{executor}: {FUNCTIONS} functions, restarted"), "MB", server.resident_mb()?).print();
        drop(server);
        called(executor, context.calls)?;
    }
    Ok(())
}

/// A server whose function was called very often.
fn called(executor: &str, calls: usize) -> Outcome {
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path(), executor)?;
    server.create_active("echo", 0)?;
    let requests = vec![package::invoke_request("echo"); AT_ONCE];
    for sent in (0..calls).step_by(AT_ONCE) {
        per_second(&server, &requests[..AT_ONCE.min(calls - sent)], CONNECTIONS)?;
    }
    Row::figure(format!("{executor}: after {calls} warm calls"), "MB", server.resident_mb()?).below(64.0).print();
    let lines = lines_mb(&folder.path().join("store/lines"))?;
    Row::figure(format!("{executor}: disk of their log lines"), "MB", lines).print();
    Ok(())
}

/// Bytes of a folder's files, in MB.
fn lines_mb(folder: &Path) -> Outcome<f64> {
    let sizes = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.metadata()?.len()));
    let bytes: u64 = sizes.sum::<std::io::Result<u64>>()?;
    Ok(f64::from(u32::try_from(bytes)?) / 1e6)
}

fn create(server: &Server) -> Outcome {
    let mut connection = server.connect()?;
    (0..FUNCTIONS)
        .try_for_each(|number| connection.succeed(&package::create_request(&store::name(number), number)).map(drop))
}
