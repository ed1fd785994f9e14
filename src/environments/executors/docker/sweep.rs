//! Finding containers that nobody needs: of this store, and those that servers left which never come back.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum};
use bollard::query_parameters::ListContainersOptionsBuilder;
use futures_util::future::join_all;

use super::DockerExecutor;
use super::container::{ENVIRONMENT_LABEL, PLACE_LABEL, STORE_LABEL};
use crate::environments::executor::{EnvironmentId, ExecutorError, Keep};

/// How old a container is that was created and will not be started any more, whoever's it is. Its server was killed
/// between the two; those that run end by themselves.
const FORGOTTEN: Duration = Duration::from_secs(600);

impl DockerExecutor {
    /// This store's containers in any state, of its data dir at this place, with one more label where given.
    pub(super) async fn list(&self, label: Option<String>) -> Result<Vec<ContainerSummary>, ExecutorError> {
        let mut labels = vec![format!("{STORE_LABEL}={}", self.store_id)];
        if !self.options.place.is_empty() {
            labels.push(format!("{PLACE_LABEL}={}", self.options.place));
        }
        labels.extend(label);
        self.list_by([("label", labels)].into()).await
    }

    async fn list_by(&self, filters: HashMap<&str, Vec<String>>) -> Result<Vec<ContainerSummary>, ExecutorError> {
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let listed = self.engine.quick(self.engine.docker.list_containers(Some(options))).await;
        listed.map_err(|error| self.engine.failed("list containers", &error))
    }

    /// Removes this store's containers that are not kept.
    pub(super) async fn sweep_own(&self, keep: &Keep<'_>) -> Result<Vec<EnvironmentId>, ExecutorError> {
        let strangers = self.list(None).await?.into_iter().filter_map(|container| {
            let environment = container.labels?.remove(ENVIRONMENT_LABEL).map(EnvironmentId)?;
            // One that is kept for somebody to look at has ended already.
            let ended = container.state.is_some_and(|state| state == ContainerSummaryStateEnum::EXITED);
            if self.options.keep_stopped && ended {
                return None;
            }
            (!keep(&environment)).then_some((environment, container.id?))
        });
        let removals = strangers.map(|(environment, container)| async move {
            self.remove(&container).await?;
            self.containers().remove(&environment);
            Ok(environment)
        });
        join_all(removals).await.into_iter().collect()
    }

    /// Removes containers of any store that were created long ago and never started. What goes wrong here waits for
    /// the next server.
    pub(super) async fn sweep_forgotten(&self) {
        let filters = [("label", vec![STORE_LABEL.to_owned()]), ("status", vec!["created".to_owned()])];
        let Ok(created) = self.list_by(filters.into()).await else { return };
        let now = SystemTime::now();
        for id in created.into_iter().filter(|container| is_forgotten(container, now)).filter_map(|found| found.id) {
            match self.remove(&id).await {
                Ok(()) => tracing::info!(container = id, "removed a container that a killed server never started"),
                Err(error) => tracing::debug!(%error, "it stays"),
            }
        }
    }
}

/// Whether it was created so long ago that nobody will start it.
fn is_forgotten(container: &ContainerSummary, now: SystemTime) -> bool {
    let created = container.created.and_then(|seconds| u64::try_from(seconds).ok());
    let age = created.and_then(|seconds| now.duration_since(UNIX_EPOCH + Duration::from_secs(seconds)).ok());
    container.state == Some(ContainerSummaryStateEnum::CREATED) && age.is_some_and(|age| age > FORGOTTEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_created_long_ago_is_forgotten() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let container =
            |state, created| ContainerSummary { state: Some(state), created, ..ContainerSummary::default() };
        let is = |state, created| is_forgotten(&container(state, created), now);
        assert!(is(ContainerSummaryStateEnum::CREATED, Some(999_000)));
        assert!(!is(ContainerSummaryStateEnum::CREATED, Some(999_990)), "it may be about to be started");
        assert!(!is(ContainerSummaryStateEnum::CREATED, Some(1_000_100)), "the engine's clock may differ");
        assert!(
            !is(ContainerSummaryStateEnum::RUNNING, Some(999_000)) && !is(ContainerSummaryStateEnum::CREATED, None)
        );
    }
}
