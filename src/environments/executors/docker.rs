//! Environments in containers, by an engine that speaks Docker's API: Docker, Podman and others.
//!
//! A container runs the image of the function's runtime with `larder-init` as its only program.
//! The init and the link's socket come in through one read-only bind mount, the code through
//! another; an engine on another machine gets copies, and its inits dial over TCP. Labels say whose
//! a container is, so that [`Executor::sweep`] finds what a killed server left.
//!
//! `standby` has containers that are started before their function is known.
//!
//! Where the time goes (Docker 20.10 on two busy cores, medians of 20): creating a container takes
//! 11 ms, starting it 300 ms, of which 175 ms are its network: it takes 125 ms in the namespace of
//! another container. The log driver makes no difference.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{fs, io};

use async_trait::async_trait;
use bollard::models::ContainerSummary;
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, ListContainersOptionsBuilder, ListImagesOptions,
    RemoveContainerOptionsBuilder, StartContainerOptions,
};
use futures_util::future::join_all;

use crate::environments::executor::{
    EnvironmentId, EnvironmentSpec, Executor, ExecutorError, Keep, Launch, StandbySpec,
};
use crate::environments::images::ImageMapping;
use crate::environments::variables;
use crate::model::runtimes::{self, Family};

mod container;
mod copy;
mod engine;
mod pull;
mod standby;

use container::{ENVIRONMENT_LABEL, INIT_NAME, Passage, STORE_LABEL};
use engine::{is_going, is_missing};
use pull::Images;
use standby::Slots;

pub use engine::Engine;

/// User and group of the runtime, as on AWS.
const RUNTIME_USER: (u32, u32) = (993, 990);

/// Where the init serves the Runtime API: each container has a loopback of its own.
const RUNTIME_API: &str = "127.0.0.1:9001";

/// Where it takes traces.
const XRAY_DAEMON: &str = "127.0.0.1:2000";

/// The entrypoint of AWS's images. Its contract: one argument, the handler; where
/// `AWS_LAMBDA_RUNTIME_API` is set it executes the runtime.
const ENTRYPOINT: &str = "/lambda-entrypoint.sh";

/// The image's variables that a runtime needs, with AWS's values (recorded 2026-01-12; AWS's images
/// set the same).
const VARIABLES: [(&str, &str); 6] = [
    ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
    ("LAMBDA_TASK_ROOT", "/var/task"),
    ("LANG", "en_US.UTF-8"),
    (
        "LD_LIBRARY_PATH",
        "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
    ),
    ("PATH", "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"),
    ("TZ", ":UTC"),
];

/// What a [`DockerExecutor`] is made of.
#[derive(Debug, Clone)]
pub struct DockerOptions {
    /// Where the engine is: the value of `DOCKER_HOST` (`unix://`, `tcp://` or `http://`); `None`
    /// for `/var/run/docker.sock`.
    pub host: Option<String>,
    /// Which image runs which runtime.
    pub images: ImageMapping,
    /// Host file of `larder-init`, a static executable.
    pub init: PathBuf,
    /// Host folder with the link's socket, `link.sock`, which all containers see read-only. The
    /// init is put beside it. Where the server is not root the socket needs mode 0666 (tokens guard
    /// the link) and the folder 0755: inside, root may not pass over permissions.
    pub link_folder: PathBuf,
    /// `ip:port` where containers reach the server's link over TCP. Needed where the engine is
    /// remote; where it is given, nothing is mounted and everything copied.
    pub advertise: Option<String>,
    /// Host folder for what standby containers get to see of their functions; on the file system of the code
    /// trees, so that nothing has to be copied.
    pub standby_folder: PathBuf,
    /// Id of the store, as in [`EnvironmentSpec::store_id`]: whose containers `sweep` may remove.
    pub store_id: String,
}

/// Makes environments as containers.
#[derive(Debug)]
pub struct DockerExecutor {
    engine: Engine,
    mapping: ImageMapping,
    images: Images,
    passage: Passage,
    slots: Slots,
    store_id: String,
    /// Container ids of environments started by this process; the labels know the others.
    containers: Mutex<HashMap<EnvironmentId, String>>,
}

impl DockerExecutor {
    /// Finds the engine and asks for its version, within five seconds. Fails with a reason for
    /// people when none answers, when it is too old, or when it is remote and nobody said how it
    /// reaches us.
    pub async fn connect(options: DockerOptions) -> Result<Self, ExecutorError> {
        Self::on(Engine::connect(options.host.as_deref()).await?, options)
    }

