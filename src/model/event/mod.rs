//! Events: facts that happened. They log results (ids, times), never requests. One file an area.

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
pub mod uses;

use super::arn;
use super::names::{FunctionKey, Scope};
use super::time::Timestamp;

/// Declares [`Event`]: one variant an area.
macro_rules! areas {
    ($($(#[$doc:meta])* $area:ident($event:path),)*) => {
        /// The one thing that changes state.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Event {
            $($(#[$doc])* $area($event),)*
        }

        impl Event {
            /// The event's name, past tense.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$area(event) => event.into(),)* }
            }

            /// What the event is about, for people.
            pub fn subject(&self) -> Subject {
                match self { $(Self::$area(event) => event.subject(),)* }
            }
        }

        $(impl From<$event> for Event {
            fn from(event: $event) -> Self {
                Self::$area(event)
            }
        })*
    };
}
areas! {
    /// Functions, their versions and aliases.
    Function(functions::FunctionEvent),
    /// Resource-based policies of functions.
    Policy(policies::PolicyEvent),
    /// Layers and their policies.
    Layer(layers::LayerEvent),
    /// Function URLs.
    Url(urls::UrlEvent),
    /// Event-invoke configurations.
    EventInvoke(event_invoke::EventInvokeEvent),
    /// Reserved and provisioned concurrency, and scaling.
    Concurrency(concurrency::ConcurrencyEvent),
    /// Recursion and runtime management of functions.
    FunctionSettings(function_settings::FunctionSettingsEvent),
    /// Tags of functions.
    Tag(tags::TagEvent),
    /// Code-signing configurations and what they are attached to.
    CodeSigning(code_signing::CodeSigningEvent),
    /// Event source mappings.
    EventSource(event_sources::EventSourceEvent),
    /// Capacity providers.
    CapacityProvider(capacity_providers::CapacityProviderEvent),
    /// Roles and policies of the IAM neighbour.
    Iam(iam::IamEvent),
    /// Log groups and streams of the Logs neighbour.
    Logs(logs::LogsEvent),
    /// Marks, and states brought back or in.
    History(history::HistoryEvent),
}

/// What an event is about, as history shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its ARN.
    pub arn: String,
    /// Where it is.
    pub scope: Scope,
    /// Its name inside the account and region.
    pub name: String,
}

impl Subject {
    /// A function and what belongs to it.
    pub fn function(key: &FunctionKey) -> Self {
        Self { arn: arn::function(key), scope: key.scope.clone(), name: key.name.to_string() }
    }
}

/// An event with its place in history and who caused it.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Its place, from 1, without gaps.
    pub sequence: u64,
    /// When it was decided.
    pub time: Timestamp,
    /// Who asked.
    pub origin: Origin,
    /// What happened.
    pub event: Event,
}

/// Who asked for a change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// Request id of the call; of Larder's own changes the reactor's name.
    pub request_id: String,
    /// Access key id the call was signed with.
    pub access_key_id: String,
    /// `User-Agent` of the call.
    pub user_agent: String,
}
