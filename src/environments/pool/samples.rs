//! Environments for tests of what keeps them.

use std::sync::Arc;

use uuid::Uuid;

use crate::environments::NoSink;
use crate::environments::deployment::{DeploymentKey, Initialization};
use crate::environments::environment::Environment;
use crate::environments::executor::EnvironmentId;
use crate::environments::function_log::FunctionLog;
use crate::environments::log_format::LogFormat;
use crate::model::logs::{LogGroupKey, LogStreamKey};
use crate::model::names::{FunctionKey, RevisionId, Scope};
use crate::model::qualifier::Version;

/// What an environment of a function runs.
pub fn deployment(name: &str) -> DeploymentKey {
    let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
    let function = FunctionKey { scope, name: name.into() };
    DeploymentKey { function, version: Version::Latest, deployment: RevisionId(Uuid::nil()), tenant: None }
}

/// An environment on demand, without anything behind it.
pub fn environment(id: &str, function: &str) -> Arc<Environment> {
    let deployment = deployment(function);
    let group = LogGroupKey { scope: deployment.function.scope.clone(), name: "group".into() };
    let log = FunctionLog::new(Arc::new(NoSink), LogStreamKey { group, name: "stream".into() }, LogFormat::TEXT);
    let runs = (deployment, Initialization::OnDemand);
    Arc::new(Environment::new(EnvironmentId(id.into()), runs, Box::new(tokio::io::sink()), log, true))
}
