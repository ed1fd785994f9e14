//! Commands: what callers (and Larder's own reactors) ask the ledger for. One file an area.

pub mod capacity_providers;
pub mod code_signing;
pub mod concurrency;
pub mod event_invoke;
pub mod event_sources;
pub mod function_settings;
pub mod functions;
pub mod history;
pub mod iam;
pub mod layers;
pub mod logs;
pub mod policies;
pub mod tags;
pub mod urls;

use uuid::Uuid;

use super::names::RevisionId;
use super::time::Timestamp;

/// Declares [`Command`]: one variant an area.
macro_rules! areas {
    ($($(#[$doc:meta])* $area:ident($command:path),)*) => {
        /// A wish to change the state. The doc of each area's variants says when it is allowed; what is
        /// checked against the model's constraints alone is checked before a command exists.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Command {
            $($(#[$doc])* $area($command),)*
        }

        $(impl From<$command> for Command {
            fn from(command: $command) -> Self {
                Self::$area(command)
            }
        })*
    };
}
areas! {
    /// Functions, their versions and aliases.
    Function(functions::FunctionCommand),
    /// Resource-based policies of functions.
    Policy(policies::PolicyCommand),
    /// Layers and their policies.
    Layer(layers::LayerCommand),
    /// Function URLs.
    Url(urls::UrlCommand),
    /// Event-invoke configurations.
    EventInvoke(event_invoke::EventInvokeCommand),
    /// Reserved and provisioned concurrency, and scaling.
    Concurrency(concurrency::ConcurrencyCommand),
    /// Recursion and runtime management of functions.
    FunctionSettings(function_settings::FunctionSettingsCommand),
    /// Tags of functions.
    Tag(tags::TagCommand),
    /// Code-signing configurations and what they are attached to.
    CodeSigning(code_signing::CodeSigningCommand),
    /// Event source mappings.
    EventSource(event_sources::EventSourceCommand),
    /// Capacity providers.
    CapacityProvider(capacity_providers::CapacityProviderCommand),
    /// Roles and policies of the IAM neighbour.
    Iam(iam::IamCommand),
    /// Log groups and streams of the Logs neighbour.
    Logs(logs::LogsCommand),
    /// Marks, and states to be brought back.
    History(history::HistoryCommand),
}

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
