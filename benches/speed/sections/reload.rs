//! Hot reload: from a save in the function's folder to the first answer of the new code.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Instant;

use crate::package;
use crate::report::Row;
use crate::samples::Samples;
use crate::server::Server;
use crate::{Context, Outcome};

/// Saves that are measured.
const SAVES: usize = 100;

/// Calls without a change between them.
const CALLS: usize = 1000;

/// Files of a save of many.
const FILES: usize = 20;

pub fn run(context: &Context) -> Outcome {
    for executor in &context.executors {
        let (data, code) = (tempfile::tempdir()?, tempfile::tempdir()?);
        fs::set_permissions(code.path(), fs::Permissions::from_mode(0o755))?;
        save(code.path(), 0, 1)?;
        let root = code.path().to_str().ok_or("a path that is no text")?;
        let server = Server::start_with(data.path(), executor, &["--hot-reload-root", root])?;
        server.create_active_with("hot", &package::create_in_folder_request("hot", code.path()))?;
        for (what, files) in [("one file", 1), ("20 files", FILES)] {
            let effect = measure(&server, code.path(), files)?;
            let name = format!("{executor}: a save of {what} to its effect");
            Row::times(name, &effect).below(250.0).tail_below(700.0).print();
        }
        let mut connection = server.connect()?;
        let request = package::invoke_request("hot");
        let warm = Samples::of(CALLS, |_| connection.succeed(&request).map(drop))?;
        Row::times(format!("{executor}: a call, nothing changed"), &warm).print();
    }
    Ok(())
}

/// Saves, and calls at once: the answer has to be the new code's.
fn measure(server: &Server, folder: &Path, files: usize) -> Outcome<Samples> {
    let mut connection = server.connect()?;
    let request = package::invoke_request("hot");
    save(folder, 0, files)?;
    connection.succeed(&request)?;
    let mut times = Vec::with_capacity(SAVES);
    for number in 1..=SAVES {
        save(folder, number, files)?;
        let began = Instant::now();
        let answer = connection.succeed(&request)?.json()?;
        times.push(began.elapsed());
        if answer != number {
            return Err(format!("the call after save {number} was answered with {answer}").into());
        }
    }
    Ok(Samples::new(times))
}

/// Writes the code with `number` in it.
fn save(folder: &Path, number: usize, files: usize) -> Outcome {
    for file in 1..files {
        fs::write(folder.join(format!("part{file}.py")), format!("N = {number}\n"))?;
    }
    let part = if files > 1 { "import part1\n" } else { "" };
    fs::write(folder.join("handler.py"), format!("{part}def handler(event, context):\n    return {number}\n"))?;
    Ok(())
}
