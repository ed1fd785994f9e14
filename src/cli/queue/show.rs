//! `larder queue show`.

use clap::Args;
use indicatif::HumanBytes;

use super::{attempts, called, span};
use crate::cli::error::CliError;
use crate::cli::target::{OutputOptions, Target};
use crate::cli::terminal::{plain, pretty, print};
use crate::desk::answers::{Standing, WholeEvent};
use crate::desk::history;
use crate::desk::queue::{Queue, list};

/// Options of `larder queue show`.
#[derive(Debug, Args)]
pub struct ShowOptions {
    /// Its id, as `larder queue list` has it
    id: u64,
    /// How to print; `--show-secrets` also shows what of the payload looks like a secret
    #[command(flatten)]
    output: OutputOptions,
}

/// Shows an event.
pub async fn run(options: ShowOptions) -> Result<(), CliError> {
    let OutputOptions { json, show_secrets, target } = options.output;
    let event: WholeEvent = match target.open_for(show_secrets).await? {
        Target::Server(client) => {
            let path = format!("/_larder/queue/{}", options.id);
            client.get(&path, &[("show_secrets", show_secrets.to_string())]).await?
        }
        Target::Folder(offline) => {
            list::show(&Queue::at_rest(&offline.ledger), options.id, history::secrets(show_secrets))?
        }
    };
    if json {
        print(&pretty(&event));
    } else {
        print(&text(&event));
    }

    Ok(())
}

fn text(whole: &WholeEvent) -> String {
    let event = &whole.event;
    let due = match (event.standing, &event.due) {
        (Standing::Running, _) => "it runs now".to_owned(),
        (_, None) => "held: it is run when you vouch for its pod, or by `larder queue retry`".to_owned(),
        (_, Some(due)) if event.due_in_s == 0 => format!("{due} (now)"),
        (_, Some(due)) => format!("{due} (in {})", span(event.due_in_s)),
    };
    let called = called(&event.function, event.qualifier.as_deref());
    let facts = [
        ("Event:", Some(event.id.to_string())),
        ("Function:", Some(format!("{called} ({})", event.function))),
        ("Request:", Some(event.request_id.clone())),
        ("Accepted:", Some(format!("{} ({} ago)", event.accepted, span(event.age_s)))),
        ("Attempts:", Some(attempts(event))),
        ("Due:", Some(due)),
        ("Trace:", whole.trace_id.clone()),
        ("Tenant:", whole.tenant_id.clone()),
        ("Durable:", whole.durable_execution_name.clone()),
        ("Size:", Some(HumanBytes(event.size as u64).to_string())),
    ];

    let told = facts.into_iter().filter_map(|(label, value)| Some(format!("{label:<10}{}", plain(&value?))));
    let mut lines: Vec<String> = told.collect();
    if let Some(payload) = &whole.payload {
        lines.push(String::new());
        lines.push(pretty(payload));
    }
    lines.join("\n")
}
