//! `larder record`: runs a command, and keeps what was invoked meanwhile where it fails.

use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::report;
use crate::cli::error::{CliError, Kind};
use crate::cli::target::{Target, TargetOptions};
use crate::clock;
use crate::desk::pods::SaveRequest;
use crate::environments::endpoint::VARIABLE;

/// Options of `larder record`.
#[derive(Debug, Args)]
pub struct RecordOptions {
    /// The file to write where the command fails
    #[arg(short, long, value_name = "FILE", default_value = "bug.pod")]
    output: PathBuf,
    /// Write it also where the command does not fail
    #[arg(long)]
    always: bool,
    /// Whose values are left out, as `larder report` has it
    #[arg(long, value_name = "RULE", default_value = "auto")]
    redact: Vec<String>,
    /// The command, which finds the server in `AWS_ENDPOINT_URL`
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
    #[command(flatten)]
    target: TargetOptions,
}

/// Runs it; ends as the command does.
pub async fn run(options: RecordOptions) -> Result<ExitCode, CliError> {
    let RecordOptions { output, always, redact, command, target } = options;
    let Target::Server(client) = target.open_for(true).await? else {
        let message = "there must be a running server that the command calls: start one with `larder serve`";
        return Err(CliError::new(Kind::Unreachable, message));
    };
    // That it is there is known before anything runs.
    let health: serde_json::Value = client.get("/_larder/health", &[]).await?;
    let endpoint = client.address(&health);
    let since = clock::now().0;
    let (program, arguments) = command.split_first().ok_or_else(|| "say which command".to_owned())?;
    let running = tokio::process::Command::new(program).args(arguments).env(VARIABLE, &endpoint).status().await;
    let status = running.map_err(|error| format!("{}: {error}", program.display()))?;

    if always || !status.success() {
        let redact = redact.into_iter().filter(|rule| rule != "none").collect();
        let request = SaveRequest { redact, report_since: Some(since), ..SaveRequest::default() };
        let problem = |error: std::io::Error| format!("{}: {error}", output.display());
        let mut file = File::create(&output).map_err(problem)?;
        report::write(&Target::Server(client), request, &mut file).await?;
        let output = output.display();
        eprintln!(
            "larder: what was invoked is in {output}; `larder reproduce {output}` runs it again, here or elsewhere"
        );
    }
    Ok(u8::try_from(status.code().unwrap_or(1)).map_or(ExitCode::FAILURE, ExitCode::from))
}
