//! Events of code-signing configurations and what they are attached to, and what they do to the state.

use std::sync::Arc;

use strum::IntoStaticStr;

use crate::model::code_signing::{CodeSigningConfig, CodeSigningKey};
use crate::model::event::Subject;
use crate::model::names::FunctionKey;
use crate::model::state::State;

/// What happened to code-signing configurations and what they are attached to.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum CodeSigningEvent {
    /// A configuration came to be or changed: the whole of it.
    CodeSigningConfigPut {
        /// Where.
        key: CodeSigningKey,
        /// The configuration.
        config: CodeSigningConfig,
    },
    /// A configuration is gone.
    CodeSigningConfigDeleted {
        /// Where it was.
        key: CodeSigningKey,
    },
    /// A function has a configuration.
    FunctionCodeSigningConfigPut {
        /// The function.
        function: FunctionKey,
        /// The configuration.
        config: CodeSigningKey,
    },
    /// A function has no configuration any more.
    FunctionCodeSigningConfigDeleted {
        /// The function.
        function: FunctionKey,
    },
}

impl CodeSigningEvent {
    /// What it is about, for people.
    pub fn subject(&self) -> Subject {
        match self {
            Self::CodeSigningConfigPut { key, .. } | Self::CodeSigningConfigDeleted { key } => {
                Subject { arn: key.arn(), scope: key.scope.clone(), name: key.id.to_string() }
            }
            Self::FunctionCodeSigningConfigPut { function, .. }
            | Self::FunctionCodeSigningConfigDeleted { function } => Subject::function(function),
        }
    }
}

/// Folds one event.
pub fn apply(state: &mut State, event: &CodeSigningEvent) {
    match event {
        CodeSigningEvent::CodeSigningConfigPut { key, config } => {
            state.code_signing_configs.insert(key.clone(), Arc::new(config.clone()));
        }
        CodeSigningEvent::CodeSigningConfigDeleted { key } => {
            state.code_signing_configs.remove(key);
        }
        CodeSigningEvent::FunctionCodeSigningConfigPut { function, config } => {
            state.change_function(function, |function| function.code_signing_config = Some(config.clone()));
        }
        CodeSigningEvent::FunctionCodeSigningConfigDeleted { function } => {
            state.change_function(function, |function| function.code_signing_config = None);
        }
    }
}
