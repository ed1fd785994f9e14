//! `larder log`, `show`, `state`, `diff`, `rewind`, `mark` and `marks`: history on the command line.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::target::{Offline, Target, TargetOptions};
use crate::console::history::{self, LogQuery};
use crate::model::event::Origin;

/// How often `--follow` looks.
const FOLLOW: Duration = Duration::from_millis(500);

/// Options of `larder log`.
#[derive(Debug, Args)]
pub struct Log {
    /// Only what changed a function; `*` and `?` stand for anything and for one character
    #[arg(long, value_name = "NAME")]
    function: Option<String>,
    /// Only what changed a resource, by ARN or KIND:NAME; with `*` and `?`
    #[arg(long, value_name = "ARN")]
    resource: Option<String>,
    /// Only events of one kind, such as `FunctionCreated`
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// From a sequence on, or after a time: 42, 2026-01-31T12:00:00Z, 10m, mark:NAME
    #[arg(long, value_name = "SEQ|TIME")]
    since: Option<String>,
    /// Go on with what happens from now on
    #[arg(long)]
    follow: bool,
    /// Show the values of functions' variables
    #[arg(long)]
    show_secrets: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetOptions,
}

/// Options of `larder show`.
#[derive(Debug, Args)]
pub struct Show {
    /// The event's sequence
    sequence: u64,
    #[command(flatten)]
    output: Output,
}

/// Options of `larder state`.
#[derive(Debug, Args)]
pub struct State {
    /// As it was at a point: a sequence, a time, how long ago, or mark:NAME
    #[arg(long, value_name = "SEQ|TIME")]
    at: Option<String>,
    #[command(flatten)]
    output: Output,
}

/// Options of `larder diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// Two points, `A..B`: sequences, times, marks, pods (files), or data dirs
    #[arg(value_name = "A..B")]
    range: String,
    #[command(flatten)]
    output: Output,
}

