//! `larder wait`: until the server of a data dir is ready.

use std::time::Duration;

use clap::Args;

use super::{DataDirOptions, ready};
use crate::cli::error::CliError;
use crate::cli::target::address_of;

/// Options of `larder wait`.
#[derive(Debug, Args)]
pub struct WaitOptions {
    /// Whose server.
    #[command(flatten)]
    pub of: DataDirOptions,
    /// Seconds to wait at most
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub timeout: u64,
}

/// Runs the subcommand.
pub async fn run(options: WaitOptions) -> Result<(), CliError> {
    let health = ready(&options.of.data_dir, Duration::from_secs(options.timeout), || Ok(())).await?;
    println!("{}", address_of(&health));
    Ok(())
}
