//! `larder queue list` and `larder queue functions`.

use clap::Args;
use indicatif::HumanBytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{OfFunction, attempts, called, span};
use crate::cli::error::CliError;
use crate::cli::target::{Target, TargetOptions};
use crate::cli::terminal::{plain, pretty, print};
use crate::desk::answers::{FunctionQueue, FunctionQueues, LostDelivery, QueuePage, QueuedEvent, Standing};
use crate::desk::queue::list::{self, LONGEST_PAGE, QueueQuery};
use crate::desk::queue::{Queue, QueueError};

/// What `--help` shows.
pub const EXAMPLES: &str = "\
Examples:
  larder queue list --function orders
  larder queue list --json | jq -r '.events[] | select(.attempts.failed > 0) | .id'";

/// Options of `larder queue list` and `larder queue functions`.
#[derive(Debug, Args)]
pub struct ListOptions {
    #[command(flatten)]
    of: OfFunction,
    /// As many at most
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetOptions,
}

/// A page of a list.
trait Page: Serialize + DeserializeOwned {
    /// How many entries it has.
    fn count(&self) -> usize;
    /// Where the next one begins.
    fn next(&self) -> Option<String>;
    /// Takes the entries of the next one.
    fn add(&mut self, next: Self);
}

impl Page for QueuePage {
    fn count(&self) -> usize {
        self.events.len()
    }

    fn next(&self) -> Option<String> {
        self.next.clone()
    }

    fn add(&mut self, next: Self) {
        self.events.extend(next.events);
        self.next = next.next;
    }
}

impl Page for FunctionQueues {
    fn count(&self) -> usize {
        self.functions.len()
    }

    fn next(&self) -> Option<String> {
        self.next.clone()
    }

    fn add(&mut self, next: Self) {
        self.functions.extend(next.functions);
        self.next = next.next;
    }
}

/// Asks for pages until there are as many entries as wanted.
async fn whole<P: Page>(
    options: &ListOptions,
    path: &str,
    ask: impl Fn(&Queue, &QueueQuery) -> Result<P, QueueError>,
) -> Result<P, CliError> {
    let target = options.target.open()?;
    let page = async |after: Option<String>, left: usize| -> Result<P, CliError> {
        let limit = Some(left.clamp(1, LONGEST_PAGE));
        let query = QueueQuery { function: options.of.function.clone(), limit, after };
        match &target {
            Target::Server(client) => {
                let get = client.request(reqwest::Method::GET, path).query(&query);
                client.ask(get).await
            }
            Target::Folder(offline) => Ok(ask(&Queue::at_rest(&offline.ledger), &query)?),
        }
    };

    let mut whole = page(None, options.limit).await?;
    while let Some(next) = whole.next().filter(|_| whole.count() < options.limit) {
        let left = options.limit - whole.count();
        whole.add(page(Some(next), left).await?);
    }
    Ok(whole)
}

/// Lists events.
pub async fn events(options: ListOptions) -> Result<(), CliError> {
    let page = whole(&options, "/_larder/queue", list::events).await?;
    if options.json {
        print(&pretty(&page));
        return Ok(());
    }

    if !page.events.is_empty() {
        print(&format!(
            "{:>8}  {:<28} {:<36}  {:>7}  {:<9} {:>8}  {:>9}",
            "ID", "FUNCTION", "REQUEST ID", "AGE", "ATTEMPTS", "DUE", "SIZE"
        ));
    }
    for event in &page.events {
        print(&row(event));
    }
    print(&summary(page.waiting, page.running, page.next.is_some()));

    Ok(())
}

/// A line of the table of events.
fn row(event: &QueuedEvent) -> String {
    let due = match event.standing {
        Standing::Running => "running".to_owned(),
        Standing::Held => "held".to_owned(),
        Standing::Waiting if event.due_in_s == 0 => "now".to_owned(),
        Standing::Waiting => format!("in {}", span(event.due_in_s)),
    };
    format!(
        "{:>8}  {:<28} {:<36}  {:>7}  {:<9} {:>8}  {:>9}",
        event.id,
        plain(&called(&event.function, event.qualifier.as_deref())),
        plain(&event.request_id),
        span(event.age_s),
        attempts(event),
        due,
        HumanBytes(event.size as u64).to_string(),
    )
}

/// Lists functions and how many events they have.
pub async fn functions(options: ListOptions) -> Result<(), CliError> {
    let page = whole(&options, "/_larder/queue/functions", list::functions).await?;
    if options.json {
        print(&pretty(&page));
        return Ok(());
    }

    for FunctionQueue { function, waiting, running, held, due } in &page.functions {
        let due = due.as_ref().map_or_else(String::new, |due| format!(", the first is due {due}"));
        let held = if *held == 0 { String::new() } else { format!(", {held} held") };
        print(&format!("{:<60} {waiting:>8} wait, {running} run{held}{due}", plain(function)));
    }
    for LostDelivery { function, metric, count } in &page.lost {
        print(&format!("{:<60} {count:>8} {metric}", plain(function)));
    }
    print(&summary(page.waiting, page.running, page.next.is_some()));
    if page.deliveries > 0 {
        print(&format!("{} records and dead letters wait to be delivered", page.deliveries));
    }

    Ok(())
}

/// The last line of a list.
fn summary(waiting: usize, running: usize, has_more: bool) -> String {
    let more = if has_more { "; --limit shows more" } else { "" };
    match waiting {
        0 => "no event waits".to_owned(),
        _ => format!("{waiting} events in all, of which {running} run{more}"),
    }
}
