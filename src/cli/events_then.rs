//! What becomes of events that wait, where the state becomes another one: the options for it, and what is said.

use clap::Args;

use super::terminal::print;

/// What becomes of events that wait.
#[derive(Debug, Args)]
pub struct EventsThen {
    /// Drop the asynchronous events that wait
    #[arg(long, conflicts_with = "keep_events")]
    pub drop_events: bool,
    /// Keep the asynchronous events that wait, but for those of functions that are gone then [this is the default]
    #[arg(long)]
    keep_events: bool,
}

/// Says how many events wait and were dropped, where there are any.
pub fn print_events(waiting: usize, dropped: usize) {
    if dropped > 0 {
        print(&format!("{dropped} events that waited were dropped"));
    }
    if waiting > 0 {
        print(&format!("{waiting} events wait and are run when they are due (`larder queue list`)"));
    }
}
