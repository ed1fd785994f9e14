//! `larder status`: whether a server has a data dir, where it listens and what it does.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::{DataDirOptions, health, none_runs};
use crate::cli::error::{CliError, Kind};
use crate::cli::target::address_of;

/// Options of `larder status`.
#[derive(Debug, Args)]
pub struct StatusOptions {
    /// Whose server.
    #[command(flatten)]
    pub of: DataDirOptions,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Runs the subcommand.
pub async fn run(options: StatusOptions) -> Result<ExitCode, CliError> {
    let data_dir = &options.of.data_dir;
    let health = health(data_dir).await;
    let code = health.as_ref().map_or(Kind::Unreachable.code(), |_| 0);
    if options.json {
        let shown = health.unwrap_or_else(|| json!({ "status": "stopped" }));
        println!("{}", serde_json::to_string_pretty(&shown)?);
        return Ok(ExitCode::from(code));
    }

    let health = health.ok_or_else(|| none_runs(data_dir))?;
    print!("{}", shown(&health, &data_dir.display().to_string()));
    Ok(ExitCode::SUCCESS)
}

/// The shadows of functions at an endpoint.
fn shadows_at(one: &Value) -> String {
    let text = |name: &str| one[name].as_str().unwrap_or_default();
    let mut shown = format!("{} at {}: {}", one["shadows"], text("endpoint"), text("status"));
    for (before, name) in [(": ", "reason"), ("; last failure: ", "last_failure")] {
        if let Some(said) = one[name].as_str() {
            shown.push_str(before);
            shown.push_str(said);
        }
    }
    if let Some(count) = one["left_alone"].as_u64().filter(|count| *count > 0) {
        shown.push_str("; functions of others left alone: ");
        shown.push_str(&count.to_string());
    }
    for (here, there) in one["other_accounts"].as_object().into_iter().flatten() {
        shown.push_str("; account ");
        shown.push_str(here);
        shown.push_str(" is there ");
        shown.push_str(there.as_str().unwrap_or_default());
    }
    shown
}

/// A server's own words, a line each.
fn shown(health: &Value, data_dir: &str) -> String {
    let counts = &health["counts"];
    let seconds = health["uptime_s"].as_u64().unwrap_or_default();
    let executor = &health["executor"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut lines = vec![
        ("status", text(&health["status"])),
        ("address", address_of(health)),
        ("data", data_dir.to_owned()),
        ("version", text(&health["version"])),
        ("uptime", humantime::format_duration(std::time::Duration::from_secs(seconds)).to_string()),
        ("executor", format!("{} ({})", text(&executor["name"]), text(&executor["reason"]))),
        (
            "functions",
            format!("{}, {} versions, {} aliases", counts["functions"], counts["versions"], counts["aliases"]),
        ),
        ("environments", format!("{}, of which {} idle", counts["environments"], counts["idle_environments"])),
        ("events", format!("{} waiting, {} running", counts["waiting_events"], counts["running_events"])),
        ("sequence", health["sequence"].to_string()),
    ];
    let upstream = health["upstream"].as_array().map(Vec::as_slice).unwrap_or_default();
    lines.extend(
        upstream.iter().map(|one| ("upstream", format!("{}: {}", text(&one["endpoint"]), text(&one["status"])))),
    );
    let shadows = health["shadows"].as_array().map(Vec::as_slice).unwrap_or_default();
    lines.extend(shadows.iter().map(|one| ("shadows", shadows_at(one))));
    let problems = health["problems"].as_array().map(Vec::as_slice).unwrap_or_default();
    lines.extend(
        problems.iter().map(|problem| ("problem", problem.as_str().map_or_else(|| problem.to_string(), str::to_owned))),
    );

    let lines: Vec<String> = lines.into_iter().map(|(name, value)| format!("{name:<13} {value}\n")).collect();
    lines.concat()
}
