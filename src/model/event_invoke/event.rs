//! Events of event-invoke configurations, and what they do to the state.

use std::sync::Arc;

use strum::IntoStaticStr;

use crate::model::event::Subject;
use crate::model::event_invoke::EventInvoke;
use crate::model::names::FunctionKey;
use crate::model::qualifier::Qualifier;
use crate::model::state::State;

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

/// Folds one event.
pub fn apply(state: &mut State, event: &EventInvokeEvent) {
    state.change_function(event.key(), |function| match event {
        EventInvokeEvent::EventInvokePut { qualifier, config, .. } => {
            function.event_invoke.insert(qualifier.clone(), Arc::new((**config).clone()));
        }
        EventInvokeEvent::EventInvokeDeleted { qualifier, .. } => {
            function.event_invoke.remove(qualifier);
        }
    });
}
