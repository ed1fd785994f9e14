//! `larder pod save`.

use std::io::{BufWriter, Write};

use clap::Args;
use futures_util::StreamExt as _;
use indicatif::ProgressBar;

use super::keys::{Seal, Sink};
use super::transfers::{self, Library, SHOWN};
use crate::cli::error::CliError;
use crate::cli::target::{Client, Target, TargetOptions};
use crate::cli::terminal::{plain, pretty, print};
use crate::desk::pods::{self, SaveRequest, SavedPod, Suspect, TakenAlong};
use crate::pods::location::Location;

/// Options of `larder pod save`.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own, no state of a machine")]
pub struct SaveOptions {
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
    /// Take history along: the changes that led there
    #[arg(long)]
    with_history: bool,
    /// Take the asynchronous events along that wait, with their payloads
    #[arg(long, conflicts_with = "at")]
    with_events: bool,
    /// Take the messages of queues along
    #[arg(long, conflicts_with = "at")]
    with_messages: bool,
    /// Take along what the upstream offers of its state: the calls that made it, which moto records where it is started with
    /// `MOTO_ENABLE_RECORDING=true`; with all that is in them
    #[arg(long, conflicts_with_all = ["at", "redact"])]
    with_upstream: bool,
    /// Leave values of variables out: `env:GLOB`, or `auto` for those that look like secrets, also in events and messages; may be repeated
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
pub async fn run(options: SaveOptions) -> Result<(), CliError> {
    let SaveOptions { target, message, only, at, redact, seal, json, library, to, .. } = options;
    let SaveOptions { with_history, with_events, with_messages, with_upstream, .. } = options;
    let request = SaveRequest {
        message,
        at,
        only,
        with_history,
        with_events,
        with_messages,
        with_upstream,
        redact,
        ..SaveRequest::default()
    };
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
    let saved: SavedPod = match to.open_for(true).await? {
        Target::Server(client) => download(&client, &request, &mut sink, &bar).await?,
        Target::Folder(offline) => {
            let saved = pods::save_to(&offline.ledger, &super::blobs(&offline)?, request, &mut sink);
            saved.map_err(|error| error.to_string())?.into()
        }
    };
    sink.finish().map_err(problem)?;
    let size = file.as_file().metadata().map_err(problem)?.len();
    let stored = location.store(file, library.chosen(), |progress| transfers::show(&bar, progress)).await;
    bar.finish_and_clear();
    let place = stored.map_err(|error| error.to_string())?;

    if json {
        print(&pretty(&saved));
    } else {
        print(&summary(&saved, &place, size));
    }

    Ok(())
}

fn summary(saved: &SavedPod, place: &str, size: u64) -> String {
    let mut lines = Vec::new();
    let counts = saved.counts();
    for TakenAlong { resource, needed_by } in saved.taken_along.iter().take(SHOWN) {
        lines.push(format!("  with {}, which {} needs", plain(resource), plain(needed_by)));
    }
    if counts.taken_along > SHOWN {
        lines.push(format!("  and {} more that others need", counts.taken_along - SHOWN));
    }

    lines.extend(transfers::referred(&saved.upstream, counts.upstream));
    for Suspect { resource, variable } in saved.suspects.iter().take(SHOWN) {
        eprintln!(
            "larder: the variable {} of {} looks like a secret and is in the pod; --redact auto leaves such values out",
            plain(variable),
            plain(resource)
        );
    }

    if counts.suspects > SHOWN {
        eprintln!("larder: {} more variables look like secrets", counts.suspects - SHOWN);
    }

    if let Some(events) = saved.events {
        lines.push(format!("  with {events} events that wait"));
    }
    if let Some(messages) = saved.messages {
        lines.push(format!("  with {messages} messages of queues"));
    }
    if let Some(calls) = saved.upstream_calls {
        lines.push(format!("  with {calls} calls that made the upstream's state"));
    }
    lines.push(format!("saved {place} ({size} bytes, {})", plain(&saved.digest)));
    lines.join("\n")
}

async fn download(
    client: &Client,
    request: &SaveRequest,
    target: &mut impl Write,
    bar: &ProgressBar,
) -> Result<SavedPod, CliError> {
    let post = client.request(reqwest::Method::POST, "/_larder/pods/save").json(request);
    let response = client.send(post).await?;
    bar.set_length(response.content_length().unwrap_or_default());
    let says = response.headers().get("x-larder-pod").and_then(|value| serde_json::from_slice(value.as_bytes()).ok());
    let says = says.ok_or_else(|| "the server does not say what is in the pod: it is another version".to_owned())?;
    let mut stream = response.bytes_stream();
    while let Some(bytes) = stream.next().await {
        target.write_all(&bytes.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
    }

    Ok(says)
}
