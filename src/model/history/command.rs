//! Commands about history itself: marks, and states to be brought back.

use std::sync::Arc;

use crate::model::history::{Cause, MarkName};
use crate::model::merge::MergeStrategy;
use crate::model::resource::{Resource, ResourceKey};
use crate::model::state::State;

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum HistoryCommand {
    /// Bring the state, or some resources of it, back to what they are in `target`. Always allowed.
    Restore {
        /// The state as it shall be.
        target: Arc<State>,
        /// The resources that are meant; `None`: all.
        only: Option<Vec<ResourceKey>>,
        /// Why.
        cause: Cause,
    },
    /// Take in resources from elsewhere. Quotas are not checked: what was, is a fact. Refused if a URL of theirs
    /// belongs to another function.
    Merge {
        /// The resources, each place once.
        incoming: Vec<Resource>,
        /// What becomes of those that are there.
        strategy: MergeStrategy,
        /// Whether somebody vouches for them: else functions among them are inert.
        trusted: bool,
        /// Why.
        cause: Cause,
    },
    /// Name the present. A name that is taken moves here.
    PutMark {
        /// The name.
        name: MarkName,
    },
    /// Forget a mark.
    DeleteMark {
        /// Its name.
        name: MarkName,
    },
}
