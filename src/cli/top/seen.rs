//! A look at a server's numbers.

use std::time::Instant;

use crate::cli::error::CliError;
use crate::cli::target::Client;
use crate::desk::answers::Top;

/// Numbers, and when they were asked for.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The numbers.
    pub top: Top,
    /// When they came.
    pub at: Instant,
}

impl Seen {
    /// Asks for them.
    pub async fn now(client: &Client) -> Result<Self, CliError> {
        let top = client.get("/_larder/top", &[]).await?;
        Ok(Self { top, at: Instant::now() })
    }
}
