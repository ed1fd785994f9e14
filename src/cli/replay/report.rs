//! `larder report`: a failing call in its state, as one file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use futures_util::StreamExt as _;
use tempfile::NamedTempFile;

use crate::cli::error::CliError;
use crate::cli::pod::blobs;
use crate::cli::pod::keys::{Seal, Sink};
use crate::cli::target::{Target, TargetOptions};
use crate::cli::terminal::print;
use crate::desk::pods::{self, PodsError, SaveRequest};

/// Options of `larder report`.
#[derive(Debug, Args)]
pub struct ReportOptions {
    /// Request id of the invocation
    request_id: String,
    /// The file to write
    #[arg(short, long, value_name = "FILE", default_value = "bug.pod")]
    output: PathBuf,
    /// What you want to say of it
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Whose values are left out: `auto` for what looks like a secret, in variables, events, answers, calls and logs;
    /// `env:GLOB` for variables; `none`. May be repeated
    #[arg(long, value_name = "RULE", default_value = "auto")]
    redact: Vec<String>,
    #[command(flatten)]
    seal: Seal,
    #[command(flatten)]
    target: TargetOptions,
}

/// Writes the report.
pub async fn run(options: ReportOptions) -> Result<(), CliError> {
    let ReportOptions { request_id, output, message, redact, seal, target } = options;
    let redact = redact.into_iter().filter(|rule| rule != "none").collect();
    let request = SaveRequest { message, redact, report: Some(request_id), ..SaveRequest::default() };
    let lock = seal.lock()?;
    let problem = |error: std::io::Error| format!("{}: {error}", output.display());
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
    let mut file = NamedTempFile::new_in(folder).map_err(problem)?;
    let mut sink = Sink::new(BufWriter::new(file.as_file_mut()), lock.as_ref())?;
    write(&target.open_for(true).await?, request, &mut sink).await?;
    sink.finish().map_err(problem)?;

    let size = file.as_file().metadata().map_err(problem)?.len();
    file.persist(&output).map_err(|error| problem(error.error))?;
    let output = output.display();
    print(&format!("wrote {output} ({size} bytes). `larder reproduce {output}` runs it again, here or elsewhere."));
    Ok(())
}

/// A report of an invocation with all its secrets, for this machine alone; of the state then, or of the one that is
/// now. Another function comes along, too.
pub async fn whole(target: &Target, request_id: &str, (now, function): (bool, Option<&str>)) -> Result<File, CliError> {
    let at = now.then(|| "0s".to_owned());
    let other = function.and_then(|text| text.split_once(":function:").map_or(Some(text), |(_, name)| Some(name)));
    let other = other.and_then(|text| text.split(':').next()).filter(|name| !name.is_empty());
    let only = other.map(|name| format!("function:{name}")).into_iter().collect();
    let request = SaveRequest { at, only, report: Some(request_id.to_owned()), ..SaveRequest::default() };
    let mut file = tempfile::tempfile().map_err(|error| format!("a temporary file: {error}"))?;
    write(target, request, &mut file).await?;
    Ok(file)
}

/// Has a pod written.
pub async fn write(target: &Target, request: SaveRequest, to: &mut impl Write) -> Result<(), CliError> {
    match target {
        Target::Server(client) => {
            let post = client.request(reqwest::Method::POST, "/_larder/pods/save").json(&request);
            let mut stream = client.send(post).await?.bytes_stream();
            while let Some(bytes) = stream.next().await {
                let bytes = bytes.map_err(|error| error.to_string())?;
                to.write_all(&bytes).map_err(|error| error.to_string())?;
            }
            Ok(())
        }
        Target::Folder(offline) => {
            let saved = pods::save_to(&offline.ledger, &blobs(offline)?, request, to);
            saved.map(drop).map_err(|error| match error {
                PodsError::Invocations(error) => error.into(),
                error => error.to_string().into(),
            })
        }
    }
}
