//! Runtime management: when a version gets another runtime version.

pub mod command;
pub mod decide;
pub mod event;

/// `RuntimeManagementConfig` of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeManagement {
    /// When it is updated.
    pub mode: RuntimeUpdate,
    /// The runtime version it stays with, in `Manual`.
    pub runtime_version_arn: Option<String>,
}

impl Default for RuntimeManagement {
    /// What a version has of which nothing was said.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html>.
    fn default() -> Self {
        Self { mode: RuntimeUpdate::Auto, runtime_version_arn: None }
    }
}

/// `UpdateRuntimeOn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuntimeUpdate {
    /// Whenever there is a new runtime version.
    Auto,
    /// With the next update of the function.
    FunctionUpdate,
    /// Never: a caller names the runtime version.
    Manual,
}

impl RuntimeUpdate {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "Auto",
            Self::FunctionUpdate => "FunctionUpdate",
            Self::Manual => "Manual",
        }
    }

    /// Reads the word of the API; the shape lets no other through.
    pub fn parse(text: &str) -> Self {
        match text {
            "Manual" => Self::Manual,
            "FunctionUpdate" => Self::FunctionUpdate,
            _ => Self::Auto,
        }
    }
}
