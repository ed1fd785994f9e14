//! Environments for tests of what keeps them.

use std::sync::Arc;

use bytes::Bytes;
use larder_init::platform::{Level, PlatformEvent};
use uuid::Uuid;

use crate::environments::deployment::{DeploymentKey, Initialization};
use crate::environments::environment::Environment;
use crate::environments::executor::EnvironmentId;
use crate::environments::function_log::{FunctionLog, LogSink};
use crate::environments::invocation::{Completed, Invocation, Place, Report};
use crate::environments::log_format::LogFormat;
use crate::model::logs::{LogGroupKey, LogStreamKey};
use crate::model::names::{FunctionKey, RevisionId, Scope};
use crate::model::qualifier::Version;
use crate::model::time::Timestamp;

/// A sink that forgets everything.
#[derive(Debug)]
struct NoSink;

impl LogSink for NoSink {
    fn line(&self, _stream: &Arc<LogStreamKey>, _time: Timestamp, _text: String) {}
}

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

/// An event that nobody reports of.
pub fn invocation() -> Invocation {
    Invocation {
        request_id: Uuid::nil().to_string(),
        function_arn: String::new(),
        trace_id: None,
        client_context: None,
        tenant_id: None,
        payload: Bytes::from_static(b"{}"),
        stream: None,
        awaits_log: false,
        report: Arc::new(NoReport),
    }
}

#[derive(Debug)]
struct NoReport;

impl Report for NoReport {
    fn placed(&self, _place: Place) {}

    fn start(&self) -> PlatformEvent {
        let kind = "platform.start".to_owned();
        let record = "{}".to_owned();
        PlatformEvent { time_ms: 0, kind, level: Level::Info, record, line: None }
    }

    fn end(&self, _: &Completed) -> Vec<PlatformEvent> {
        Vec::new()
    }
}
