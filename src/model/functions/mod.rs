//! Functions, their versions and their configuration.

pub mod alias;
mod code;
pub mod command;
mod config;
pub mod decide;
pub mod event;
mod versions;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use code::{Code, Content, Image};
#[cfg(test)]
pub use config::sample_config;
pub use config::{
    CapacityProviderAttachment, ConfigPatch, DurableConfig, DurablePatch, FileSystem, FunctionConfig, ImageConfig,
    LayerReference, LogFormat, LogLevel, Logging, LoggingPatch, RuntimeConfig, SnapStart, TracingMode, Variables, Vpc,
};
use imbl::OrdMap;
pub use versions::{ByNumber, Sums, Versions};

use self::alias::Alias;
use super::code_signing::CodeSigningKey;
use super::concurrency::{ProvisionedConcurrency, Scaling};
use super::event_invoke::EventInvoke;
use super::function_settings::RuntimeManagement;
use super::names::{AliasName, FunctionKey, RevisionId};
use super::policies::{Policy, Target};
use super::qualifier::{Qualifier, Version};
use super::time::Timestamp;
use super::urls::FunctionUrl;

/// A function with everything that is deleted with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// Where it is.
    pub key: FunctionKey,
    /// `$LATEST`.
    pub latest: Arc<FunctionVersion>,
    /// `$LATEST.PUBLISHED`, of functions of managed instances.
    pub latest_published: Option<Arc<FunctionVersion>>,
    /// Published versions by number.
    pub versions: Versions,
    /// The highest number ever given; numbers of deleted versions are not given again.
    pub last_version: u64,
    /// Aliases by name.
    pub aliases: OrdMap<AliasName, Arc<Alias>>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Concurrent executions kept for it, and its limit.
    pub reserved_concurrency: Option<u32>,
    /// Provisioned concurrency by version or alias.
    pub provisioned_concurrency: OrdMap<Qualifier, ProvisionedConcurrency>,
    /// How versions scale on managed instances.
    pub scaling: OrdMap<Qualifier, Scaling>,
    /// The code-signing configuration its code is checked against.
    pub code_signing_config: Option<CodeSigningKey>,
    /// Its URL (`None`) and those of its aliases.
    pub urls: OrdMap<Option<AliasName>, Arc<FunctionUrl>>,
    /// How asynchronous invocations are treated, by qualifier.
    pub event_invoke: OrdMap<Qualifier, Arc<EventInvoke>>,
    /// Whether recursive loops are let run.
    pub allows_recursion: bool,
    /// When runtimes are updated, by version; the rest has the default.
    pub runtime_management: OrdMap<Version, RuntimeManagement>,
    /// Resource-based policies, of the function itself and of its versions and aliases.
    pub policies: OrdMap<Target, Arc<Policy>>,
}

/// The tag of a function that came with a pod that nobody vouched for: nothing of it runs unless it is invoked, and it
/// gets no folder of the machine. It is a tag so that everybody sees it, and can take it away.
const INERT: &str = "larder:inert";

impl Function {
    /// A new function: nothing is published and nothing attached.
    pub fn new(key: FunctionKey, latest: FunctionVersion, tags: BTreeMap<String, String>) -> Self {
        Self {
            key,
            latest: Arc::new(latest),
            latest_published: None,
            versions: Versions::default(),
            last_version: 0,
            aliases: OrdMap::new(),
            tags,
            reserved_concurrency: None,
            provisioned_concurrency: OrdMap::new(),
            scaling: OrdMap::new(),
            code_signing_config: None,
            urls: OrdMap::new(),
            event_invoke: OrdMap::new(),
            allows_recursion: false,
            runtime_management: OrdMap::new(),
            policies: OrdMap::new(),
        }
    }

    /// Whether nobody vouched for it.
    pub fn is_inert(&self) -> bool {
        self.tags.contains_key(INERT)
    }

    /// Notes that nobody vouched for it.
    pub fn mark_inert(&mut self) {
        self.tags.insert(INERT.to_owned(), "came with a pod".to_owned());
    }

    /// Somebody vouches for it.
    pub fn vouch(&mut self) {
        self.tags.remove(INERT);
    }

