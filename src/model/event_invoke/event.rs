//! Events of event-invoke configurations.

use strum::IntoStaticStr;

use crate::model::event::Subject;
use crate::model::event_invoke::EventInvoke;
use crate::model::names::FunctionKey;
use crate::model::qualifier::Qualifier;

/// What happened to event-invoke configurations.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum EventInvokeEvent {
    /// A configuration came to be or changed: the whole of it.
    EventInvokePut {
        /// The function.
        key: FunctionKey,
        /// The version or alias.
        qualifier: Qualifier,
        /// The configuration.
        config: Box<EventInvoke>,
    },
    /// A configuration is gone.
    EventInvokeDeleted {
        /// The function.
        key: FunctionKey,
        /// The version or alias.
        qualifier: Qualifier,
    },
}

impl EventInvokeEvent {
    /// The function it is about.
    pub fn key(&self) -> &FunctionKey {
        match self {
            Self::EventInvokePut { key, .. } | Self::EventInvokeDeleted { key, .. } => key,
        }
    }

    /// What it is about, for people.
    pub fn subject(&self) -> Subject {
        Subject::function(self.key())
    }
}
