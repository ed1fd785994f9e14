//! `larder url`.

use clap::Args;

use super::error::CliError;
use super::target::{Target, TargetOptions};
use super::terminal::{plain, pretty, print};
use crate::desk;
use crate::desk::answers::Urls;

/// The port of a server that nobody told another.
const PORT: u16 = 4566;

/// Options of `larder url`.
#[derive(Debug, Args)]
pub struct UrlOptions {
    /// Only those of functions with this name
    function: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetOptions,
}

/// Prints functions' URLs.
pub async fn run(options: UrlOptions) -> Result<(), CliError> {
    let function = options.function.as_deref();
    let urls: Urls = match options.target.open()? {
        Target::Server(client) => {
            let query: Vec<_> = function.map(|name| ("function", name.to_owned())).into_iter().collect();
            client.get("/_larder/urls", &query).await?
        }
        Target::Folder(offline) => desk::urls::urls(&offline.ledger.state(), function, PORT),
    };
    if options.json {
        print(&pretty(&urls));
        return Ok(());
    }

    for url in &urls.urls {
        print(&format!("{}  {} {}", plain(&url.arn), plain(&url.auth_type), plain(&url.invoke_mode)));
        print(&format!("  {}", plain(&url.url)));
        print(&format!("  {}", plain(&url.path_url)));
    }
    if urls.urls.is_empty() {
        print("No function has a URL: `aws lambda create-function-url-config` makes one.");
    }
    Ok(())
}
