//! What environments run, and why they are there.

use std::sync::Arc;

use crate::model::functions::FunctionVersion;
use crate::model::names::{FunctionKey, RevisionId};
use crate::model::qualifier::Version;

/// Why an environment is there: `AWS_LAMBDA_INITIALIZATION_TYPE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Initialization {
    /// An invocation needed it.
    OnDemand,
    /// Provisioned concurrency wants it.
    Provisioned,
}

/// What an environment runs: one version in one deployment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeploymentKey {
    /// The function.
    pub function: FunctionKey,
    /// Its version.
    pub version: Version,
    /// Code and configuration.
    pub deployment: RevisionId,
    /// The tenant it serves, and no other, where the function isolates tenants.
    pub tenant: Option<String>,
}

/// A version to run.
#[derive(Debug, Clone)]
pub struct Target {
    /// The function.
    pub function: FunctionKey,
    /// The version.
    pub version: Arc<FunctionVersion>,
    /// The tenant, where the function isolates tenants.
    pub tenant: Option<String>,
}

impl Target {
    /// What an environment of it runs.
    pub fn deployment(&self) -> DeploymentKey {
        DeploymentKey {
            function: self.function.clone(),
            version: self.version.version,
            deployment: self.version.deployment,
            tenant: self.tenant.clone(),
        }
    }
}
