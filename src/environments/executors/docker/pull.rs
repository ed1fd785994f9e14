//! Images: is one there, and if not, fetch it once for all who wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::models::{CreateImageInfo, ImageInspect};
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::future::{BoxFuture, FutureExt, Shared};
use futures_util::stream::StreamExt;

use super::engine::{Engine, is_missing, reason};
use crate::environments::executor::ExecutorError;

/// How long an image that was seen is taken to be there still. One removed meanwhile is noticed when
/// a container is created.
const TRUST: Duration = Duration::from_secs(60);

/// How long a registry may take to say that it has the image.
const FIRST_STEP: Duration = Duration::from_secs(20);

/// How long a download may stand still.
const STALL: Duration = Duration::from_secs(60);

/// The least time between two lines about a pull.
const PROGRESS_EVERY: Duration = Duration::from_secs(3);

/// What registries say to those who may not have an image.
const DENIALS: [&str; 4] = ["denied", "unauthorized", "forbidden", "authentication required"];

/// What an engine says of a registry that it does not reach: that tells nothing of the image.
const UNREACHED: [&str; 5] =
    ["dial tcp", "no such host", "connection refused", "i/o timeout", "network is unreachable"];

/// One pull that any number of callers wait for. Whoever waits drives it, so that it goes on as
/// long as one of them does, and needs no task of its own.
type Pull = Shared<BoxFuture<'static, Result<(), String>>>;

/// An image, and the platform to run it on where that is not the engine's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    /// Its name.
    pub(super) image: String,
    /// Such as `linux/arm64`.
    pub(super) platform: Option<String>,
}

/// An image that is there: what its maker says of how it is started.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Present {
    /// What a container is created of: the name, or the id where the name may stand for another platform's.
    pub(super) reference: String,
    /// What names its very bytes: its digest in a registry, or the engine's own id of one that was built here.
    pub(super) digest: String,
    /// `ENTRYPOINT`.
    pub(super) entry_point: Vec<String>,
    /// `CMD`.
    pub(super) command: Vec<String>,
    /// `ENV`.
    pub(super) variables: Vec<(String, String)>,
    /// `WORKDIR`.
    pub(super) working_dir: Option<String>,
}

impl Present {
    fn new(wanted: &Wanted, inspected: ImageInspect) -> Self {
        let config = inspected.config.unwrap_or_default();
        let variables = config.env.unwrap_or_default();
        let variables = variables.iter().filter_map(|pair| pair.split_once('='));
        let of_registry = inspected.repo_digests.unwrap_or_default().into_iter().next();
        let of_registry = of_registry.and_then(|name| Some(name.split_once('@')?.1.to_owned()));
        Self {
            digest: of_registry.or_else(|| inspected.id.clone()).unwrap_or_default(),
            reference: match (&wanted.platform, inspected.id) {
                (Some(_), Some(id)) => id,
                _ => wanted.image.clone(),
            },
            entry_point: config.entrypoint.unwrap_or_default(),
            command: config.cmd.unwrap_or_default(),
            variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            working_dir: config.working_dir.filter(|folder| !folder.is_empty()),
        }
    }
}

/// What we know of the engine's images.
#[derive(Debug, Default)]
pub(super) struct Images {
    seen: Mutex<HashMap<Wanted, (Instant, Arc<Present>)>>,
    pulls: Mutex<HashMap<Wanted, Pull>>,
}

impl Images {
    /// The image, once it is there; pulls it where it is not.
    pub(super) async fn ensure(&self, engine: &Engine, wanted: &Wanted) -> Result<Arc<Present>, ExecutorError> {
        if let Some((seen, present)) = lock(&self.seen).get(wanted)
            && seen.elapsed() < TRUST
        {
            return Ok(Arc::clone(present));
        }
        let inspected = if let Some(inspected) = inspect(engine, wanted).await? {
            inspected
        } else {
            self.pull(engine, wanted).await?;
            // Of all platforms' images the engine gives the name to the one that was pulled last.
            lock(&self.seen).retain(|other, _| other.image != wanted.image);
            let inspected = inspect(engine, wanted).await?;
            inspected.ok_or_else(|| unpulled(wanted, "the registry has it for other platforms only"))?
        };
        let present = Arc::new(Present::new(wanted, inspected));
        lock(&self.seen).insert(wanted.clone(), (Instant::now(), Arc::clone(&present)));

        Ok(present)
    }

