//! `larder diff`.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::entry_text::print_differences;
use super::error::CliError;
use super::target::{Offline, OutputOptions, Target, TargetOptions};
use super::terminal::{pretty, print};
use crate::desk::answers::Differences;
use crate::desk::history;
use crate::model::state::State;

/// Exit code of `--exit-code` where something differs.
const DIFFERS: u8 = 1;

/// Options of `larder diff`.
#[derive(Debug, Args)]
pub struct DiffOptions {
    /// Two points, `A..B`: sequences, times, marks, pods (files), or data dirs; `A` alone: from it to now
    #[arg(value_name = "A[..B]")]
    range: String,
    /// End with exit code 1 where something differs
    #[arg(long)]
    exit_code: bool,
    #[command(flatten)]
    output: OutputOptions,
}

/// Prints what differs.
pub async fn run(options: DiffOptions) -> Result<ExitCode, CliError> {
    let OutputOptions { json, show_secrets, target } = options.output;
    let (from, to) = sides(&options.range);
    let difference: Differences = if is_path(from) || is_path(to) {
        let secrets = history::secrets(show_secrets);
        let from = side(from, &target).await?;
        let to = side(to, &target).await?;
        history::differences(from, to, secrets)?.whole()?
    } else {
        match target.open_for(show_secrets).await? {
            Target::Server(client) => {
                let query =
                    [("from", from.to_owned()), ("to", to.to_owned()), ("show_secrets", show_secrets.to_string())];
                client.get("/_larder/diff", &query).await?
            }
            Target::Folder(offline) => history::diff(&offline.ledger, from, to, show_secrets)?.whole()?,
        }
    };
    if json {
        print(&pretty(&difference));
    } else {
        print_differences(&difference, "Nothing differs.");
    }

    let differs = options.exit_code && !difference.resources.is_empty();
    Ok(if differs { ExitCode::from(DIFFERS) } else { ExitCode::SUCCESS })
}

/// The two sides of a range; the second is the present where there is none.
fn sides(range: &str) -> (&str, &str) {
    // A path may begin with two dots itself.
    let parts = range.match_indices("..").map(|(at, dots)| (&range[..at], &range[at + dots.len()..]));
    let mut whole = parts.filter(|(from, to)| !from.is_empty() && !to.is_empty());
    whole.next().unwrap_or((range.strip_suffix("..").unwrap_or(range), "now"))
}

/// Whether a side is a data dir or a pod.
fn is_path(side: &str) -> bool {
    side.contains('/') || Path::new(side).exists()
}

/// One side of a difference with a data dir or a pod.
async fn side(text: &str, target: &TargetOptions) -> Result<Arc<State>, CliError> {
    let path = Path::new(text);
    if path.is_file() {
        return Ok(Arc::new(super::pod::open(path)?.state()));
    }
    if is_path(text) {
        return Ok(Offline::open(path)?.ledger.state());
    }
    let Some(folder) = &target.data_dir else {
        return Err(
            format!("`{text}` beside a data dir or a pod needs --data-dir, whose history it is a point of").into()
        );
    };
    let offline = Offline::open(folder)?;
    let sequence = history::sequence(&offline.ledger, text)?;

    Ok(offline.ledger.state_at(sequence)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_two_sides_or_ends_now() {
        for (range, both) in [
            ("1..2", ("1", "2")),
            ("10m", ("10m", "now")),
            ("mark:a..", ("mark:a", "now")),
            ("../a/..../b/", ("../a/", "../b/")),
            ("./a/..b", ("./a/", "b")),
            ("../a.pod", ("../a.pod", "now")),
        ] {
            assert_eq!(sides(range), both, "{range}");
        }
    }
}
