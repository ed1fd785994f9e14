//! Commands against state: which events follow, or which error.

use super::areas::for_each_area;
use super::command::{Command, Stamp};
use super::error::ApiError;
use super::event::Event;
use super::limits::Limits;
use super::qualifier::Version;
use super::state::State;

/// What a command leads to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// The events, in order; none when the state already is as wished.
    pub events: Vec<Event>,
    /// The version an answer shows, where it is not `$LATEST`.
    pub shows: Option<Version>,
}

impl<E: Into<Event>> From<E> for Decision {
    fn from(event: E) -> Self {
        Self { events: vec![event.into()], shows: None }
    }
}

macro_rules! decide {
    ($($(#[$doc:meta])* $area:ident $module:ident $command:ident $event:ident,)*) => {
        /// Decides a command on the current state. Pure, never panics, changes nothing.
        ///
        /// # Errors
        /// AWS's error for a command that is not allowed now.
        pub fn decide(state: &State, command: &Command, stamp: &Stamp, limits: &Limits) -> Result<Decision, ApiError> {
            match command {
                $(Command::$area(command) => super::$module::decide::decide(state, command, stamp, limits),)*
            }
        }
    };
}
for_each_area!(decide);
