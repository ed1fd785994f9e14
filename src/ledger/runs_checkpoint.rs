//! A checkpoint of what is under way. It belongs to the files of one journal: its folder lies in that of the journal.

use std::sync::Arc;

use super::journal::Name;
use crate::runs::state::Runs;

/// What is under way, and where the journal goes on from there.
#[derive(Debug, Default)]
pub struct RunsCheckpoint {
    /// The state.
    pub state: Arc<Runs>,
    /// The segment from which on the events behind it lie.
    pub segment: Name,
    /// Inode of the journal's folder: one that was written while another journal took the place is of no use.
    pub folder: u64,
}
