//! Commands about recursion and runtime management of functions.

use crate::model::function_settings::RuntimeManagement;
use crate::model::names::FunctionKey;
use crate::model::qualifier::Qualifier;

/// A wish to change recursion and runtime management of functions.
#[derive(Debug, Clone, PartialEq)]
pub enum FunctionSettingsCommand {
    /// The function exists.
    PutRecursion {
        /// The function.
        key: FunctionKey,
        /// Whether recursive loops are let run.
        allows: bool,
    },
    /// The version exists; a runtime version is named if and only if the mode is `Manual`.
    PutRuntimeManagement {
        /// The function.
        key: FunctionKey,
        /// The version; without one `$LATEST`.
        qualifier: Option<Qualifier>,
        /// All of it.
        management: RuntimeManagement,
    },
}
