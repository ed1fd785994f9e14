//! `larder pod pull`: a pod from a remote into the library.

use clap::Args;
use serde_json::json;

use super::transfers::{self, Library};
use crate::cli::error::CliError;
use crate::cli::terminal::{pretty, print};
use crate::pods::remotes::{self, Address};

/// Options of `larder pod pull`.
#[derive(Debug, Args)]
pub struct PullOptions {
    /// Where from: s3://, gs://, az://, oci:// or a folder, with the pod's name there; without a version
    /// its newest
    #[arg(value_name = "REMOTE")]
    remote: String,
    /// Name in the library, if it shall be another
    #[arg(value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    library: Library,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Pulls, and says what it did.
pub async fn run(options: PullOptions) -> Result<(), CliError> {
    let address = Address::parse(&options.remote).map_err(|error| error.to_string())?;
    let library = options.library.folder()?;
    let name = options.name.unwrap_or_else(|| address.name().to_owned());
    let bar = transfers::bar();
    let pulled = remotes::pull(&address, &library, &name, |progress| transfers::show(&bar, progress)).await;
    bar.finish_and_clear();
    let pulled = pulled.map_err(|error| error.to_string())?;

    if options.json {
        print(&pretty(&json!(pulled)));
        return Ok(());
    }

    let remotes::Pulled { version, downloaded, skipped, bytes, from } = pulled;
    print(&format!(
        "pulled version {from} of {address} as {name}:{version}: {downloaded} parts received ({bytes} bytes), {skipped} were here"
    ));
    Ok(())
}