    /// What names the bytes of an image that was seen.
    pub(super) fn digest(&self, wanted: &Wanted) -> Option<String> {
        lock(&self.seen).get(wanted).map(|(_, present)| present.digest.clone())
    }

    /// Takes back that the image is there.
    pub(super) fn forget(&self, wanted: &Wanted) {
        lock(&self.seen).remove(wanted);
    }

    async fn pull(&self, engine: &Engine, wanted: &Wanted) -> Result<(), ExecutorError> {
        let pull = lock(&self.pulls)
            .entry(wanted.clone())
            .or_insert_with(|| download(engine.docker.clone(), wanted.clone()).boxed().shared())
            .clone();
        let outcome = pull.clone().await;
        let mut pulls = lock(&self.pulls);
        if pulls.get(wanted).is_some_and(|current| current.ptr_eq(&pull)) {
            pulls.remove(wanted);
        }

        outcome.map_err(|reason| unpulled(wanted, &reason))
    }
}

/// The image as the engine has it; `None` where it has none of that name for that platform.
async fn inspect(engine: &Engine, wanted: &Wanted) -> Result<Option<ImageInspect>, ExecutorError> {
    match engine.quick(engine.docker.inspect_image(&wanted.image)).await {
        Ok(inspected) => {
            let here = inspected.architecture.as_deref().unwrap_or_default();
            // The form is os/architecture/variant.
            let fits = |platform: &str| platform.split('/').nth(1) == Some(here);
            Ok(wanted.platform.as_deref().is_none_or(fits).then_some(inspected))
        }
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(engine.failed(&format!("look for image {}", wanted.image), &error)),
    }
}

/// Pulls the image, saying so in the log now and then.
async fn download(docker: Docker, Wanted { image, platform }: Wanted) -> Result<(), String> {
    let began = Instant::now();
    tracing::info!(image, "pulling the image");
    let options = CreateImageOptionsBuilder::default().from_image(&tagged(&image));
    let options = options.platform(platform.as_deref().unwrap_or_default()).build();
    let mut steps = docker.create_image(Some(options), None, None);
    let mut progress = Progress::default();
    let mut said = began;
    let mut limit = FIRST_STEP;

    loop {
        let step = tokio::time::timeout(limit, steps.next()).await;
        let step = step.map_err(|_| format!("nothing came for {} s", limit.as_secs()))?;
        let Some(step) = step else { break };
        limit = STALL;
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

fn unpulled(Wanted { image, .. }: &Wanted, reason: &str) -> ExecutorError {
    let text = format!(
        "image {image} is not here and cannot be pulled: {reason}. Try `docker pull {image}` and update the function, \
         name another one in LAMBDA_RUNTIME_IMAGE_MAPPING, or make a stand-in with fixtures/images/build"
    );
    let lower = reason.to_lowercase();
    if UNREACHED.iter().any(|words| lower.contains(words)) {
        ExecutorError::RegistryAway(text)
    } else {
        ExecutorError::RuntimeMissing(text)
    }
}

/// The error for a function's own image.
pub(super) fn refused(text: String) -> ExecutorError {
    let lower = text.to_lowercase();
    if DENIALS.iter().any(|words| lower.contains(words)) {
        ExecutorError::ImageDenied(text)
    } else {
        ExecutorError::ImageRefused(text)
    }
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
    use bollard::models::ProgressDetail;

    use super::*;

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
    fn a_denied_image_is_told_from_one_that_is_not_there() {
        let code = |text: &str| refused(text.to_owned()).state_reason_code();
        assert_eq!(code("pull access denied for x, repository does not exist"), "ImageAccessDenied");
        assert_eq!(code("unauthorized: authentication required"), "ImageAccessDenied");
        assert_eq!(code("manifest for x not found: manifest unknown"), "InvalidImage");
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
