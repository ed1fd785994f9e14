//! Pods of the library: named, in versions that share what they have in common.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::transfers::{Library, pod_of};
use crate::cli::error::CliError;
use crate::cli::terminal::{pretty, print};
use crate::pods::library;

/// Options of `larder pod list`.
#[derive(Debug, Args)]
pub struct List {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    library: Library,
}

/// Options of `larder pod versions`.
#[derive(Debug, Args)]
pub struct Versions {
    /// The pod's name
    name: String,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    library: Library,
}

/// Options of `larder pod delete`.
#[derive(Debug, Args)]
pub struct Delete {
    /// The pod, with all versions, or one: NAME:VERSION
    #[arg(value_name = "NAME[:VERSION]")]
    pod: String,
    /// The answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    library: Library,
}

/// `larder pod list`.
pub fn list(options: &List) -> Result<(), CliError> {
    let folder = options.library.folder()?;
    let pods = library::list(&folder).map_err(|error| error.to_string())?;
    if options.json {
        let pods: Vec<_> = pods.iter().map(|(name, versions)| json!({ "name": name, "versions": versions })).collect();
        print(&pretty(&json!({ "pods": pods })));
        return Ok(());
    }

    if pods.is_empty() {
        print(&format!("No pod is in the library {}: `larder pod save NAME` puts one there.", folder.display()));
    }
    for (name, versions) in pods {
        let newest = versions.last().copied().unwrap_or_default();
        print(&format!("{name:<32} {} versions, the newest is {newest}", versions.len()));
    }

    Ok(())
}

/// `larder pod versions`.
pub fn versions(options: &Versions) -> Result<(), CliError> {
    let folder = options.library.folder()?;
    let found = library::versions(&folder, &options.name).map_err(|error| error.to_string())?;
    if options.json {
        let versions: Vec<_> =
            found.iter().map(|(version, manifest)| json!({ "version": version, "manifest": manifest })).collect();
        print(&pretty(&json!({ "name": options.name, "versions": versions })));
        return Ok(());
    }

    for (version, manifest) in found {
        let message = manifest.message.unwrap_or_default();
        print(&format!("{}:{version:<5} sequence {:<8} {}", options.name, manifest.sequence, message.escape_debug()));
    }

    Ok(())
}

/// `larder pod delete`.
pub fn delete(options: &Delete) -> Result<(), CliError> {
    let folder: PathBuf = options.library.folder()?;
    let (name, version) = match options.pod.split_once(':') {
        Some(_) => pod_of(&folder, &options.pod).map(|(name, version)| (name, Some(version)))?,
        None => (options.pod.clone(), None),
    };
    let freed = library::delete(&folder, &name, version).map_err(|error| error.to_string())?;
    if options.json {
        print(&pretty(&json!({ "deleted": options.pod, "parts": freed.parts, "bytes": freed.bytes })));
    } else {
        print(&format!("deleted {}: {} parts, {} bytes freed", options.pod, freed.parts, freed.bytes));
    }

    Ok(())
}