    /// The same on an engine that has answered already.
    pub fn on(engine: Engine, options: DockerOptions) -> Result<Self, ExecutorError> {
        let passage = match options.advertise {
            Some(server) => Passage::Copy { init: options.init, server },
            None if engine.remote => return Err(unreachable(options.host.as_deref())),
            None => Passage::Bind { link_folder: furnish(&options.link_folder, &options.init)? },
        };
        Ok(Self {
            engine,
            mapping: options.images,
            images: Images::default(),
            passage,
            slots: Slots::open(&options.standby_folder)?,
            store_id: options.store_id,
            containers: Mutex::default(),
        })
    }

    /// The engine for people, such as `20.10.24 (API 1.41, amd64)`.
    pub fn engine(&self) -> &str {
        &self.engine.description
    }

    fn image(&self, runtime: &str) -> Result<String, ExecutorError> {
        self.mapping.image(runtime).ok_or_else(|| {
            ExecutorError::RuntimeMissing(format!(
                "there is no image for runtime {runtime}; name one in LAMBDA_RUNTIME_IMAGE_MAPPING"
            ))
        })
    }

    /// Creates the container of `spec`. An image that was removed since it was last seen is pulled
    /// again.
    async fn create(&self, spec: &EnvironmentSpec) -> Result<String, ExecutorError> {
        let image = self.image(&spec.runtime)?;
        self.images.ensure(&self.engine, &image).await?;
        let mut created = self.try_create(spec, &image).await?;
        if created.as_ref().is_err_and(is_missing) {
            self.images.forget(&image);
            self.images.ensure(&self.engine, &image).await?;
            created = self.try_create(spec, &image).await?;
        }
        created.map_err(|error| {
            let name = container::name(spec);
            self.engine.failed(&format!("create container {name} of image {image}"), &error)
        })
    }

    async fn try_create(
        &self,
        spec: &EnvironmentSpec,
        image: &str,
    ) -> Result<Result<String, bollard::errors::Error>, ExecutorError> {
        let name = container::name(spec);
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let body = container::body(spec, image, &self.passage)?;
        let created = self.engine.docker.create_container(Some(options), body).await;
        Ok(created.map(|created| created.id))
    }

    /// Fills the created container where it has no mounts, and starts it.
    async fn begin(&self, spec: &EnvironmentSpec, id: &str) -> Result<(), ExecutorError> {
        if let Passage::Copy { init, .. } = &self.passage {
            copy::fill(&self.engine, id, spec, Some(init)).await?;
        }
        let started = self.engine.docker.start_container(id, None::<StartContainerOptions>).await;
        started.map_err(|error| self.engine.failed(&format!("start container {}", container::name(spec)), &error))
    }

    /// Kills and removes a container; one that is gone or going is fine.
    async fn remove(&self, container: &str) -> Result<(), ExecutorError> {
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match self.engine.docker.remove_container(container, Some(options)).await {
            Err(error) if !is_going(&error) => {
                Err(self.engine.failed(&format!("remove container {container}"), &error))
            }
            _ => Ok(()),
        }
    }

