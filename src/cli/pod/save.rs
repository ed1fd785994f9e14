//! `larder pod save`.

use std::io::{BufWriter, Write};

use clap::Args;
use futures_util::StreamExt as _;
use indicatif::ProgressBar;
use serde_json::Value;

use super::keys::{Seal, Sink};
use super::transfers::{self, Library};
use crate::cli::error::CliError;
use crate::cli::target::{Client, Target, TargetOptions};
use crate::cli::terminal::{plain, pretty, print};
use crate::desk::pods::{self, SaveRequest};
use crate::pods::location::Location;

/// Options of `larder pod save`.
#[derive(Debug, Args)]
pub struct Options {
    /// The file to write (a path with a `/`, or that ends in .pod), a name in the pod library, or a remote
    target: String,
    /// What you want to say of it
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Only some resources, and what they need: KIND:NAME or an ARN, with `*` and `?`; may be repeated
    #[arg(long, value_name = "RESOURCE")]
    only: Vec<String>,
    /// As it was at a point: a sequence, a time, how long ago, or mark:NAME
    #[arg(long, value_name = "SEQ|TIME")]
    at: Option<String>,
    /// Take the events along
    #[arg(long)]
    with_history: bool,
    /// Leave values of variables out: `env:GLOB`, or `auto` for those that look like secrets; may be repeated
    #[arg(long, value_name = "RULE")]
    redact: Vec<String>,
    #[command(flatten)]
    seal: Seal,
    /// The answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    library: Library,
    #[command(flatten)]
    to: TargetOptions,
}

/// Saves, and says where and what.
pub async fn run(options: Options) -> Result<(), CliError> {
    let Options { target, message, only, at, with_history, redact, seal, json, library, to } = options;
    let request = SaveRequest { message, at, only, with_history, redact };
    let location = Location::parse(&target).map_err(|error| error.to_string())?;
    let lock = seal.lock()?;
    if lock.is_some() && !location.takes_any_file() {
        return Err(format!(
            "pods in parts are not encrypted, as their versions share them: give a file, as {target}.pod"
        )
        .into());
    }
    let problem = |error: std::io::Error| format!("{target}: {error}");
    let mut file = tempfile::NamedTempFile::new_in(location.workshop()).map_err(problem)?;
    let bar = transfers::bar();
    let mut sink = Sink::new(BufWriter::new(bar.wrap_write(file.as_file_mut())), lock.as_ref())?;
    let says = match to.open_for(true).await? {
        Target::Server(client) => download(&client, &request, &mut sink, &bar).await?,
        Target::Folder(offline) => {
            let saved = pods::save_to(&offline.ledger, &super::blobs(&offline)?, request, &mut sink);
            pods::saved_json(&saved.map_err(|error| error.to_string())?)
        }
    };
    sink.finish().map_err(problem)?;
    let size = file.as_file().metadata().map_err(problem)?.len();
    let stored = location.store(file, library.chosen(), |progress| transfers::show(&bar, progress)).await;
    bar.finish_and_clear();
    let place = stored.map_err(|error| error.to_string())?;
    if json {
        print(&pretty(&says));
    } else {
        print(&summary(&says, &place, size));
    }
    Ok(())
}

/// Entries of a list that are shown.
const SHOWN: usize = 20;

fn summary(says: &Value, place: &str, size: u64) -> String {
    let mut lines = Vec::new();
    for taken in says["taken_along"].as_array().into_iter().flatten().take(SHOWN) {
        lines.push(format!("  with {}, which {} needs", plain(&taken["resource"]), plain(&taken["needed_by"])));
    }
    if let Some(more) = more(says, "taken_along") {
        lines.push(format!("  and {more} more that others need"));
    }
    for suspect in says["suspects"].as_array().into_iter().flatten().take(SHOWN) {
        eprintln!(
            "larder: the variable {} of {} looks like a secret and is in the pod; --redact auto leaves such values out",
            plain(&suspect["variable"]),
            plain(&suspect["resource"])
        );
    }
    if let Some(more) = more(says, "suspects") {
        eprintln!("larder: {more} more variables look like secrets");
    }
    lines.push(format!("saved {place} ({size} bytes, {})", plain(&says["digest"])));
    lines.join("\n")
}

/// How many entries of a list are not shown.
fn more(says: &Value, list: &str) -> Option<u64> {
    let here = says[list].as_array().map_or(0, Vec::len) as u64;
    let all = says["counts"][list].as_u64().unwrap_or(here);
    all.checked_sub(SHOWN as u64).filter(|more| *more > 0)
}

async fn download(
    client: &Client,
    request: &SaveRequest,
    target: &mut impl Write,
    bar: &ProgressBar,
) -> Result<Value, CliError> {
    let post = client.request(reqwest::Method::POST, "/_larder/pods/save").json(request);
    let response = client.send(post).await?;
    bar.set_length(response.content_length().unwrap_or_default());
    let says = response.headers().get("x-larder-pod").and_then(|value| serde_json::from_slice(value.as_bytes()).ok());
    let mut stream = response.bytes_stream();
    while let Some(bytes) = stream.next().await {
        target.write_all(&bytes.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
    }
    Ok(says.unwrap_or(Value::Null))
}
