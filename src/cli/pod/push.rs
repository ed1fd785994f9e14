//! `larder pod push`: a pod of the library to a remote.

use clap::Args;
use serde_json::json;

use super::transfers::{self, Library};
use crate::cli::error::CliError;
use crate::cli::terminal::{pretty, print};
use crate::pods::remotes::{self, Address};

/// Options of `larder pod push`.
#[derive(Debug, Args)]
pub struct PushOptions {
    /// Pod of the library; without a version its newest
    #[arg(value_name = "NAME[:VERSION]")]
    pod: String,
    /// Where to: s3://, gs://, az://, oci:// or a folder, with the pod's name there, and a version if it
    /// shall be another
    #[arg(value_name = "REMOTE")]
    remote: String,
    #[command(flatten)]
    library: Library,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Pushes, and says what it did.
pub async fn run(options: PushOptions) -> Result<(), CliError> {
    let address = Address::parse(&options.remote).map_err(|error| error.to_string())?;
    let library = options.library.folder()?;
    let (name, version) = transfers::pod_of(&library, &options.pod)?;
    let bar = transfers::bar();
    let pushed = remotes::push(&library, &name, version, &address, |progress| transfers::show(&bar, progress)).await;
    bar.finish_and_clear();
    let pushed = pushed.map_err(|error| error.to_string())?;

    if options.json {
        print(&pretty(&json!(pushed)));
        return Ok(());
    }

    let remotes::Pushed { uploaded, skipped, bytes, version: there } = pushed;
    print(&format!(
        "pushed {name}:{version} to {address} as version {there}: {uploaded} parts sent ({bytes} bytes), {skipped} were there"
    ));
    Ok(())
}
