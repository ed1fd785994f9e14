//! `larder why-denied`.

use clap::Args;

use super::error::{CliError, Kind};
use super::target::{Target, TargetOptions};
use super::terminal::{plain, pretty, print};
use crate::desk::answers::Refusals;
use crate::desk::denials::Denied;

/// Options of `larder why-denied`.
#[derive(Debug, Args)]
pub struct WhyDeniedOptions {
    /// Request id of the call, as its answer's header `x-amzn-requestid` has it; without it, the latest refusals are listed
    request_id: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetOptions,
}

/// Prints who was refused, and what decided it.
pub async fn run(options: WhyDeniedOptions) -> Result<(), CliError> {
    let Target::Server(client) = options.target.open()? else {
        let message =
            "who was refused is known to a running server alone: its log, and that of those before, says it too";
        return Err(CliError::new(Kind::Unreachable, message));
    };
    let id = options.request_id.as_deref();
    let query: Vec<_> = id.map(|id| ("request_id", id.to_owned())).into_iter().collect();
    let Refusals { refusals } = client.get("/_larder/refusals", &query).await?;
    if let (Some(id), true) = (id, refusals.is_empty()) {
        let message = format!(
            "no call with the id {id} was refused by policies, or it is among those that this server remembers no more \
             (its log has them)"
        );
        return Err(CliError::new(Kind::NotFound, message));
    }

    if options.json {
        print(&pretty(&refusals));
    } else if id.is_some() {
        refusals.iter().for_each(explain);
    } else if refusals.is_empty() {
        print("Nobody was refused by policies since the server started.");
    } else {
        refusals.iter().for_each(line);
    }
    Ok(())
}

fn line(denied: &Denied) {
    let Denied { request_id, time, caller, action, resource, .. } = denied;
    print(&plain(&format!("{time}  {request_id}  {caller}  {action}  {resource}")));
}

fn explain(denied: &Denied) {
    let Denied { time, caller, action, resource, decided_by, context, message, .. } = denied;
    for (name, value) in [
        ("when", time),
        ("who", caller),
        ("action", action),
        ("resource", resource),
        ("decided by", decided_by),
        ("answered", message),
    ] {
        print(&plain(&format!("{name:<10} {value}")));
    }
    print("conditions could ask for");
    for (key, values) in context {
        print(&plain(&format!("  {key} = {}", values.join(", "))));
    }
}
