//! Commands: what callers (and Larder's own reactors) ask the ledger for.

use uuid::Uuid;

use super::areas::for_each_area;
use super::names::RevisionId;
use super::time::Timestamp;

/// Declares [`Command`]: one variant an area.
macro_rules! command {
    ($($(#[$doc:meta])* $area:ident $module:ident $command:ident $event:ident,)*) => {
        /// A wish to change the state. The doc of each area's variants says when it is allowed; what is
        /// checked against the model's constraints alone is checked before a command exists.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Command {
            $($(#[$doc])* $area(super::$module::command::$command),)*
        }

        $(impl From<super::$module::command::$command> for Command {
            fn from(command: super::$module::command::$command) -> Self {
                Self::$area(command)
            }
        })*
    };
}
for_each_area!(command);

/// What a command brings from the outside world, so that the model needs no clock and no dice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Now.
    pub time: Timestamp,
    /// Random; all ids the command makes are drawn from it.
    pub seed: Uuid,
}

impl Stamp {
    /// The `index`-th id of this command.
    pub fn revision(&self, index: u8) -> RevisionId {
        let mut bytes = *Uuid::new_v5(&self.seed, &[index]).as_bytes();
        // AWS's revision ids are version 4 UUIDs, and some tools check.
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        RevisionId(Uuid::from_bytes(bytes))
    }
}
