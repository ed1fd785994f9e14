//! `larder pod`: saves, loads, inspects and verifies pods.

mod keys;
mod library;
mod pull;
mod push;
mod transfers;

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio_util::io::ReaderStream;

use self::keys::{Seal, Sink, Unseal};
use super::entry_text::change_text;
use super::target::{Client, Offline, Target, TargetOptions, cli};
use super::terminal::{plain, pretty, print};
use crate::blobs::BlobStore;
use crate::console::pods::{self, LoadQuery, SaveRequest};
use crate::model::state::State;
use crate::pods::read::{self, Pod};

/// What to do with pods.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Save the state, or a part of it, as one file
    Save(Save),
    /// Load a pod, by one change that can be rewound
    Load(Load),
    /// Show what a pod holds
    Inspect(Inspect),
    /// Check every byte of a pod
    Verify(Inspect),
    /// Show what differs between two pods
    Diff(Diff),
    /// List the pods of the library
    List(library::List),
    /// List the versions of a pod of the library
    Versions(library::Versions),
    /// Delete a pod of the library, or one version of it
    Delete(library::Delete),
    /// Send a pod of the library to a remote
    Push(push::Options),
    /// Bring a pod from a remote into the library
    Pull(pull::Options),
}

/// Options of `larder pod save`.
#[derive(Debug, Args)]
pub struct Save {
    /// The file to write (a path with a `/`, or that ends in .pod), or a name in the pod library
    target: PathBuf,
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
    library: transfers::Library,
    #[command(flatten)]
    to: TargetOptions,
}

/// Options of `larder pod load`.
#[derive(Debug, Args)]
pub struct Load {
    /// The file to read, or NAME[:VERSION] of the pod library
    source: PathBuf,
    /// How it meets what is there: overwrite, account-region, service or resource
    #[arg(long, default_value = "account-region", value_name = "STRATEGY")]
    merge: String,
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
    #[command(flatten)]
    unseal: Unseal,
    /// The answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    library: transfers::Library,
    #[command(flatten)]
    to: TargetOptions,
}

/// Options of `larder pod inspect` and `larder pod verify`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// The file, or NAME[:VERSION] of the pod library
    source: PathBuf,
    #[command(flatten)]
    unseal: Unseal,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    library: transfers::Library,
}

/// Options of `larder pod diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// One pod
    from: PathBuf,
    /// The other
    to: PathBuf,
    #[command(flatten)]
    unseal: Unseal,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    library: transfers::Library,
}

/// Runs one of them.
pub async fn run(command: Command) -> Result<(), String> {
    match command {
        Command::Save(options) => save(options).await,
        Command::Load(options) => load(options).await,
        Command::Inspect(options) => inspect(&options),
        Command::Verify(options) => verify(&options),
        Command::Diff(options) => diff(&options),
        Command::List(options) => library::list(&options),
        Command::Versions(options) => library::versions(&options),
        Command::Delete(options) => library::delete(&options),
        Command::Push(options) => push::run(options).await,
        Command::Pull(options) => pull::run(options).await,
    }
}

async fn save(options: Save) -> Result<(), String> {
    let Save { target, message, only, at, with_history, redact, seal, json, library, to } = options;
    let request = SaveRequest { message, at, only, with_history, redact };
    let named = library::named(&target);
    let lock = seal.lock()?;
    if lock.is_some() && named.is_some() {
        return Err(format!(
            "pods of the library share parts and are not encrypted: give a file, as {}.pod",
            target.display()
        ));
    }
    let beside = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temporary = std::env::temp_dir();
    let folder = if named.is_some() { &temporary } else { beside };
    let problem = |error: std::io::Error| format!("{}: {error}", target.display());
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(problem)?;
    let mut sink = Sink::new(BufWriter::new(file.as_file_mut()), lock.as_ref())?;
    let says = match to.open()? {
        Target::Server(client) => download(&client, &request, &mut sink).await?,
        Target::Folder(offline) => {
            let blobs = blobs(&offline)?;
            let saved =
                pods::save_to(&offline.ledger, &blobs, request, &mut sink).map_err(|error| error.to_string())?;
            pods::saved_json(&saved)
        }
    };
    sink.finish().map_err(problem)?;
    file.as_file().sync_all().map_err(problem)?;
    let size = file.as_file().metadata().map_err(problem)?.len();
    let place = if let Some(name) = &named {
        library::keep(&library, name, file.path())?
    } else {
        file.persist(&target).map_err(|error| problem(error.error))?;
        target.display().to_string()
    };
    if json {
        print(&pretty(&says));
        return Ok(());
    }
    for taken in says["taken_along"].as_array().into_iter().flatten() {
        print(&format!("  with {}, which {} needs", plain(&taken["resource"]), plain(&taken["needed_by"])));
    }
    for suspect in says["suspects"].as_array().into_iter().flatten() {
        eprintln!(
            "larder: the variable {} of {} looks like a secret and is in the pod; --redact auto leaves such values out",
            plain(&suspect["variable"]),
            plain(&suspect["resource"])
        );
    }
    print(&format!("saved {place} ({size} bytes, {})", plain(&says["digest"])));
    Ok(())
}

