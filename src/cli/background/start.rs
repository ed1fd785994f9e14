//! `larder start`: a server, with `-d` in the background.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clap::Args;

use super::{health, log_file, ready};
use crate::cli::error::{CliError, Kind};
use crate::cli::serve;
use crate::cli::server_process::tail_of;
use crate::cli::target::address_of;
use crate::config::ServeOptions;

/// Bytes of a log that goes on; a longer one is put aside at the next start.
const LONG_LOG: u64 = 8 * 1024 * 1024;

/// Options of `larder start`.
#[derive(Debug, Args)]
pub struct StartOptions {
    /// In the background; its log is `server.log` in the data dir
    #[arg(long, short = 'd')]
    pub detach: bool,
    /// Seconds that a server in the background may take until it is ready
    #[arg(long, default_value_t = 60, value_name = "SECONDS", requires = "detach")]
    pub start_timeout: u64,
    /// How it serves.
    #[command(flatten)]
    pub serve: ServeOptions,
}

/// Runs the subcommand.
pub async fn run(options: StartOptions) -> Result<(), CliError> {
    if !options.detach {
        return serve::run(options.serve).await;
    }
    if options.serve.ephemeral {
        return Err("what is ephemeral has no data dir by which it would be found again: leave out -d"
            .to_owned()
            .into());
    }
    let data_dir = &options.serve.data_dir;
    if let Some(health) = health(data_dir).await {
        let message = format!("a server has the data dir {} already, at {}", data_dir.display(), address_of(&health));
        return Err(CliError::new(Kind::InUse, message));
    }

    let mut server = launch(data_dir)?;
    let has_ended = || match server.try_wait() {
        Ok(None) => Ok(()),
        Ok(Some(status)) => Err(CliError::new(Kind::of_exit(status.code()), end_of_log(data_dir))),
        Err(error) => Err(error.to_string().into()),
    };
    let health = ready(data_dir, Duration::from_secs(options.start_timeout), has_ended).await?;
    println!("{}", address_of(&health));
    Ok(())
}

/// Starts a server with the arguments of this process, in a session of its own.
fn launch(data_dir: &Path) -> Result<Child, CliError> {
    let cannot = |what: &str, error: std::io::Error| CliError::from(format!("cannot {what}: {error}"));
    fs::create_dir_all(data_dir).map_err(|error| cannot("make the data dir", error))?;
    let path = log_file(data_dir);
    if fs::metadata(&path).is_ok_and(|log| log.len() > LONG_LOG) {
        fs::rename(&path, path.with_extension("log.1")).map_err(|error| cannot("put the old log aside", error))?;
    }
    let log = File::options().create(true).append(true).open(&path).map_err(|error| cannot("open its log", error))?;
    let banner = log.try_clone().map_err(|error| cannot("open its log", error))?;
    let program = std::env::current_exe().map_err(|error| cannot("find larder itself", error))?;

    let server = Command::new(program)
        .args(arguments(std::env::args_os().skip(1)))
        .stdin(Stdio::null())
        .stdout(banner)
        .stderr(log)
        .spawn();
    server.map_err(|error| cannot("start it", error))
}

/// `start -d …` as `serve …` that leaves the terminal.
fn arguments(given: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let is_wanted = |argument: &OsString| !["-d", "--detach"].map(OsStr::new).contains(&argument.as_os_str());
    let mut arguments = vec![OsString::from("serve"), OsString::from("--in-background")];
    let mut rest = given.skip_while(|argument| argument != "start").skip(1).filter(is_wanted);
    while let Some(argument) = rest.next() {
        if argument == "--start-timeout" {
            rest.next();
        } else if !argument.to_string_lossy().starts_with("--start-timeout=") {
            arguments.push(argument);
        }
    }
    arguments
}

/// Why a server did not start: the end of its log.
fn end_of_log(data_dir: &Path) -> String {
    let path = log_file(data_dir);
    format!("the server did not start; the end of {}:\n{}", path.display(), tail_of(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_gets_the_arguments_of_its_start() {
        let given = ["start", "-d", "--listen", ":4799", "--start-timeout", "9", "--data-dir=x", "--start-timeout=3"];
        let given = given.into_iter().map(OsString::from);
        assert_eq!(arguments(given), ["serve", "--in-background", "--listen", ":4799", "--data-dir=x"]);
    }
}
