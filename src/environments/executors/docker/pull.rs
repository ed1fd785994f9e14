//! Images: is one there, and if not, fetch it once for all who wait.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::models::CreateImageInfo;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::future::{BoxFuture, FutureExt, Shared};
use futures_util::stream::StreamExt;

use super::engine::{Engine, is_missing, reason};
use crate::environments::executor::ExecutorError;

/// How long an image that was seen is taken to be there still. One removed meanwhile is noticed when
/// a container is created.
const TRUST: Duration = Duration::from_secs(60);

/// The least time between two lines about a pull.
const PROGRESS_EVERY: Duration = Duration::from_secs(3);

/// One pull that any number of callers wait for. Whoever waits drives it, so that it goes on as
/// long as one of them does, and needs no task of its own.
type Pull = Shared<BoxFuture<'static, Result<(), String>>>;

/// What we know of the engine's images.
#[derive(Debug, Default)]
pub(super) struct Images {
    seen: Mutex<HashMap<String, Instant>>,
    pulls: Mutex<HashMap<String, Pull>>,
}

impl Images {
    /// Returns once `image` is there; pulls it where it is not.
    pub(super) async fn ensure(&self, engine: &Engine, image: &str) -> Result<(), ExecutorError> {
        let seen = lock(&self.seen).get(image).copied();
        if seen.is_some_and(|seen| seen.elapsed() < TRUST) {
            return Ok(());
        }
        match engine.docker.inspect_image(image).await {
            Ok(_) => {}
            Err(error) if is_missing(&error) => self.pull(engine, image).await?,
            Err(error) => return Err(engine.failed(&format!("look for image {image}"), &error)),
        }
        lock(&self.seen).insert(image.to_owned(), Instant::now());
        Ok(())
    }

    /// Takes back that `image` is there.
    pub(super) fn forget(&self, image: &str) {
        lock(&self.seen).remove(image);
    }

    async fn pull(&self, engine: &Engine, image: &str) -> Result<(), ExecutorError> {
        let pull = lock(&self.pulls)
            .entry(image.to_owned())
            .or_insert_with(|| download(engine.docker.clone(), image.to_owned()).boxed().shared())
            .clone();
        let outcome = pull.clone().await;
        let mut pulls = lock(&self.pulls);
        if pulls.get(image).is_some_and(|current| current.ptr_eq(&pull)) {
            pulls.remove(image);
        }
        outcome.map_err(|reason| unpulled(image, &reason))
    }
}

/// Pulls `image`, saying so in the log now and then.
async fn download(docker: Docker, image: String) -> Result<(), String> {
    let began = Instant::now();
    tracing::info!(image, "pulling the image");
    let options = CreateImageOptionsBuilder::default().from_image(&tagged(&image)).build();
    let mut steps = docker.create_image(Some(options), None, None);
    let mut progress = Progress::default();
    let mut said = began;
    while let Some(step) = steps.next().await {
        progress.note(step.map_err(|error| reason(&error))?);
        if said.elapsed() >= PROGRESS_EVERY {
            said = Instant::now();
            let (done_mib, total_mib) = progress.mib();
            tracing::info!(image, done_mib, total_mib, "pulling the image");
        }
    }
    tracing::info!(image, seconds = began.elapsed().as_secs(), "pulled the image");
    Ok(())
}

/// The image with a tag: without one an engine would fetch all there are.
pub(super) fn tagged(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    if last.contains([':', '@']) { image.to_owned() } else { format!("{image}:latest") }
}

fn unpulled(image: &str, reason: &str) -> ExecutorError {
    ExecutorError::RuntimeMissing(format!(
        "image {image} is not here and cannot be pulled: {reason}. Try `docker pull {image}`, name \
         another one in LAMBDA_RUNTIME_IMAGE_MAPPING, or make a stand-in with fixtures/images/build"
    ))
}

/// Downloaded and total bytes of each layer so far.
#[derive(Debug, Default)]
struct Progress(HashMap<String, (i64, i64)>);

impl Progress {
    fn note(&mut self, step: CreateImageInfo) {
        if step.status.as_deref() != Some("Downloading") {
            return;
        }
        let (Some(layer), Some(detail)) = (step.id, step.progress_detail) else {
            return;
        };
        let bytes = (detail.current.unwrap_or(0), detail.total.unwrap_or(0));
        self.0.insert(layer, bytes);
    }

    /// Of all layers that have begun, in MiB.
    fn mib(&self) -> (i64, i64) {
        let sum = |pick: fn(&(i64, i64)) -> i64| self.0.values().map(pick).sum::<i64>() >> 20;
        (sum(|layer| layer.0), sum(|layer| layer.1))
    }
}

/// The map, whatever a panicking holder left: it is only a memory.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::models::ProgressDetail;

    #[test]
    fn an_image_without_a_tag_is_the_latest() {
        for (image, tagged_image) in [
            ("my/python", "my/python:latest"),
            ("registry:5000/my/python", "registry:5000/my/python:latest"),
            ("my/python:3", "my/python:3"),
            ("my/python@sha256:00", "my/python@sha256:00"),
        ] {
            assert_eq!(tagged(image), tagged_image);
        }
    }

    #[test]
    fn progress_is_the_sum_over_layers() {
        let mut progress = Progress::default();
        for (layer, current) in [("a", 1 << 20), ("b", 2 << 20), ("a", 3 << 20)] {
            progress.note(CreateImageInfo {
                id: Some(layer.into()),
                status: Some("Downloading".into()),
                progress_detail: Some(ProgressDetail { current: Some(current), total: Some(4 << 20) }),
                error_detail: None,
            });
        }
        assert_eq!(progress.mib(), (5, 8));
    }
}
