//! `larder rewind`.

use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::error::CliError;
use super::target::{Target, TargetOptions, cli};
use super::terminal::{plain, pretty, print};
use crate::desk::answers::Rewound;
use crate::desk::history;

/// Options of `larder rewind`.
#[derive(Debug, Args)]
pub struct RewindOptions {
    /// To a sequence, a time, how long ago, or mark:NAME
    #[arg(long, value_name = "SEQ|TIME")]
    to: String,
    /// Only some resources: an ARN or KIND:NAME, with `*` and `?`; may be repeated
    #[arg(long, value_name = "RESOURCE")]
    only: Vec<String>,
    /// The answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetOptions,
}

/// Rewinds, and says what that changed.
pub async fn run(options: RewindOptions) -> Result<(), CliError> {
    let rewound: Rewound = match options.target.open()? {
        Target::Server(client) => {
            client.post("/_larder/rewind", &json!({ "to": options.to, "only": options.only })).await?
        }
        Target::Folder(offline) => {
            let ledger = Arc::clone(&offline.ledger);
            let rewound = history::rewind(&ledger, &options.to, &options.only, cli()).await;
            ledger.close().map_err(|error| error.to_string())?;
            rewound.map_err(|error| error.to_string())?
        }
    };
    if options.json {
        print(&pretty(&rewound));
        return Ok(());
    }

    let put = rewound.put.iter();
    let removed = rewound.removed.iter();
    for (sign, arn) in put.map(|arn| ("+", arn)).chain(removed.map(|arn| ("-", arn))) {
        print(&format!("{sign} {}", plain(arn)));
    }
    print(&format!(
        "the state is that of {} again: {} resources brought back, {} removed (now at {})",
        rewound.to,
        rewound.put.len(),
        rewound.removed.len(),
        rewound.sequence
    ));

    Ok(())
}
