//! Commands about recursion and runtime management of functions.

/// A wish to change recursion and runtime management of functions.
#[derive(Debug, Clone, PartialEq)]
pub enum FunctionSettingsCommand {}