/// Options of `larder rewind`.
#[derive(Debug, Args)]
pub struct Rewind {
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

/// Options of `larder mark`.
#[derive(Debug, Args)]
pub struct Mark {
    /// The mark's name; one that is taken moves here
    name: String,
    /// Forget the mark instead
    #[arg(long)]
    delete: bool,
    #[command(flatten)]
    target: TargetOptions,
}

/// Options of `larder marks`.
#[derive(Debug, Args)]
pub struct Marks {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetOptions,
}

/// What several of them have.
#[derive(Debug, Args)]
pub struct Output {
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Show the values of functions' variables
    #[arg(long)]
    show_secrets: bool,
    #[command(flatten)]
    target: TargetOptions,
}

/// `larder log`.
pub async fn log(options: Log) -> Result<(), String> {
    let mut query = LogQuery {
        since: options.since,
        function: options.function,
        resource: options.resource,
        kind: options.kind,
        limit: None,
        show_secrets: options.show_secrets,
    };
    let target = options.target.open()?;
    loop {
        let page = match &target {
            Target::Server(client) => client.get("/_larder/log", &pairs(&query)).await?,
            Target::Folder(offline) => history::log(&offline.ledger, &query).map_err(|error| error.to_string())?,
        };
        for entry in page["entries"].as_array().into_iter().flatten() {
            let text = if options.json { entry.to_string() } else { entry_text(entry) };
            if !print(&text) {
                return Ok(());
            }
        }
        let seen = page["sequence"].as_u64().unwrap_or_default();
        match page["next"].as_u64() {
            Some(next) => query.since = Some(next.to_string()),
            None if options.follow => {
                query.since = Some((seen + 1).to_string());
                tokio::time::sleep(FOLLOW).await;
            }
            None => return Ok(()),
        }
    }
}

fn pairs(query: &LogQuery) -> Vec<(&'static str, String)> {
    let texts =
        [("since", &query.since), ("function", &query.function), ("resource", &query.resource), ("kind", &query.kind)];
    let given = texts.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
    given.chain([("show_secrets", query.show_secrets.to_string())]).collect()
}

/// `larder show`.
pub async fn show(options: Show) -> Result<(), String> {
    let Output { json, show_secrets, target } = options.output;
    let entry = match target.open()? {
        Target::Server(client) => {
            let query = [("show_secrets", show_secrets.to_string())];
            client.get(&format!("/_larder/log/{}", options.sequence), &query).await?
        }
        Target::Folder(offline) => {
            history::show(&offline.ledger, options.sequence, show_secrets).map_err(|error| error.to_string())?
        }
    };
    print(&if json { pretty(&entry) } else { entry_text(&entry) });
    Ok(())
}

/// `larder state`.
pub async fn state(options: State) -> Result<(), String> {
    let Output { json, show_secrets, target } = options.output;
    let state = match target.open()? {
        Target::Server(client) => {
            let mut query = vec![("show_secrets", show_secrets.to_string())];
            query.extend(options.at.map(|at| ("at", at)));
            client.get("/_larder/state", &query).await?
        }
        Target::Folder(offline) => {
            history::state(&offline.ledger, options.at.as_deref(), show_secrets).map_err(|error| error.to_string())?
        }
    };
    if json {
        print(&pretty(&state));
        return Ok(());
    }
    print(&format!("sequence {}", state["sequence"]));
    for resource in state["resources"].as_array().into_iter().flatten() {
        print(&format!("{:<22} {}", text(&resource["kind"]), text(&resource["arn"])));
    }
    Ok(())
}

/// `larder diff`.
pub async fn diff(options: Diff) -> Result<(), String> {
    let Output { json, show_secrets, target } = options.output;
    let (from, to) = options.range.split_once("..").filter(|(from, to)| !from.is_empty() && !to.is_empty()).ok_or(
        "a difference is between two points: `larder diff 10..20`, `larder diff mark:before..5m`, `larder diff ./a/..b`",
    )?;
    let difference = if is_path(from) || is_path(to) {
        let secrets = history::secrets(show_secrets);
        let (from, to) = (side(from, &target).await?, side(to, &target).await?);
        history::differences(&from, &to, secrets)
    } else {
        match target.open()? {
            Target::Server(client) => {
                let query =
                    [("from", from.to_owned()), ("to", to.to_owned()), ("show_secrets", show_secrets.to_string())];
                client.get("/_larder/diff", &query).await?
            }
            Target::Folder(offline) => {
                history::diff(&offline.ledger, from, to, show_secrets).map_err(|error| error.to_string())?
            }
        }
    };
    if json {
        print(&pretty(&difference));
    } else {
        for resource in difference["resources"].as_array().into_iter().flatten() {
            print(&change_text(resource));
        }
    }
    Ok(())
}

/// Whether a side is a data dir or a pod.
fn is_path(side: &str) -> bool {
    side.contains('/') || Path::new(side).exists()
}

/// One side of a difference with a data dir or a pod.
async fn side(text: &str, target: &TargetOptions) -> Result<Arc<crate::model::state::State>, String> {
    let path = Path::new(text);
    if path.is_file() {
        return Ok(Arc::new(super::pod::state(&super::pod::open(path)?)));
    }
    if is_path(text) {
        return Ok(Offline::open(path)?.ledger.state());
    }
    let Some(folder) = &target.data_dir else {
        return Err(format!("`{text}` beside a data dir or a pod needs --data-dir, whose history it is a point of"));
    };
    let offline = Offline::open(folder)?;
    let sequence = history::sequence(&offline.ledger, text).map_err(|error| error.to_string())?;
    offline.ledger.state_at(sequence).map_err(|error| error.to_string())
}

/// `larder rewind`.
pub async fn rewind(options: Rewind) -> Result<(), String> {
    let rewound = match options.target.open()? {
        Target::Server(client) => {
            client.post("/_larder/rewind", &json!({ "to": options.to, "only": options.only })).await?
        }
        Target::Folder(offline) => {
            let ledger = Arc::new(offline.ledger);
            let rewound = history::rewind(&ledger, &options.to, &options.only, cli()).await;
            ledger.close().map_err(|error| error.to_string())?;
            rewound.map_err(|error| error.to_string())?
        }
    };
    if options.json {
        print(&pretty(&rewound));
        return Ok(());
    }
    let count = |name: &str| rewound[name].as_array().map_or(0, Vec::len);
    for (sign, name) in [("+", "put"), ("-", "removed")] {
        for arn in rewound[name].as_array().into_iter().flatten() {
            print(&format!("{sign} {}", text(arn)));
        }
    }
    let (put, removed) = (count("put"), count("removed"));
    print(&format!(
        "the state is that of {} again: {put} resources brought back, {removed} removed (now at {})",
        rewound["to"], rewound["sequence"]
    ));
    Ok(())
}

/// `larder mark`.
pub async fn mark(options: Mark) -> Result<(), String> {
    let path = format!("/_larder/marks/{}", options.name);
    let answer = match options.target.open()? {
        Target::Server(client) if options.delete => client
            .send(client.request(reqwest::Method::DELETE, &path))
            .await?
            .json()
            .await
            .map_err(|e| e.to_string())?,
        Target::Server(client) => client.post(&path, &json!({})).await?,
        Target::Folder(offline) => {
            let answer = if options.delete {
                history::unmark(&offline.ledger, &options.name, cli()).await
            } else {
                history::mark(&offline.ledger, &options.name, cli()).await
            };
            offline.ledger.close().map_err(|error| error.to_string())?;
            answer.map_err(|error| error.to_string())?
        }
    };
    match answer["sequence"].as_u64() {
        Some(sequence) => print(&format!("mark:{} is at {sequence}", options.name)),
        None => print(&format!("mark:{} is forgotten", options.name)),
    };
    Ok(())
}

/// `larder marks`.
pub async fn marks(options: Marks) -> Result<(), String> {
    let marks = match options.target.open()? {
        Target::Server(client) => client.get("/_larder/marks", &[]).await?,
        Target::Folder(offline) => history::marks(&offline.ledger),
    };
    if options.json {
        print(&pretty(&marks));
        return Ok(());
    }
    for mark in marks["marks"].as_array().into_iter().flatten() {
        print(&format!("mark:{:<24} {:>8}  {}", text(&mark["mark"]), mark["sequence"], text(&mark["time"])));
    }
    Ok(())
}

/// Who changes things offline.
pub fn cli() -> Origin {
    let user_agent = concat!("larder/", env!("CARGO_PKG_VERSION")).to_owned();
    Origin { request_id: uuid::Uuid::new_v4().to_string(), user_agent, ..Origin::default() }
}

/// One entry of the log, as a version-control log shows it.
fn entry_text(entry: &Value) -> String {
    let paint = Paint::new();
    let mut lines = vec![paint.bold(&format!("event {}  {}", entry["sequence"], text(&entry["kind"])))];
    let who = [("Key", "access_key_id"), ("Agent", "user_agent"), ("Request", "request_id"), ("Date", "time")];
    for (label, member) in who {
        let value = text(&entry[member]);
        if !value.is_empty() {
            lines.push(format!("{:<9}{value}", format!("{label}:")));
        }
    }
    if let Some(details) = entry.get("details").filter(|details| details["cause"].is_object()) {
        lines.push(format!("{:<9}{}", "Cause:", details["cause"]));
    }
    lines.push(String::new());
    for change in entry["changes"].as_array().into_iter().flatten() {
        lines.push(change_text(change));
    }
    lines.join("\n") + "\n"
}

/// One resource's change.
pub fn change_text(change: &Value) -> String {
    let paint = Paint::new();
    let (sign, is_whole) = match text(&change["change"]).as_str() {
        "added" => ("+", true),
        "removed" => ("-", true),
        _ => ("~", false),
    };
    let mut lines = vec![paint.sign(sign, &format!("    {sign} {}", text(&change["arn"])))];
    for field in change["fields"].as_array().into_iter().flatten().filter(|_| !is_whole) {
        let value = |member: &str| field.get(member).map_or_else(|| "(none)".to_owned(), ToString::to_string);
        lines.push(format!("        {}: {} → {}", text(&field["path"]), value("old"), value("new")));
    }
    lines.join("\n")
}

/// Colours, where they are wanted.
struct Paint(bool);

impl Paint {
    fn new() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self(wanted && std::io::stdout().is_terminal())
    }

    fn bold(&self, text: &str) -> String {
        self.with("1", text)
    }

    fn sign(&self, sign: &str, text: &str) -> String {
        self.with(
            if sign == "+" {
                "32"
            } else if sign == "-" {
                "31"
            } else {
                "33"
            },
            text,
        )
    }

    fn with(&self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Text without what a terminal would obey.
pub fn text(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

pub fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}

/// Prints a line; `false` when nobody reads any more.
pub fn print(line: &str) -> bool {
    writeln!(std::io::stdout(), "{line}").is_ok()
}
