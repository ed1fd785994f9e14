//! `larder rewind`.

use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::error::CliError;
use super::events_then::{EventsThen, print_events};
use super::target::{Target, TargetOptions, cli};
use super::terminal::{plain, pretty, print};
use crate::desk::answers::{EventsLeft, Rewound};
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
    #[command(flatten)]
    events: EventsThen,
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
            let mut body = json!({ "to": options.to, "only": options.only });
            // An older server knows no such member.
            if options.events.drop_events {
                body["drop_events"] = true.into();
            }
            client.post("/_larder/rewind", &body).await?
        }
        Target::Folder(offline) => {
            let ledger = Arc::clone(&offline.ledger);
            let rewound = history::rewind(&ledger, &options.to, &options.only, options.events.fate(), cli()).await;
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
    let EventsLeft { waiting, dropped } = rewound.events;
    print_events(waiting, dropped);

    Ok(())
}
