//! Making environments: from a target to a runtime that was told to start.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use larder_init::link::{FunctionFacts, Start};
use tokio_util::sync::CancellationToken;

use super::error::{RunError, Step};
use crate::blobs::code_tree::CodeTrees;
use crate::blobs::{BlobError, io_error};
use crate::environments::deployment::{Initialization, Target};
use crate::environments::environment::Environment;
use crate::environments::executor::{Base, EnvironmentId, EnvironmentSpec, Executor, ExecutorError, KnownFolder};
use crate::environments::hot_reload::{Found, HotReload, MergedLayers, folders_of};
use crate::environments::log_format::LogFormat;
use crate::environments::records::Records;
use crate::environments::{Rehydrate, Settings, token, variables};
use crate::ledger::Ledger;
use crate::model::arn;
use crate::model::credentials::Credentials;
use crate::model::credentials::session::{self, RoleSession, Session};
use crate::model::functions::Content;
use crate::model::functions::FunctionVersion;
use crate::model::limits::STREAM_SIZE;

/// Limit of the init phase, as on AWS.
const INIT_TIMEOUT_MS: u64 = 10_000;

/// The same where nobody waits for it: provisioned concurrency and snapshots.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>, "Init phase".
pub(super) const INIT_AHEAD_MS: u64 = 130_000;

/// An environment on its way, for the task that makes it and the one that waits.
#[derive(Debug, Clone, Default)]
pub(super) struct Making(Arc<Mutex<(Step, bool)>>);

impl Making {
    pub(super) fn is_at(&self, step: Step) {
        self.0.lock().expect("no holder panics").0 = step;
    }

    pub(super) fn step(&self) -> Step {
        self.0.lock().expect("no holder panics").0
    }

    /// Nobody waits any more.
    pub(super) fn give_up(&self) {
        self.0.lock().expect("no holder panics").1 = true;
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.0.lock().expect("no holder panics").1
    }
}

/// What environments are made with.
#[derive(Debug)]
pub struct Makers {
    /// Makes and ends them.
    pub executor: Arc<dyn Executor>,
    /// Unpacked code.
    pub trees: Arc<CodeTrees>,
    /// Folders that functions run from.
    pub hot_reload: Arc<HotReload>,
    /// Layers of which some are folders.
    pub merged_layers: Arc<MergedLayers>,
    /// Whose environments they are, and their roles.
    pub ledger: Arc<Ledger>,
    /// How they live.
    pub settings: Settings,
    /// Which environments there are, for the next server.
    pub records: Records,
    /// Told when the server stops.
    pub stop: CancellationToken,
}

