//! Resident memory of the server's process.

use crate::report::Row;
use crate::server::Server;
use crate::{Context, Outcome, package, store};

/// Functions of the larger store.
const FUNCTIONS: usize = 1000;

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
    }
    Ok(())
}

fn create(server: &Server) -> Outcome {
    let mut connection = server.connect()?;
    (0..FUNCTIONS)
        .try_for_each(|number| connection.succeed(&package::create_request(&store::name(number), number)).map(drop))
}
