//! The init: the first process of an execution environment. See the library part for the link it
//! keeps to the server.

use std::process::ExitCode;

mod api;
mod dial;
mod extensions;
mod guard;
mod lines;
mod memory;
mod oom;
mod outbox;
mod output;
mod preloaded;
mod program;
mod reaper;
mod relay;
mod resolv_conf;
mod resolver;
mod run;
mod sandbox;
mod server_link;
mod settings;
mod supervisor;
mod telemetry;
mod way_out;
mod xray;

/// Exit code of a command line or an environment that makes no sense.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next() {
        None => run::run(),
        Some(mode) if mode == guard::LOOK => guard::look(arguments.next().as_deref().and_then(|inode| inode.to_str())),
        Some(mode) if mode == "sandbox" => sandbox::run(&arguments.collect::<Vec<_>>()),
        Some(mode) => {
            eprintln!("larder-init: usage: no mode {} (start it without arguments)", mode.display());
            ExitCode::from(USAGE)
        }
    }
}