impl Makers {
    /// Makers in the folder of running environments.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn open(
        executor: Arc<dyn Executor>,
        trees: Arc<CodeTrees>,
        ledger: Arc<Ledger>,
        settings: Settings,
        hot_reload: Arc<HotReload>,
        stop: CancellationToken,
    ) -> std::io::Result<Self> {
        let records = Records::open(&settings.run_dir.join("records"))?;
        let expected = if settings.rehydrate == Rehydrate::None { HashMap::new() } else { records.all() };
        let is_expected = |name: &str| expected.values().any(|(one, _)| one.deployment.to_string() == name);
        let merged_layers = Arc::new(MergedLayers::open(&settings.run_dir.join("layers"), is_expected)?);
        Ok(Self { executor, trees, hot_reload, merged_layers, ledger, settings, records, stop })
    }

    /// Makes an environment; `making` hears how far it is.
    pub(super) async fn make(&self, target: &Target, id: EnvironmentId, making: &Making) -> Result<(), RunError> {
        let base = Base::of(&target.version);
        let prepared = self.stop.run_until_cancelled(self.executor.prepare(&base)).await;
        prepared.ok_or(RunError::Closing)??;
        making.is_at(Step::Unpacking);
        let spec = self.spec(target, id).await?;
        making.is_at(Step::Starting);
        self.executor.start(&spec).await?;
        making.is_at(Step::Dialling);

        // An engine mounts what is at a path when it looks there.
        match spec.known_folders.iter().find(|known| !known.is_there()) {
            Some(known) => {
                let reason = format!("{}: another folder came in its place", known.path.display());
                Err(RunError::Executor(ExecutorError::Failed(reason)))
            }
            None => Ok(()),
        }
    }

    pub(super) async fn spec(&self, target: &Target, id: EnvironmentId) -> Result<EnvironmentSpec, RunError> {
        let config = &target.version.config;
        let Unpacked { code_tree, layer_tree, known_folders } = self.unpacked(&target.version).await?;
        Ok(EnvironmentSpec {
            token: token::of(self.ledger.secret(), self.settings.place, &id),
            id,
            store_id: self.ledger.store_id().to_owned(),
            function_arn: arn::function(&target.function),
            function_name: target.function.name.to_string(),
            version: target.version.version.to_string(),
            deployment: target.version.deployment.to_string(),
            base: Base::of(&target.version),
            image_config: config.image_config.clone().unwrap_or_default(),
            handler: config.handler.clone(),
            code_tree,
            layer_tree,
            known_folders,
            memory_mib: config.memory_mib,
            tmp_mib: config.ephemeral_storage_mib,
            grace_s: self.settings.grace.as_secs(),
        })
    }

    /// The same for another environment.
    pub(super) fn for_environment(&self, spec: EnvironmentSpec, id: EnvironmentId) -> EnvironmentSpec {
        EnvironmentSpec { token: token::of(self.ledger.secret(), self.settings.place, &id), id, ..spec }
    }

    /// The folders of a version's code and layers: unpacked, or where they stay. An image has neither.
    async fn unpacked(&self, version: &Arc<FunctionVersion>) -> Result<Unpacked, RunError> {
        let trees = Arc::clone(&self.trees);
        let hot_reload = Arc::clone(&self.hot_reload);
        let version = Arc::clone(version);
        let merged = Arc::clone(&self.merged_layers);
        let unpacking = tokio::task::spawn_blocking(move || {
            let code = match &version.code.content {
                Content::Zip { blob, .. } => Tree::made(trees.get(blob)?),
                Content::Folder(folder) => Tree::from(hot_reload.admit(folder)?),
                Content::Image(_) => return Ok(Unpacked::default()),
            };
            let layers = layers(&version, &trees, &hot_reload, &merged)?;
            let known_folders = [Some(&code), layers.as_ref()].into_iter().flatten().filter_map(Tree::known).collect();
            let layer_tree = layers.map(|layers| layers.path);
            Ok(Unpacked { code_tree: Some(code.path), layer_tree, known_folders })
        });

        unpacking.await.map_err(|_| RunError::Closing)?
    }

    /// Tells a fresh environment how to run its function.
    pub(super) async fn send_start(&self, target: &Target, environment: &Environment) -> Result<(), String> {
        let spec = self.spec(target, environment.id.clone()).await.map_err(|error| error.to_string())?;
        let launch = self.executor.launch(&spec).await.map_err(|error| error.to_string())?;
        if let Some(warning) = launch.warning.clone() {
            tracing::warn!(function = %spec.function_name, "{warning}");
            environment.notice(warning);
        }
        environment.stands_on(launch.ground.clone());

        let credentials = self.credentials(target, &environment.id);
        let variables = variables::of(target, &launch, &environment.id, &credentials, environment.initialization);
        let wrapped_by = launch.wrapped_by.filter(|_| variables::names_wrapper(&variables));
        let start = Start {
            variables,
            argv: wrapped_by.into_iter().chain(launch.argv).collect(),
            working_dir: launch.working_dir,
            user: launch.user,
            runtime_api: launch.runtime_api,
            xray_daemon: launch.xray_daemon,
            init_timeout_ms: init_timeout_ms(target, environment.initialization),
            max_response_bytes: self.settings.max_response_bytes,
            max_stream_bytes: STREAM_SIZE,
            freeze: self.settings.freeze,
            memory_limit_bytes: launch.watch_memory.then(|| u64::from(spec.memory_mib) << 20),
            function: facts(target, environment.initialization),
        };

        environment.start(start).await.map_err(|error| error.to_string())
    }

    /// The credentials of an environment: a session of the function's role, under the role's own id where it is known.
    pub(super) fn credentials(&self, target: &Target, id: &EnvironmentId) -> Credentials {
        let config = &target.version.config;
        let mut session = RoleSession::of_function(&config.role, target.function.name.as_str());
        let state = self.ledger.state();
        if let Some(session) = &mut session
            && let Some(role) = state.role(&session.account, &session.role_name)
        {
            session.role_id.clone_from(&role.id);
        }
        let session = session.map(Session::Role);
        let seed = token::credentials_seed(self.ledger.secret(), id);

        session::credentials(&target.function.scope.account, session.as_ref(), &seed, self.ledger.secret())
    }
}

