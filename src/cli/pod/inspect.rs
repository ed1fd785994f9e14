//! `larder pod inspect` and `larder pod verify`: a pod read whole, and what is said of it.

use clap::Args;
use serde_json::json;

use super::transfers::{Reading, print_needed};
use crate::cli::error::CliError;
use crate::cli::terminal::{plain, pretty, print};
use crate::desk::pods::inspected;
use crate::model::time::Timestamp;
use crate::pods::references::Reference;

/// Options of `larder pod inspect` and `larder pod verify`.
#[derive(Debug, Args)]
pub struct InspectOptions {
    /// The file, NAME[:VERSION] of the pod library, or a remote
    source: String,
    #[command(flatten)]
    reading: Reading,
}

/// Shows what a pod holds.
pub async fn inspect(options: &InspectOptions) -> Result<(), CliError> {
    let pod = options.reading.open(&options.source).await?;
    if options.reading.json {
        print(&pretty(&inspected(&pod)));
        return Ok(());
    }

    let manifest = &pod.manifest;
    print(&format!("{:<9} {}", "digest", pod.digest));
    print(&format!("{:<9} {}", "store", plain(&manifest.store)));
    print(&format!("{:<9} {} ({})", "sequence", manifest.sequence, Timestamp(manifest.time)));
    if let Some(message) = &manifest.message {
        print(&format!("{:<9} {}", "message", plain(message)));
    }
    if let Some(events) = &pod.events {
        print(&format!("{:<9} {} that wait", "events", events.len()));
    }
    if let Some(messages) = &pod.messages {
        print(&format!("{:<9} {} of queues", "messages", messages.len()));
    }
    for resource in &pod.resources {
        print(&format!("{:<22} {}", resource.key().kind().name(), plain(&resource.arn())));
    }
    for Reference { resource, needed_by } in &manifest.upstream {
        print(&format!("{:<22} {} (for {})", "upstream", plain(resource), plain(needed_by)));
    }
    print_needed(&inspected(&pod).needed_variables);

    Ok(())
}

/// Reads all of a pod, and says that it is whole.
pub async fn verify(options: &InspectOptions) -> Result<(), CliError> {
    let pod = options.reading.open(&options.source).await?;
    let parts = pod.manifest.parts.len();
    let resources = pod.resources.len();
    if options.reading.json {
        print(&pretty(&json!({
            "ok": true, "digest": pod.digest.to_string(), "parts": parts, "resources": resources,
        })));
    } else {
        print(&format!("{} is whole: {parts} parts, {resources} resources ({})", options.source, pod.digest));
    }

    Ok(())
}
