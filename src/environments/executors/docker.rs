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

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fs, io};

use async_trait::async_trait;
use bollard::models::NetworkConnectRequest;
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, KillContainerOptions, RemoveContainerOptionsBuilder,
    StartContainerOptions,
};

use crate::environments::executor::{
    Base, EnvironmentId, EnvironmentSpec, Executor, ExecutorError, Keep, Launch, StandbySpec,
};
use crate::environments::images::ImageMapping;
use crate::model::runtimes;

mod architecture;
mod container;
mod copy;
mod engine;
mod flags;
mod launch;
mod networks;
mod pull;
mod standby;
mod sweep;
mod usable;

use architecture::Architectures;
pub use container::ContainerOptions;
use container::{ENVIRONMENT_LABEL, INIT_NAME, Passage};
pub use engine::Engine;
use engine::{is_going, is_missing};
pub use flags::ContainerFlags;
use pull::{Images, Present, Wanted};
use standby::Slots;

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
    /// What every container gets.
    pub containers: ContainerOptions,
    /// Whether functions run on the engine's architecture, whatever they ask for
    /// (`LAMBDA_IGNORE_ARCHITECTURE`).
    pub ignore_architecture: bool,
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
    options: ContainerOptions,
    architectures: Architectures,
    /// Whether the engine refused to limit the size of a container's files.
    no_sizes: AtomicBool,
    /// Container ids of environments started by this process; the labels know the others.
    containers: Mutex<HashMap<EnvironmentId, String>>,
}

impl DockerExecutor {
    /// On an engine that has answered already. Fails with a reason for people when it is remote and nobody said how it
    /// reaches us.
    pub fn on(engine: Engine, options: DockerOptions) -> Result<Self, ExecutorError> {
        let passage = match options.advertise {
            Some(server) => Passage::Copy { init: options.init, server },
            None if engine.remote => return Err(unreachable(options.host.as_deref())),
            None => Passage::Bind { link_folder: furnish(&options.link_folder, &options.init)? },
        };
        Ok(Self {
            architectures: Architectures::new(&engine.architecture, !engine.remote, options.ignore_architecture),
            options: options.containers,
            no_sizes: AtomicBool::new(false),
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

    /// The image that `base` runs in, and for which platform.
    fn image(&self, base: &Base) -> Result<Wanted, ExecutorError> {
        let image = base.image.clone().or_else(|| self.mapping.image(&base.runtime)).ok_or_else(|| {
            ExecutorError::RuntimeMissing(format!(
                "there is no image for {base}; name one in LAMBDA_RUNTIME_IMAGE_MAPPING"
            ))
        })?;
        let platform = self.options.flags.platform.clone();
        let platform = platform.or_else(|| self.architectures.platform(base.architecture).map(str::to_owned));
        Ok(Wanted { image, platform })
    }

    /// What `base` runs in, once it is there.
    async fn ensure(&self, base: &Base) -> Result<Arc<Present>, ExecutorError> {
        let ensured = self.images.ensure(&self.engine, &self.image(base)?).await;
        ensured.map_err(|error| match error {
            // Its function names it, and no mapping.
            ExecutorError::RuntimeMissing(text) if base.image.is_some() => pull::refused(text),
            other => other,
        })
    }

    /// Creates the container of `spec`. An image that was removed since it was last seen is pulled
    /// again.
    async fn create(&self, spec: &EnvironmentSpec) -> Result<String, ExecutorError> {
        let wanted = self.image(&spec.base)?;
        let mut image = self.ensure(&spec.base).await?;
        let mut created = self.try_create(spec, &image).await?;
        if created.as_ref().is_err_and(container::is_size_refusal) {
            // Others may have been refused at the same time.
            if !self.no_sizes.swap(true, Ordering::Relaxed) {
                tracing::info!("the engine's storage cannot limit the size of /tmp: EphemeralStorage is not enforced");
            }
            created = self.try_create(spec, &image).await?;
        }

        if created.as_ref().is_err_and(is_missing) {
            self.images.forget(&wanted);
            image = self.ensure(&spec.base).await?;
            created = self.try_create(spec, &image).await?;
        }

        created.map_err(|error| {
            let name = container::name(spec);
            self.engine.failed(&format!("create container {name} of image {}", wanted.image), &error)
        })
    }

    async fn try_create(
        &self,
        spec: &EnvironmentSpec,
        image: &Present,
    ) -> Result<Result<String, bollard::errors::Error>, ExecutorError> {
        let name = container::name(spec);
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let mut body = container::body(spec, &image.reference, &self.passage, &self.options)?;
        if self.no_sizes.load(Ordering::Relaxed) {
            body.host_config.get_or_insert_default().storage_opt = None;
        }
        let created = self.engine.slow(self.engine.docker.create_container(Some(options), body)).await;
        Ok(created.map(|created| created.id))
    }

    /// Fills the created container where it has no mounts, and starts it.
    async fn begin(&self, spec: &EnvironmentSpec, id: &str) -> Result<(), ExecutorError> {
        if let Passage::Copy { init, .. } = &self.passage {
            copy::fill(&self.engine, id, spec, Some(init)).await?;
        }
        for network in self.options.networks.iter().skip(1) {
            let request = NetworkConnectRequest { container: id.to_owned(), ..NetworkConnectRequest::default() };
            let connected = self.engine.quick(self.engine.docker.connect_network(network, request)).await;
            connected.map_err(|error| self.engine.failed(&format!("connect a container to {network}"), &error))?;
        }

        let started = self.engine.slow(self.engine.docker.start_container(id, None::<StartContainerOptions>)).await;
        started.map_err(|error| self.engine.failed(&format!("start container {}", container::name(spec)), &error))
    }

    /// Kills and removes a container, or keeps it stopped where that is wanted; one that is gone or going is fine.
    async fn remove(&self, container: &str) -> Result<(), ExecutorError> {
        if self.options.keep_stopped {
            let killing = self.engine.docker.kill_container(container, None::<KillContainerOptions>);
            return match self.engine.slow(killing).await {
                Err(error) if !is_going(&error) => {
                    Err(self.engine.failed(&format!("stop container {container}"), &error))
                }
                _ => Ok(()),
            };
        }

        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match self.engine.slow(self.engine.docker.remove_container(container, Some(options))).await {
            Err(error) if !is_going(&error) => {
                Err(self.engine.failed(&format!("remove container {container}"), &error))
            }
            _ => Ok(()),
        }
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

    fn supports(&self, base: &Base) -> Result<(), ExecutorError> {
        self.image(base)?;
        self.architectures.check(base.architecture)
    }

    /// Those whose image the engine has.
    async fn ready_runtimes(&self) -> Result<Vec<&'static str>, ExecutorError> {
        let tags = self.image_names().await?;
        let here = |name: &str| self.mapping.image(name).is_some_and(|image| tags.contains(&pull::tagged(&image)));
        Ok(runtimes::RUNTIMES.iter().map(|runtime| runtime.name).filter(|name| here(name)).collect())
    }

    async fn launch(&self, spec: &EnvironmentSpec) -> Result<Launch, ExecutorError> {
        self.launch_of(spec).await
    }

    async fn prepare(&self, base: &Base) -> Result<(), ExecutorError> {
        self.ensure(base).await.map(drop)
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
        let looking = self.engine.docker.inspect_container(&container, None::<InspectContainerOptions>);
        match self.engine.quick(looking).await {
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

    /// A remote engine is that of others too.
    fn stands_by_unasked(&self) -> bool {
        matches!(self.passage, Passage::Bind { .. })
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
        let swept = self.sweep_own(keep).await;
        self.sweep_forgotten().await;
        swept
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
