//! Events: facts that happened. They log results (ids, times), never requests.

use strum::{EnumString, IntoStaticStr};

use super::areas::for_each_area;
use super::arn;
use super::names::{FunctionKey, Scope};
use super::time::Timestamp;

/// Declares [`Event`]: one variant an area.
macro_rules! event {
    ($($(#[$doc:meta])* $area:ident $module:ident $command:ident $event:ident,)*) => {
        /// The one thing that changes state.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Event {
            $($(#[$doc])* $area(super::$module::event::$event),)*
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

        $(impl From<super::$module::event::$event> for Event {
            fn from(event: super::$module::event::$event) -> Self {
                Self::$area(event)
            }
        })*
    };
}
for_each_area!(event);

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

/// What Larder does by itself, after a change or a call, by the names that history has of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum FollowUp {
    /// Functions are made ready.
    Activation,
    /// Capacity providers are.
    Capacity,
    /// Event source mappings are.
    EventSources,
    /// Log groups and streams are made for what functions write.
    Logs,
    /// Provisioned concurrency is allocated.
    Provisioning,
}

impl From<FollowUp> for Origin {
    fn from(follow_up: FollowUp) -> Self {
        Self { request_id: <&str>::from(follow_up).to_owned(), ..Self::default() }
    }
}
