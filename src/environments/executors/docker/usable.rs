//! Whether an engine is of any use: one without images that cannot pull any runs nothing.

use std::collections::HashSet;
use std::time::Duration;

use bollard::query_parameters::ListImagesOptions;

use super::engine::reason;
use super::{DockerExecutor, pull};
use crate::environments::executor::ExecutorError;
use crate::model::runtimes;

/// How long a registry may take to say that it has an image.
const TRY: Duration = Duration::from_secs(5);

/// Whose image is asked for first.
const SAMPLE: &str = "python3.13";

impl DockerExecutor {
    /// The names of all images that the engine has.
    pub(super) async fn image_names(&self) -> Result<HashSet<String>, ExecutorError> {
        let listed = self.engine.quick(self.engine.docker.list_images(None::<ListImagesOptions>)).await;
        let images = listed.map_err(|error| self.engine.failed("list images", &error))?;
        Ok(images.into_iter().flat_map(|image| image.repo_tags).collect())
    }

    /// Whether a function could run soon: the engine has the image of a runtime or one of `images`, or a registry
    /// says that it has one.
    ///
    /// # Errors
    /// Why none could.
    pub async fn can_run(&self, images: impl FnOnce() -> Vec<String>) -> Result<(), String> {
        let there = self.image_names().await.map_err(|error| error.to_string())?;
        let names = || runtimes::RUNTIMES.iter().map(|runtime| runtime.name);
        let here = |image: &str| there.contains(&pull::tagged(image));
        if names().filter_map(|name| self.mapping.image(name)).any(|image| here(&image)) {
            return Ok(());
        }

        // Podman cannot ask without pulling.
        if images().iter().any(|image| here(image)) || self.engine.is_podman {
            return Ok(());
        }
        let Some(sample) = [SAMPLE].into_iter().chain(names()).find_map(|name| self.mapping.image(name)) else {
            return Err("there is an image for no runtime".to_owned());
        };
        let asking = self.engine.docker.inspect_registry_image(&sample, None);
        let asked = match tokio::time::timeout(TRY, asking).await {
            Ok(asked) => asked.map(drop).map_err(|error| reason(&error)),
            Err(_) => Err(format!("no answer within {} s", TRY.as_secs())),
        };

        asked.map_err(|reason| format!("it has no image of a runtime, and {sample} cannot be pulled now: {reason}"))
    }
}