/// What an environment gets of a version's code and layers.
#[derive(Default)]
struct Unpacked {
    code_tree: Option<PathBuf>,
    layer_tree: Option<PathBuf>,
    known_folders: Vec<KnownFolder>,
}

/// A folder that environments get.
pub(super) struct Tree {
    path: PathBuf,
    /// The folder itself where it is a user's, whose path may lead elsewhere at any time.
    found: Option<Found>,
}

impl Tree {
    /// One of Larder's own.
    fn made(path: PathBuf) -> Self {
        Self { path, found: None }
    }

    /// Which folder has to be at the path.
    fn known(&self) -> Option<KnownFolder> {
        let (device, inode, _) = self.found.as_ref()?.root;
        Some(KnownFolder { path: self.path.clone(), device, inode })
    }

    /// The folder, opened.
    fn open(self) -> Result<OwnedFd, BlobError> {
        match self.found {
            Some(found) => Ok(found.handle),
            None => File::open(&self.path).map(Into::into).map_err(io_error(&self.path)),
        }
    }
}

impl From<Found> for Tree {
    fn from(found: Found) -> Self {
        Self { path: found.path.clone(), found: Some(found) }
    }
}

/// The folder with a version's layers; one with folders among several is merged anew. Blocking.
pub(super) fn layers(
    version: &FunctionVersion,
    trees: &CodeTrees,
    hot_reload: &HotReload,
    merged: &MergedLayers,
) -> Result<Option<Tree>, RunError> {
    let layers = &version.config.layers;
    if layers.iter().all(|layer| layer.folder.is_none()) {
        let blobs: Vec<_> = layers.iter().filter_map(|layer| layer.blob).collect();
        return Ok(trees.layers(&blobs)?.map(Tree::made));
    }

    // Numbered before they are looked at: what is made meanwhile is a later change.
    let change = hot_reload.change(&folders_of(version));
    let folders = layers.iter().filter_map(|layer| match (&layer.folder, &layer.blob) {
        (Some(folder), _) => Some(hot_reload.admit(folder).map(Tree::from).map_err(RunError::from)),
        (None, Some(blob)) => Some(trees.get(blob).map(Tree::made).map_err(RunError::from)),
        (None, None) => None,
    });
    let mut folders: Vec<Tree> = folders.collect::<Result<_, _>>()?;
    if folders.len() == 1 {
        return Ok(folders.pop());
    }
    let folders: Vec<OwnedFd> = folders.into_iter().map(Tree::open).collect::<Result<_, _>>()?;

    Ok(Some(Tree::made(merged.merge(&version.deployment.to_string(), change, &folders)?)))
}

/// Limit of the init phase: that of one ahead of any invocation is longer.
fn init_timeout_ms(target: &Target, initialization: Initialization) -> u64 {
    match variables::initialization_type(target, initialization) {
        "on-demand" => INIT_TIMEOUT_MS,
        _ => INIT_AHEAD_MS.max(u64::from(target.version.config.timeout_s) * 1000),
    }
}

/// What extensions and telemetry are told of the function.
fn facts(target: &Target, initialization: Initialization) -> FunctionFacts {
    let config = &target.version.config;
    let version = target.version.version.to_string();
    let has_runtime = !config.runtime.is_empty();
    FunctionFacts {
        name: target.function.name.to_string(),
        arn: format!("{}:{version}", arn::function(&target.function)),
        version,
        account_id: target.function.scope.account.to_string(),
        handler: config.handler.clone(),
        memory_mb: config.memory_mib.into(),
        initialization_type: variables::initialization_type(target, initialization).into(),
        runtime_version: if has_runtime { runtime_version(&config.runtime) } else { String::new() },
        runtime_version_arn: if has_runtime {
            arn::runtime_version(&target.function.scope.region, &config.runtime)
        } else {
            String::new()
        },
        json_logs: LogFormat::of(&config.logging).is_json(),
    }
}

/// The version of a runtime as AWS names it; Larder has one of each: `python3.12` is `python:3.12`,
/// `provided.al2023` is `provided:al2023`, `nodejs20.x` is `nodejs:20`.
fn runtime_version(runtime: &str) -> String {
    let language_ends = runtime.find(|letter: char| letter.is_ascii_digit() || letter == '.');
    let (language, version) = runtime.split_at(language_ends.unwrap_or(runtime.len()));
    let version = version.trim_start_matches('.').trim_end_matches(".x");
    format!("{language}:{version}.v1")
}
