//! `larder pod load`.

use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;

use clap::Args;
use tokio_util::io::ReaderStream;

use super::transfers::{self, Reading};
use crate::cli::entry_text::change_text;
use crate::cli::error::CliError;
use crate::cli::events_then::{EventsThen, print_events};
use crate::cli::target::{Client, Offline, Target, TargetOptions, cli};
use crate::cli::terminal::{plain, pretty, print};
use crate::desk::pods::{self, LoadQuery, LoadedPod};
use crate::pods::events::bring::LoadedEvents;
use crate::pods::location::Location;
use crate::pods::messages::bring::LoadedMessages;

/// Options of `larder pod load`.
#[derive(Debug, Args)]
pub struct LoadOptions {
    /// The file to read, NAME[:VERSION] of the pod library, or a remote
    source: String,
    /// How it meets what is there: overwrite, account-region, service or resource
    #[arg(long, default_value = "account-region", value_name = "STRATEGY")]
    merge: String,
    /// Vouch for the pod: what it asks for happens at once, such as environments started ahead. Without it nothing of
    /// the pod runs before you invoke it
    #[arg(long)]
    trust: bool,
    /// Tell what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Give a function another name, and all that refers to it: OLD=NEW; may be repeated
    #[arg(long, value_name = "OLD=NEW")]
    rename: Vec<String>,
    /// Bring the pod's accounts into this one
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Bring the pod's regions into this one
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
    /// Have the upstream answer the calls first that the pod has for it (`larder pod save --with-upstream`)
    #[arg(long)]
    with_upstream: bool,
    #[command(flatten)]
    events: EventsThen,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    to: TargetOptions,
}

/// Loads, and says what that changed.
pub async fn run(options: LoadOptions) -> Result<(), CliError> {
    let LoadOptions { source, merge, trust, dry_run, with_upstream, rename, account, region, events, reading, to } =
        options;
    let location = Location::parse(&source).map_err(|error| error.to_string())?;
    let target = to.open()?;
    let file = reading.bring(&location).await?;
    let query = LoadQuery {
        merge: Some(merge),
        dry_run,
        trust,
        drop_events: events.drop_events,
        with_upstream,
        source: Some(location.source()),
        rename: rename.join(","),
        account,
        region,
    };
    let loaded = match target {
        Target::Server(client) => upload(&client, file, &query).await?,
        Target::Folder(offline) => load_offline(*offline, file, query).await?,
    };

    if reading.json {
        print(&pretty(&loaded));
        return Ok(());
    }

    for resource in &loaded.resources {
        print(&change_text(resource));
    }
    let count = loaded.resources.len();
    let verb = if dry_run { "would change" } else { "changed" };
    print(&format!("{count} resources {verb} (merge {}, {})", plain(&loaded.merge), plain(&loaded.digest)));
    transfers::print_needed(&loaded.needed_variables);
    for line in transfers::referred(&loaded.upstream, loaded.upstream.len()) {
        print(&line);
    }
    print_inert(loaded.inert);
    print_brought(&loaded.events, dry_run);
    print_messages(&loaded.messages, dry_run);

    Ok(())
}

/// Says what became of events that wait.
fn print_brought(events: &LoadedEvents, dry_run: bool) {
    let LoadedEvents { taken_in, held, already_here, waiting, dropped } = *events;
    if taken_in + already_here > 0 {
        let verb = if dry_run { "would be" } else { "are" };
        print(&format!("{taken_in} events of the pod {verb} taken in, {already_here} wait here already"));
    }
    if held > 0 {
        print(&format!(
            "{held} of them are held, as nobody vouched for the pod: load it again with --trust, or `larder queue retry` them"
        ));
    }
    print_events(waiting, dropped);
}

/// Says what became of the pod's messages.
fn print_messages(messages: &LoadedMessages, dry_run: bool) {
    let LoadedMessages { taken_in, already_here, left_out } = *messages;
    if taken_in + already_here > 0 {
        let verb = if dry_run { "would be" } else { "are" };
        print(&format!("{taken_in} messages of the pod {verb} taken in, {already_here} are here already"));
    }
    if left_out > 0 {
        print(&format!(
            "{left_out} messages of the pod are left out, as nobody vouched for it: load it again with --trust"
        ));
    }
}

/// Says that functions do nothing by themselves.
fn print_inert(count: usize) {
    if count > 0 {
        print(&format!(
            "{count} functions do nothing unless you invoke them; if you trust the pod, load it again with --trust"
        ));
    }
}

async fn upload(client: &Client, file: File, query: &LoadQuery) -> Result<LoadedPod, CliError> {
    let bar = transfers::bar();
    bar.set_length(file.metadata().map_or(0, |about| about.len()));
    let file = bar.wrap_async_read(tokio::fs::File::from_std(file));
    let body = reqwest::Body::wrap_stream(ReaderStream::with_capacity(file, pods::CHUNK));
    let post = client.request(reqwest::Method::POST, "/_larder/pods/load").query(query).body(body);
    let answer = client.send(post).await;
    bar.finish_and_clear();
    answer?.json().await.map_err(|error| error.to_string().into())
}

async fn load_offline(offline: Offline, file: File, query: LoadQuery) -> Result<LoadedPod, CliError> {
    let blobs = Arc::new(super::blobs(&offline)?);
    let staging = offline.data_dir.join("staging");
    let ledger = Arc::clone(&offline.ledger);
    let loaded = pods::load_from(&ledger, &blobs, BufReader::new(file), &staging, query, cli()).await;
    ledger.close().map_err(|error| error.to_string())?;
    Ok(loaded.map_err(|error| error.to_string())?.whole()?)
}
