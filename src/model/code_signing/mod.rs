//! Code-signing configurations: who may sign a function's code, and what an unsigned one leads to.

pub mod command;
pub mod decide;
pub mod event;

use std::collections::BTreeMap;

use uuid::Uuid;

use super::arn::{Arn, partition};
use super::error::{ApiError, ErrorCode};
use super::names::{CodeSigningConfigId, Scope};
use super::time::Timestamp;

/// A code-signing configuration's place in the state.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CodeSigningKey {
    /// Account and region.
    pub scope: Scope,
    /// Its id.
    pub id: CodeSigningConfigId,
}

/// A code-signing configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeSigningConfig {
    /// Free text, if any was given.
    pub description: Option<String>,
    /// ARNs of the signing profiles that are trusted.
    pub publishers: Vec<String>,
    /// Whether code of nobody trusted is refused (`Enforce`) rather than warned of (`Warn`).
    pub enforce: bool,
    /// When it was last changed.
    pub modified: Timestamp,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

impl CodeSigningKey {
    /// The place of a new configuration, its id made of `random`.
    pub fn new(scope: Scope, random: Uuid) -> Self {
        let digits = random.simple().to_string();
        Self { scope, id: format!("csc-{}", &digits[..17]).into() }
    }

    /// The ARN.
    pub fn arn(&self) -> String {
        let Scope { account, region } = &self.scope;
        format!("arn:{}:lambda:{region}:{account}:code-signing-config:{}", partition(region), self.id)
    }

    /// Reads an ARN that has passed the pattern of the model.
    pub fn parse(arn: &str) -> Option<Self> {
        let arn = Arn::parse(arn)?;
        let id = arn.resource.split(':').nth(1)?;
        Some(Self { scope: arn.scope(), id: id.into() })
    }
}

/// The error for a configuration that is not there.
pub fn code_signing_config_not_found(arn: &str) -> ApiError {
    let message = format!("The Lambda code signing configuration {arn} can not be found.");
    ApiError::new(ErrorCode::ResourceNotFound, message).without_type()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_reads_back() {
        let arn = "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-0123456789abcdef0";
        assert_eq!(CodeSigningKey::parse(arn).map(|key| key.arn()).as_deref(), Some(arn));
        assert_eq!(CodeSigningKey::parse("arn:aws:lambda"), None);
    }
}