    /// This store's containers in any state, with one more label where given.
    async fn list(&self, label: Option<String>) -> Result<Vec<ContainerSummary>, ExecutorError> {
        let mut labels = vec![format!("{STORE_LABEL}={}", self.store_id)];
        labels.extend(label);
        let filters = HashMap::from([("label", labels)]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let listed = self.engine.docker.list_containers(Some(options)).await;
        listed.map_err(|error| self.engine.failed("list containers", &error))
    }

    fn containers(&self) -> MutexGuard<'_, HashMap<EnvironmentId, String>> {
        self.containers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Executor for DockerExecutor {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn supports(&self, runtime: &str) -> Result<(), ExecutorError> {
        self.image(runtime).map(|_| ())
    }

    /// Those whose image the engine has.
    async fn ready_runtimes(&self) -> Result<Vec<&'static str>, ExecutorError> {
        let listed = self.engine.docker.list_images(None::<ListImagesOptions>).await;
        let images = listed.map_err(|error| self.engine.failed("list images", &error))?;
        let tags: HashSet<String> = images.into_iter().flat_map(|image| image.repo_tags).collect();
        let here = |name: &str| self.mapping.image(name).is_some_and(|image| tags.contains(&pull::tagged(&image)));
        Ok(runtimes::RUNTIMES.iter().map(|runtime| runtime.name).filter(|name| here(name)).collect())
    }

    /// Managed runtimes start by the image's entrypoint. `provided` ones have a `bootstrap` of their own, which the
    /// init finds as AWS does: AWS's `provided` images look for it in /var/runtime only.
    fn launch(&self, spec: &EnvironmentSpec) -> Result<Launch, ExecutorError> {
        let argv = if runtimes::family(&spec.runtime) == Family::Provided {
            Vec::new()
        } else {
            vec![ENTRYPOINT.to_owned(), spec.handler.clone()]
        };
        Ok(Launch {
            argv,
            variables: VARIABLES
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into_iter()
                .chain(variables::module_path(&spec.runtime))
                .collect(),
            user: Some(RUNTIME_USER),
            runtime_api: RUNTIME_API.to_owned(),
            xray_daemon: XRAY_DAEMON.to_owned(),
            warning: None,
        })
    }

    async fn prepare(&self, runtime: &str) -> Result<(), ExecutorError> {
        let image = self.image(runtime)?;
        self.images.ensure(&self.engine, &image).await
    }

    /// A caller that drops this future half-way calls [`Executor::stop`]: a container may be there.
    async fn start(&self, spec: &EnvironmentSpec) -> Result<(), ExecutorError> {
        let container = self.create(spec).await?;
        self.containers().insert(spec.id.clone(), container.clone());
        let begun = self.begin(spec, &container).await;
        if begun.is_err() {
            self.containers().remove(&spec.id);
            if let Err(error) = self.remove(&container).await {
                tracing::warn!(environment = %spec.id, %error, "a container that did not start stays");
            }
        }
        begun
    }

    async fn is_running(&self, id: &EnvironmentId) -> bool {
        let Some(container) = self.containers().get(id).cloned() else { return false };
        match self.engine.docker.inspect_container(&container, None::<InspectContainerOptions>).await {
            Ok(found) => found.state.is_none_or(|state| state.running != Some(false)),
            Err(error) => !is_missing(&error),
        }
    }

    async fn stop(&self, id: &EnvironmentId) -> Result<(), ExecutorError> {
        let known = self.containers().remove(id);
        if let Some(container) = known {
            self.remove(&container).await?;
        } else {
            let label = format!("{ENVIRONMENT_LABEL}={id}");
            for container in self.list(Some(label)).await? {
                self.remove(&container.id.unwrap_or_default()).await?;
            }
        }
        self.slots.remove(id).await
    }

    fn has_standby(&self) -> bool {
        true
    }

    async fn stand_by(&self, spec: &StandbySpec) -> Result<(), ExecutorError> {
        self.start(&self.slots.make(spec)?).await
    }

    async fn assign(&self, spec: &EnvironmentSpec) -> Result<(), ExecutorError> {
        let container = self.containers().get(&spec.id).cloned();
        let container = container.ok_or_else(|| standby::gone(&spec.id))?;
        let (filled, limited, renamed) = tokio::join!(
            self.fill_standby(spec, &container),
            self.limit_standby(spec, &container),
            self.rename_standby(spec, &container),
        );
        filled.and(limited).and(renamed)
    }

    async fn sweep(&self, keep: &Keep<'_>) -> Result<Vec<EnvironmentId>, ExecutorError> {
        self.slots.sweep(keep).await?;
        let strangers = self.list(None).await?.into_iter().filter_map(|container| {
            let environment = container.labels?.remove(ENVIRONMENT_LABEL).map(EnvironmentId)?;
            (!keep(&environment)).then_some((environment, container.id?))
        });
        let removals = strangers.map(|(environment, container)| async move {
            self.remove(&container).await?;
            self.containers().remove(&environment);
            Ok(environment)
        });
        join_all(removals).await.into_iter().collect()
    }
}

/// Puts the init into the link folder, where it is not there yet, and returns the folder's absolute
/// path. Containers that run an older init keep theirs: the file is replaced, never rewritten.
fn furnish(link_folder: &Path, init: &Path) -> Result<PathBuf, ExecutorError> {
    let failed = |path: &Path, error: &io::Error| {
        ExecutorError::Failed(format!("Docker: cannot make the link folder: {}: {error}", path.display()))
    };
    let folder = link_folder.canonicalize().map_err(|error| failed(link_folder, &error))?;
    let bytes = fs::read(init).map_err(|error| failed(init, &error))?;
    let target = folder.join(INIT_NAME);
    if fs::read(&target).is_ok_and(|present| present == bytes) {
        return Ok(folder);
    }
    let fresh = folder.join(format!(".{INIT_NAME}.{}", std::process::id()));
    fs::copy(init, &fresh).map_err(|error| failed(&fresh, &error))?;
    fs::rename(&fresh, &target).map_err(|error| failed(&target, &error))?;
    Ok(folder)
}

fn unreachable(host: Option<&str>) -> ExecutorError {
    ExecutorError::Failed(format!(
        "the Docker engine at {} is remote: --link-address says under which IP:PORT its containers reach this server",
        host.unwrap_or_default()
    ))
}
