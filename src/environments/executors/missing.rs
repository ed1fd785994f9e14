//! In the place of an executor, where nothing on this machine runs functions: all else is served, and a call of a function says
//! what is missing. It is only taken where the user asked for none.

use async_trait::async_trait;

use crate::environments::executor::{Base, EnvironmentId, EnvironmentSpec, Executor, ExecutorError, Keep, Launch};

/// Runs nothing.
#[derive(Debug)]
pub struct MissingExecutor {
    reason: String,
}

impl MissingExecutor {
    /// For a reason that says what to do.
    pub fn new(reason: String) -> Self {
        Self { reason }
    }

    fn refuse<T>(&self) -> Result<T, ExecutorError> {
        Err(ExecutorError::Nowhere(format!("nothing here runs functions: {}", self.reason)))
    }
}

#[async_trait]
impl Executor for MissingExecutor {
    fn name(&self) -> &'static str {
        "none"
    }

    /// Another start of the server may have an executor: functions stay what they are.
    fn supports(&self, _base: &Base) -> Result<(), ExecutorError> {
        Ok(())
    }

    async fn ready_runtimes(&self) -> Result<Vec<&'static str>, ExecutorError> {
        Ok(Vec::new())
    }

    async fn launch(&self, _spec: &EnvironmentSpec) -> Result<Launch, ExecutorError> {
        self.refuse()
    }

    async fn prepare(&self, _base: &Base) -> Result<(), ExecutorError> {
        Ok(())
    }

    async fn start(&self, _spec: &EnvironmentSpec) -> Result<(), ExecutorError> {
        self.refuse()
    }

    async fn is_running(&self, _id: &EnvironmentId) -> bool {
        false
    }

    async fn stop(&self, _id: &EnvironmentId) -> Result<(), ExecutorError> {
        Ok(())
    }

    async fn sweep(&self, _keep: &Keep<'_>) -> Result<Vec<EnvironmentId>, ExecutorError> {
        Ok(Vec::new())
    }
}
