//! `larder serve`.

use std::io::{IsTerminal as _, Write as _};
use std::net::Ipv4Addr;
use std::sync::Arc;

use clap::{Arg, ArgAction, Command};
use rustix::fs::Mode;
use tokio::io::AsyncReadExt as _;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::error::CliError;
use super::own_folder::{self, OwnFolder, Purpose};
use crate::config::{LogFormat, ServeOptions, warn_of_discontinued};
use crate::desk::init_hooks::{InitHooks, Stage};
use crate::front::Listeners;
use crate::ledger::Durability;
use crate::server::Server;

/// Files are made for the reading of all, whatever the user's own umask is.
const UMASK: u32 = 0o022;

/// What is logged where `LARDER_LOG` says nothing. Clients of brokers are silent: what they find is told once, of the event
/// source, and they would tell of each attempt.
const FILTER: &str = "info,lapin=off,rskafka=off";

/// Headings of options that few people need, which `--help-all` shows.
const RARE: [&str; 1] = ["Limits"];

/// The command with `--help`, which shows what most people need, and `--help-all`.
pub fn with_help(command: Command) -> Command {
    let help = Arg::new("help").short('h').long("help").action(ArgAction::HelpShort).help("Print help, without limits");
    let all = Arg::new("help-all").long("help-all").action(ArgAction::HelpLong).help("Print help with all options");
    let is_rare = |arg: &Arg| arg.get_help_heading().is_some_and(|heading| RARE.contains(&heading));
    let command = command.disable_help_flag(true).next_help_heading(None).args([help, all]);
    command.mut_args(|arg| if is_rare(&arg) { arg.hide_short_help(true) } else { arg })
}

/// The same with `DEBUG`.
const MORE: &str = "info,larder=debug,lapin=off,rskafka=off";

/// Serves until SIGINT or SIGTERM.
pub async fn run(mut options: ServeOptions) -> Result<(), CliError> {
    options.complete();
    start_log(&options);
    if options.in_background {
        rustix::process::setsid().map_err(|error| format!("cannot leave the terminal: {error}"))?;
    }
    // Functions have users of their own, which read what is made for them here: code, layers, the way to the server.
    // What is the server's own is in a folder that nobody else enters.
    rustix::process::umask(Mode::from_raw_mode(UMASK));
    warn_of_discontinued();
    // Removed when it is dropped, after the server has ended.
    let _ephemeral = if options.ephemeral { Some(ephemeral(&mut options)?) } else { None };
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| format!("cannot wait for signals: {error}"))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| format!("cannot wait for signals: {error}"))?;
    let hooks = Arc::new(InitHooks::new(&options.init.folders()));
    let listeners = Listeners::bind(&options.listen).await?;
    let endpoint = endpoint(&listeners);
    hooks.run(Stage::Boot, &endpoint).await;
    let server = Server::open(&options, &listeners, Arc::clone(&hooks)).await?;
    server.load_pods(&options.pods).await?;
    hooks.run(Stage::Start, &endpoint).await;

    let banner = server.banner().clone();
    let ready = tokio::spawn(tell_ready(banner, Arc::clone(&hooks), options.init.wait_init, endpoint.clone()));
    let end_with_input = options.end_with_input;
    let stop = async move {
        let name = tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
            () = end_of_input(), if end_with_input => "end of input",
        };
        tracing::info!(signal = name, "stopping");
        // A script that still runs ends with it.
        ready.abort();
        hooks.run(Stage::Shutdown, &endpoint).await;
    };
    Ok(server.run(listeners, stop).await?)
}

/// Where scripts of this machine find the server.
fn endpoint(listeners: &Listeners) -> String {
    let address = listeners.addresses().first().copied();
    address.map_or_else(String::new, |mut address| {
        if address.ip().is_unspecified() {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        format!("http://{address}")
    })
}

/// Says where the server is, and that it is ready: at once, or after the scripts that make it so.
async fn tell_ready(banner: String, hooks: Arc<InitHooks>, waits: bool, endpoint: String) {
    let tell = |text: &str| {
        // A closed standard output is no reason not to serve.
        let _ = writeln!(std::io::stdout(), "{text}");
    };
    tell(&banner);
    if waits {
        hooks.run(Stage::Ready, &endpoint).await;
    }
    hooks.set_ready();
    // What waits for `LocalStack` waits for this word.
    tell("Ready.");
    if !waits {
        hooks.run(Stage::Ready, &endpoint).await;
    }
}

/// Waits until nobody can write to standard input any more.
async fn end_of_input() {
    let mut input = tokio::io::stdin();
    let mut nothing = [0; 64];
    while input.read(&mut nothing).await.is_ok_and(|read| read > 0) {}
}

/// A folder that ends with the server, as its data dir.
fn ephemeral(options: &mut ServeOptions) -> Result<OwnFolder, CliError> {
    own_folder::remove_left(Purpose::Ephemeral);
    let folder = OwnFolder::new(Purpose::Ephemeral)
        .map_err(|error| format!("cannot make a temporary folder: {error}; set TMPDIR to one that can be written"))?;
    folder.path().clone_into(&mut options.data_dir);
    options.durability.0 = Durability::Never;
    // No server comes back to these environments.
    options.environments.grace_s = options.environments.grace_s.min(1);
    Ok(folder)
}

fn start_log(options: &ServeOptions) {
    let usual = if options.logs_more() { MORE } else { FILTER };
    let filter = EnvFilter::try_from_env("LARDER_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    match options.log_format {
        LogFormat::Text => builder.with_target(false).init(),
        LogFormat::Json => builder.json().init(),
    }
}
