//! The log of a server in the background: `larder logs --server`.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Duration;

use super::log_file;
use crate::cli::error::{CliError, not_read};
use crate::cli::terminal::print;

/// Bytes of the log's end that are shown.
const SHOWN: u64 = 16 * 1024;

/// How often it is looked for more.
const FOLLOW: Duration = Duration::from_millis(300);

/// Prints the end of the log, and goes on where that is wanted.
pub async fn show(data_dir: &Path, follow: bool) -> Result<(), CliError> {
    let path = log_file(data_dir);
    let problem = |error: io::Error| not_read(&path, &error);
    let mut file = File::open(&path).map_err(problem)?;
    let length = file.metadata().map_err(problem)?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(SHOWN))).map_err(problem)?;
    let mut is_whole = length <= SHOWN;

    loop {
        let mut read = Vec::new();
        file.read_to_end(&mut read).map_err(problem)?;
        let text = String::from_utf8_lossy(&read);
        // The first line may have lost its beginning.
        let from = if is_whole { 0 } else { text.find('\n').map_or(0, |end| end + 1) };
        is_whole = true;
        if !text[from..].is_empty() && !print(text[from..].trim_end_matches('\n')) || !follow {
            return Ok(());
        }
        tokio::time::sleep(FOLLOW).await;
    }
}
