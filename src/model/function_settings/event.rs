//! Events of recursion and runtime management of functions.

use strum::IntoStaticStr;

use crate::model::event::Subject;
use crate::model::function_settings::RuntimeManagement;
use crate::model::names::FunctionKey;
use crate::model::qualifier::Version;

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
