//! Commands about code-signing configurations and what they are attached to.

use crate::model::code_signing::CodeSigningKey;
use crate::model::names::FunctionKey;
use crate::model::tags::Tags;

/// A wish to change code-signing configurations and what they are attached to.
#[derive(Debug, Clone, PartialEq)]
pub enum CodeSigningCommand {
    /// Always allowed.
    Create {
        /// Where, with a new id.
        key: CodeSigningKey,
        /// What it says.
        settings: Settings,
        /// Its tags.
        tags: Tags,
    },
    /// The configuration exists.
    Update {
        /// The configuration.
        key: CodeSigningKey,
        /// What to change; `None` stays.
        settings: Settings,
    },
    /// The configuration exists and no function has it.
    Delete {
        /// The configuration.
        key: CodeSigningKey,
    },
    /// Both exist, and the function's code is a zip.
    Attach {
        /// The function.
        function: FunctionKey,
        /// The configuration, as the caller named it.
        config: String,
    },
    /// The function exists and its code is a zip.
    Detach {
        /// The function.
        function: FunctionKey,
    },
}

/// What a caller says of a code-signing configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// Free text.
    pub description: Option<String>,
    /// ARNs of the trusted signing profiles.
    pub publishers: Option<Vec<String>>,
    /// Whether code of nobody trusted is refused.
    pub enforce: Option<bool>,
}
