//! `larder rewind`.

use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::entry_text::print_differences;
use super::error::CliError;
use super::events_then::{EventsThen, print_events};
use super::target::{Target, TargetOptions, cli};
use super::terminal::{plain, pretty, print};
use crate::desk::answers::{Differences, EventsLeft, Rewound};
use crate::desk::history;
use crate::runs::command::Fate;

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
    /// Only show what would change
    #[arg(long)]
    dry_run: bool,
    /// Drop the messages of queues, too
    #[arg(long)]
    drop_messages: bool,
    /// The answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetOptions,
}

/// Rewinds, and says what that changed.
pub async fn run(options: RewindOptions) -> Result<(), CliError> {
    if options.dry_run {
        return rehearse(&options).await;
    }
    let rewound: Rewound = match options.target.open()? {
        Target::Server(client) => {
            let mut body = json!({ "to": options.to, "only": options.only });
            // An older server knows no such members.
            for (name, is_wanted) in
                [("drop_events", options.events.drop_events), ("drop_messages", options.drop_messages)]
            {
                if is_wanted {
                    body[name] = true.into();
                }
            }
            client.post("/_larder/rewind", &body).await?
        }
        Target::Folder(offline) => {
            let ledger = Arc::clone(&offline.ledger);
            let fate = Fate { drops_events: options.events.drop_events, drops_messages: options.drop_messages };
            let rewound = history::rewind(&ledger, &options.to, &options.only, fate, cli()).await;
            ledger.close().map_err(|error| error.to_string())?;
            rewound?
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

/// Says what a rewind would change.
async fn rehearse(options: &RewindOptions) -> Result<(), CliError> {
    let difference: Differences = match options.target.open()? {
        Target::Server(client) => {
            let body = json!({ "to": options.to, "only": options.only, "dry_run": true });
            client.post("/_larder/rewind", &body).await?
        }
        Target::Folder(offline) => history::would_rewind(&offline.ledger, &options.to, &options.only)?.whole()?,
    };
    if options.json {
        print(&pretty(&difference));
        return Ok(());
    }

    print_differences(&difference, "It is so already.");
    print(&format!("a rewind to {} would change this; nothing was changed", difference.to));
    Ok(())
}