    /// The version with this number, or `$LATEST`.
    pub fn version(&self, version: Version) -> Option<&Arc<FunctionVersion>> {
        match version {
            Version::Latest => Some(&self.latest),
            Version::LatestPublished => self.latest_published.as_ref(),
            Version::Number(number) => self.versions.get(&number),
        }
    }

    /// The version a qualifier stands for; of an alias its main one.
    pub fn resolve(&self, qualifier: Option<&Qualifier>) -> Option<&Arc<FunctionVersion>> {
        match qualifier {
            None => Some(&self.latest),
            Some(Qualifier::Version(version)) => self.version(*version),
            Some(Qualifier::Alias(name)) => self.version(self.aliases.get(name)?.version),
        }
    }

    /// `$LATEST` and all published versions, in AWS's order. Folded ones are opened for the caller only.
    pub fn all_versions(&self) -> impl Iterator<Item = Arc<FunctionVersion>> + use<> {
        let published = self.versions.read().into_iter().map(|(_, version)| version);
        [Arc::clone(&self.latest)].into_iter().chain(self.latest_published.clone()).chain(published)
    }

    /// Concurrent executions that are provisioned for it in all.
    pub fn provisioned(&self) -> u64 {
        self.provisioned_concurrency.values().map(|provisioned| u64::from(provisioned.requested)).sum()
    }

    /// Concurrent executions that are reserved for it.
    pub fn reserved(&self) -> u64 {
        self.reserved_concurrency.map_or(0, u64::from)
    }

    /// Concurrent executions that others cannot have: what is reserved, which holds what is provisioned;
    /// without a reservation what is provisioned.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html>.
    pub fn concurrency(&self) -> u64 {
        self.reserved_concurrency.map_or_else(|| self.provisioned(), u64::from)
    }

    /// Those of its versions among which some may be at work: this opens none.
    pub fn maybe_at_work(&self) -> impl Iterator<Item = &Arc<FunctionVersion>> {
        std::iter::once(&self.latest).chain(&self.latest_published).chain(self.versions.maybe_at_work())
    }

    /// Bytes of code that count towards the account's limit.
    pub fn code_size(&self) -> u64 {
        let others = std::iter::once(&self.latest).chain(&self.latest_published);
        others.map(|version| version.code.content.size()).sum::<u64>() + self.versions.sums().code_size
    }
}

/// One version of a function: code, configuration, life-cycle state.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionVersion {
    /// Which one.
    pub version: Version,
    /// The code.
    pub code: Code,
    /// The configuration; of a published version the one it was published from.
    pub config: Arc<FunctionConfig>,
    /// Description given when the version was published, instead of the configuration's.
    pub description: Option<String>,
    /// Whether it can be invoked.
    pub state: FunctionState,
    /// How the last update went; `None` until the first activation is over.
    pub last_update: Option<UpdateStatus>,
    /// Changes with each change that a caller can see.
    pub revision: RevisionId,
    /// Changes when code or configuration change: environments of another deployment are outdated.
    pub deployment: RevisionId,
    /// When code or configuration were last changed.
    pub modified: Timestamp,
}

impl FunctionVersion {
    /// Whether environments of it start from a snapshot.
    pub fn has_snapshot(&self) -> bool {
        self.version != Version::Latest && self.config.has_snapshots()
    }

    /// Whether an `Active` version can be invoked: `$LATEST` of a function of managed instances cannot.
    pub fn is_invocable(&self) -> bool {
        self.config.capacity_provider.is_none() || self.version != Version::Latest
    }
}

/// `State` of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FunctionState {
    /// Being created.
    Pending,
    /// Can be invoked.
    Active,
    /// Cannot run here.
    Failed(Failure),
}

/// `LastUpdateStatus` of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateStatus {
    /// The update is in effect.
    Successful,
    /// The update is being applied.
    InProgress,
    /// The update cannot run here.
    Failed(Failure),
}

/// Why a version cannot run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The sentence for a person (`StateReason`).
    pub reason: String,
    /// AWS's code (`StateReasonCode`), such as `InvalidRuntime`.
    pub code: String,
}