async fn download(client: &Client, request: &SaveRequest, target: &mut impl Write) -> Result<Value, String> {
    let post = client.request(reqwest::Method::POST, "/_larder/pods/save").json(request);
    let response = client.send(post).await?;
    let says = response.headers().get("x-larder-pod").and_then(|value| serde_json::from_slice(value.as_bytes()).ok());
    let mut stream = response.bytes_stream();
    while let Some(bytes) = stream.next().await {
        target.write_all(&bytes.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
    }
    Ok(says.unwrap_or(Value::Null))
}

async fn load(options: Load) -> Result<(), String> {
    let Load { source, merge, dry_run, rename, account, region, unseal, json, library, to } = options;
    let name = source.file_name().map(|name| name.to_string_lossy().into_owned());
    let packed = library::packed(&library, &source)?;
    let file = unseal.open(packed.as_ref().map_or(source.as_path(), |packed| packed.path()))?;
    let query = LoadQuery { merge: Some(merge), dry_run, source: name, rename: rename.join(","), account, region };
    let loaded = match to.open()? {
        Target::Server(client) => {
            let file = tokio::fs::File::from_std(file);
            let body = reqwest::Body::wrap_stream(ReaderStream::with_capacity(file, pods::CHUNK));
            let post = client.request(reqwest::Method::POST, "/_larder/pods/load").query(&query).body(body);
            client.send(post).await?.json().await.map_err(|error| error.to_string())?
        }
        Target::Folder(offline) => {
            let file = BufReader::new(file);
            let (blobs, staging) = (Arc::new(blobs(&offline)?), offline.data_dir.join("staging"));
            let ledger = Arc::new(offline.ledger);
            let loaded = pods::load_from(&ledger, &blobs, file, &staging, query, cli()).await;
            ledger.close().map_err(|error| error.to_string())?;
            loaded.map_err(|error| error.to_string())?
        }
    };
    if json {
        print(&pretty(&loaded));
        return Ok(());
    }
    let resources = loaded["resources"].as_array().cloned().unwrap_or_default();
    for resource in &resources {
        print(&change_text(resource));
    }
    let (count, verb) = (resources.len(), if dry_run { "would change" } else { "changed" });
    print(&format!("{count} resources {verb} (merge {}, {})", plain(&loaded["merge"]), plain(&loaded["digest"])));
    Ok(())
}

fn blobs(offline: &Offline) -> Result<BlobStore, String> {
    let blobs = BlobStore::open(&offline.data_dir.join("blobs"), offline.ledger.small_blobs());
    blobs.map_err(|error| error.to_string())
}

/// Reads a pod from a file.
pub fn open(path: &Path) -> Result<Pod, String> {
    whole(path, File::open(path).map_err(|error| format!("{}: {error}", path.display()))?)
}

fn whole(path: &Path, file: File) -> Result<Pod, String> {
    let pod = read::read(BufReader::new(file), &std::env::temp_dir(), read::MAX_SIZE);
    pod.map_err(|error| format!("{}: {error}", path.display()))
}

/// Reads a pod from a file or the library.
fn open_named(library: &transfers::Library, source: &Path, unseal: &Unseal) -> Result<Pod, String> {
    let packed = library::packed(library, source)?;
    let path = packed.as_ref().map_or(source, |packed| packed.path());
    whole(source, unseal.open(path)?)
}

/// The state that a pod holds.
pub fn state(pod: &Pod) -> State {
    let mut state = State::default();
    let put = pod.resources.clone();
    state.make(&crate::model::resource::Changes { put, removed: Vec::new() });
    state.sequence = pod.manifest.sequence;
    state
}

fn inspect(options: &Inspect) -> Result<(), String> {
    let pod = open_named(&options.library, &options.source, &options.unseal)?;
    if options.json {
        let resources: Vec<_> = pod.resources.iter().map(super::super::model::resource::Resource::arn).collect();
        print(&pretty(&json!({
            "digest": pod.digest.to_string(), "manifest": pod.manifest, "resources": resources,
        })));
        return Ok(());
    }
    let manifest = &pod.manifest;
    print(&format!("{:<9} {}", "digest", pod.digest));
    print(&format!("{:<9} {}", "store", plain(&manifest.store.as_str().into())));
    print(&format!("{:<9} {} ({})", "sequence", manifest.sequence, crate::model::time::Timestamp(manifest.time)));
    if let Some(message) = &manifest.message {
        print(&format!("{:<9} {}", "message", plain(&message.as_str().into())));
    }
    for resource in &pod.resources {
        print(&format!("{:<22} {}", resource.key().kind().name(), plain(&resource.arn().into())));
    }
    Ok(())
}

fn verify(options: &Inspect) -> Result<(), String> {
    let pod = open_named(&options.library, &options.source, &options.unseal)?;
    let (parts, resources) = (pod.manifest.parts.len(), pod.resources.len());
    if options.json {
        print(&pretty(&json!({
            "ok": true, "digest": pod.digest.to_string(), "parts": parts, "resources": resources,
        })));
    } else {
        print(&format!("{} is whole: {parts} parts, {resources} resources ({})", options.source.display(), pod.digest));
    }
    Ok(())
}

fn diff(options: &Diff) -> Result<(), String> {
    let side = |path| open_named(&options.library, path, &options.unseal).map(|pod| state(&pod));
    let (from, to) = (side(&options.from)?, side(&options.to)?);
    let difference = crate::console::history::differences(&from, &to, crate::ledger::difference::Secrets::Masked);
    if options.json {
        print(&pretty(&difference));
        return Ok(());
    }
    for resource in difference["resources"].as_array().into_iter().flatten() {
        print(&change_text(resource));
    }
    Ok(())
}
