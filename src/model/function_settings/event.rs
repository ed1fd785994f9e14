//! Events of recursion and runtime management of functions, and what they do to the state.

use strum::IntoStaticStr;

use crate::model::event::Subject;
use crate::model::function_settings::RuntimeManagement;
use crate::model::names::FunctionKey;
use crate::model::qualifier::Version;
use crate::model::state::State;

/// What happened to recursion and runtime management of functions.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum FunctionSettingsEvent {
    /// It was said whether recursive loops are let run.
    RecursionPut {
        /// The function.
        key: FunctionKey,
        /// Whether they are.
        allows: bool,
    },
    /// It was said when a version's runtime is updated.
    RuntimeManagementPut {
        /// The function.
        key: FunctionKey,
        /// The version.
        version: Version,
        /// All of it.
        management: RuntimeManagement,
    },
}

impl FunctionSettingsEvent {
    /// The function it is about.
    pub fn key(&self) -> &FunctionKey {
        match self {
            Self::RecursionPut { key, .. } | Self::RuntimeManagementPut { key, .. } => key,
        }
    }

    /// What it is about, for people.
    pub fn subject(&self) -> Subject {
        Subject::function(self.key())
    }
}

/// Folds one event.
pub fn apply(state: &mut State, event: &FunctionSettingsEvent) {
    state.change_function(event.key(), |function| match event {
        FunctionSettingsEvent::RecursionPut { allows, .. } => function.allows_recursion = *allows,
        FunctionSettingsEvent::RuntimeManagementPut { version, management, .. } => {
            function.runtime_management.insert(*version, management.clone());
        }
    });
}
