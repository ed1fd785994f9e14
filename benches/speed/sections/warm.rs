//! Warm invocations over one keep-alive connection.

use crate::package;
use crate::report::Row;
use crate::runtime_api::BareRuntime;
use crate::samples::Samples;
use crate::server::Server;
use crate::{Context, Outcome};

/// Calls that are measured, after some that warm up.
const CALLS: usize = 3000;
const WARM_UP: usize = 200;

pub fn run(context: &Context) -> Outcome {
    for executor in &context.executors {
        let folder = tempfile::tempdir()?;
        let server = Server::start(folder.path(), executor)?;
        server.create_active("echo", 0)?;
        let mut connection = server.connect()?;
        let request = package::invoke_request("echo");
        let invoked = measure(|| connection.succeed(&request).map(drop))?;
        drop(server);
        let floor = floor(executor)?;
        Row::times(format!("{executor}: invoke a Python echo"), &invoked)
            .below(0.6)
            .tail_below(3.0)
            .floor(floor.median_ms())
            .print();
        Row::times(format!("{executor}: floor, its client behind a bare API"), &floor).print();
    }
    Ok(())
}

fn floor(executor: &str) -> Outcome<Samples> {
    let code = tempfile::tempdir()?;
    let mut bare = BareRuntime::start(executor, code.path())?;
    let request = package::invoke_request("echo");
    measure(|| bare.invoke(&request))
}

fn measure(mut call: impl FnMut() -> Outcome) -> Outcome<Samples> {
    Samples::of(WARM_UP, |_| call())?;
    Samples::of(CALLS, |_| call())
}
