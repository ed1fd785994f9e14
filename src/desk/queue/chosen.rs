//! Which functions' events are meant.

use super::{Queue, QueueError};
use crate::model::names::FunctionKey;
use crate::model::resource::{ResourceKey, ResourceKind};
use crate::model::resource_pattern::ResourcePattern;
use crate::reactors::running::RunningEvents;

/// Functions whose events are meant: those that a name or an ARN chooses, with `*` for any letters; else all.
#[derive(Debug, Clone, Default)]
pub struct Chosen(Option<ResourcePattern>);

impl Chosen {
    /// Reads a name or an ARN.
    ///
    /// # Errors
    /// It is neither, or chooses no function that is there or has events.
    pub fn parse(queue: &Queue, text: Option<&str>) -> Result<Self, QueueError> {
        let Some(text) = text else { return Ok(Self::default()) };
        let pattern = match text {
            "" => return Err(QueueError::Invalid("a function has a name, or an ARN".to_owned())),
            arn if arn.starts_with("arn:") => ResourcePattern::Arn(arn.to_owned()),
            name => ResourcePattern::Named(ResourceKind::Function, name.to_owned()),
        };
        let chosen = Self(Some(pattern));
        let runs = queue.ledger.runs();
        let is_there = queue.ledger.state().functions.keys().any(|function| chosen.has(function));
        if is_there || runs.events.lanes().keys().any(|function| chosen.has(function)) {
            return Ok(chosen);
        }

        Err(QueueError::NoFunction(text.to_owned()))
    }

    /// Whether a function is one of them.
    pub fn has(&self, function: &FunctionKey) -> bool {
        self.0.as_ref().is_none_or(|pattern| pattern.matches(&ResourceKey::Function(function.clone())))
    }

    /// How many of their events run.
    pub fn running(&self, running: &RunningEvents) -> usize {
        match &self.0 {
            None => running.len(),
            Some(_) => running.values().filter(|function| self.has(function)).count(),
        }
    }
}
