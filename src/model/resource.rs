//! Resources: the entries of the state's maps under one roof, for what treats them all alike: history,
//! rewinds, pods.

use std::sync::Arc;

use super::arn;
use super::blob::BlobId;
use super::capacity_providers::{CapacityProvider, CapacityProviderKey};
use super::code_signing::{CodeSigningConfig, CodeSigningKey};
use super::event_sources::{EventSourceMapping, MappingKey};
use super::functions::{Content, Function, FunctionVersion};
use super::iam::{self, Group, InstanceProfile, Policy, Role, User};
use super::layers::{Layer, LayerVersion};
use super::logs::{LogGroup, LogGroupKey, LogStream, LogStreamKey};
use super::names::{AccountId, EntityKey, FunctionKey, LayerKey, Region, Scope};
use super::qualifier::Version;
use super::queues::{Queue, QueueKey};

/// The highest number of a version that is taken from elsewhere: far above what anybody publishes, far below where
/// counting on would end.
const LAST_VERSION: u64 = i32::MAX as u64;

/// Declares the kinds of resources, in the order of their places.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident($key:ty, $value:ty) $name:literal,)*) => {
        /// What a resource is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum ResourceKind {
            $($(#[$doc])* $kind,)*
        }

        /// A resource's place in the state.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        pub enum ResourceKey {
            $($(#[$doc])* $kind($key),)*
        }

        /// A resource, whole: with everything that is deleted with it.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Resource {
            $($(#[$doc])* $kind($key, Arc<$value>),)*
        }

        impl ResourceKind {
            /// All kinds, in order.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// Its name, as people write it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $name),* }
            }
        }

        impl ResourceKey {
            /// What it is the place of.
            pub fn kind(&self) -> ResourceKind {
                match self { $(Self::$kind(_) => ResourceKind::$kind),* }
            }
        }

        impl Resource {
            /// Its place.
            pub fn key(&self) -> ResourceKey {
                match self { $(Self::$kind(key, _) => ResourceKey::$kind(key.clone())),* }
            }
        }
    };
}
kinds! {
    /// A function with its versions, aliases, URLs, policies and settings.
    Function(FunctionKey, Function) "function",
    /// A layer with its versions and their policies.
    Layer(LayerKey, Layer) "layer",
    /// A code-signing configuration.
    CodeSigningConfig(CodeSigningKey, CodeSigningConfig) "code-signing-config",
    /// A capacity provider.
    CapacityProvider(CapacityProviderKey, CapacityProvider) "capacity-provider",
    /// An event source mapping.
    EventSourceMapping(MappingKey, EventSourceMapping) "event-source-mapping",
    /// A role of the IAM neighbour.
    Role(EntityKey, Role) "role",
    /// A customer's managed policy of the IAM neighbour.
    Policy(EntityKey, Policy) "policy",
    /// An instance profile of the IAM neighbour.
    InstanceProfile(EntityKey, InstanceProfile) "instance-profile",
    /// A log group of the Logs neighbour.
    LogGroup(LogGroupKey, LogGroup) "log-group",
    /// A log stream of the Logs neighbour.
    LogStream(LogStreamKey, LogStream) "log-stream",
    /// A user of the IAM neighbour.
    User(EntityKey, User) "user",
    /// A group of the IAM neighbour.
    Group(EntityKey, Group) "group",
    /// A queue of the SQS neighbour, without its messages.
    Queue(QueueKey, Queue) "queue",
}

impl ResourceKey {
    /// Its account.
    pub fn account(&self) -> &AccountId {
        match self {
            Self::Role(key) | Self::Policy(key) | Self::InstanceProfile(key) | Self::User(key) | Self::Group(key) => {
                &key.account
            }
            regional => &regional.scope().expect("all but IAM's are in a region").account,
        }
    }

    /// Its region; of IAM's entities none.
    pub fn region(&self) -> Option<&Region> {
        self.scope().map(|scope| &scope.region)
    }

    /// Account and region; of IAM's entities none.
    pub fn scope(&self) -> Option<&Scope> {
        match self {
            Self::Function(key) => Some(&key.scope),
            Self::Layer(key) => Some(&key.scope),
            Self::CodeSigningConfig(key) => Some(&key.scope),
            Self::CapacityProvider(key) => Some(&key.scope),
            Self::EventSourceMapping(key) => Some(&key.scope),
            Self::LogGroup(key) => Some(&key.scope),
            Self::LogStream(key) => Some(&key.group.scope),
            Self::Queue(key) => Some(&key.scope),
            Self::Role(_) | Self::Policy(_) | Self::InstanceProfile(_) | Self::User(_) | Self::Group(_) => None,
        }
    }

    /// The service it is of: `lambda`, `iam`, `logs` or `sqs`.
    pub fn service(&self) -> &'static str {
        match self {
            Self::Role(_) | Self::Policy(_) | Self::InstanceProfile(_) | Self::User(_) | Self::Group(_) => "iam",
            Self::LogGroup(_) | Self::LogStream(_) => "logs",
            Self::Queue(_) => "sqs",
            _ => "lambda",
        }
    }

    /// Its name inside account and region: what `--only function:NAME` matches.
    pub fn name(&self) -> String {
        match self {
            Self::Function(key) => key.name.to_string(),
            Self::Layer(key) => key.name.to_string(),
            Self::CodeSigningConfig(key) => key.id.to_string(),
            Self::CapacityProvider(key) => key.name.to_string(),
            Self::EventSourceMapping(key) => key.id.to_string(),
            Self::Role(key) | Self::Policy(key) | Self::InstanceProfile(key) | Self::User(key) | Self::Group(key) => {
                key.name.to_string()
            }
            Self::LogGroup(key) => key.name.to_string(),
            Self::LogStream(key) => format!("{}:{}", key.group.name, key.name),
            Self::Queue(key) => key.name.to_string(),
        }
    }

    /// Its ARN. Of IAM's entities without the path, which is no part of their place.
    pub fn arn(&self) -> String {
        match self {
            Self::Function(key) => arn::function(key),
            Self::Layer(key) => arn::layer(key),
            Self::CodeSigningConfig(key) => key.arn(),
            Self::CapacityProvider(key) => key.arn(),
            Self::EventSourceMapping(key) => key.arn(),
            Self::Role(key) | Self::Policy(key) | Self::InstanceProfile(key) | Self::User(key) | Self::Group(key) => {
                iam::arn(&key.account, self.kind().name(), "/", key.name.as_str())
            }
            Self::LogGroup(key) => key.arn(),
            Self::LogStream(key) => key.arn(),
            Self::Queue(key) => key.arn(),
        }
    }
}

impl Resource {
    /// Its ARN.
    pub fn arn(&self) -> String {
        match self {
            Self::Role(_, role) => role.arn(),
            Self::Policy(_, policy) => policy.arn(),
            Self::InstanceProfile(_, profile) => profile.arn(),
            Self::User(_, user) => user.arn(),
            Self::Group(_, group) => group.arn(),
            other => other.key().arn(),
        }
    }
}

impl Resource {
    /// The blobs it needs: code of functions, and zips of layers.
    pub fn blobs(&self) -> Vec<BlobId> {
        self.zips().into_iter().map(|(blob, _)| blob).collect()
    }

    /// The same with nothing folded in it: for whoever looks at it more than once.
    #[must_use]
    pub fn opened(&self) -> Self {
        match self {
            Self::Function(key, function) if function.versions.bytes().is_some() => {
                let versions = function.versions.read().into();
                Self::Function(key.clone(), Arc::new(Function { versions, ..(**function).clone() }))
            }
            _ => self.clone(),
        }
    }

    /// Whether it is the very same, and not only equal.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Function(_, one), Self::Function(_, two)) => Arc::ptr_eq(one, two),
            (Self::Layer(_, one), Self::Layer(_, two)) => Arc::ptr_eq(one, two),
            _ => self == other,
        }
    }

    /// The zips it needs, each with the bytes that it says they have.
    pub fn zips(&self) -> Vec<(BlobId, u64)> {
        let zip = |content: Content| match content {
            Content::Zip { blob, size } => Some((blob, size)),
            Content::Image(_) | Content::Folder(_) => None,
        };
        match self {
            Self::Function(_, function) => {
                let versions: Vec<_> = function.all_versions().collect();
                let layers = versions.iter().flat_map(|version| &version.config.layers);
                let zips = versions.iter().filter_map(|version| zip(version.code.content.clone()));
                zips.chain(layers.filter_map(|layer| Some((layer.blob?, layer.size)))).collect()
            }
            Self::Layer(_, layer) => layer.versions.values().filter_map(|version| zip(version.content())).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether its versions lie under their own numbers, up to the last that was given, after which there are more.
    pub fn is_numbered_well(&self) -> bool {
        match self {
            Self::Function(_, function) => {
                let fits = |(number, version): (&u64, &Arc<FunctionVersion>)| {
                    version.version == Version::Number(*number) && *number <= function.last_version
                };
                function.last_version <= LAST_VERSION && function.versions.read().iter().all(fits)
            }
            Self::Layer(_, layer) => {
                let fits = |(number, version): (&u64, &Arc<LayerVersion>)| {
                    version.number == *number && *number <= layer.last_version
                };
                layer.last_version <= LAST_VERSION && layer.versions.iter().all(fits)
            }
            Self::Policy(_, policy) => {
                let newest = policy.versions.keys().max().copied().unwrap_or_default();
                let last = policy.last_version;
                u64::from(last) <= LAST_VERSION
                    && newest <= last
                    && policy.versions.contains_key(&policy.default_version)
            }
            _ => true,
        }
    }

    /// Whether the place that it tells of itself is the one it is in.
    pub fn is_in_place(&self) -> bool {
        match self {
            Self::Function(key, function) => function.key == *key,
            Self::CapacityProvider(key, provider) => provider.key == *key,
            Self::EventSourceMapping(key, mapping) => mapping.key == *key,
            Self::Role(key, role) => role.key == *key,
            Self::Policy(key, policy) => policy.key == *key,
            Self::InstanceProfile(key, profile) => profile.key == *key,
            Self::LogGroup(key, group) => group.key == *key,
            Self::LogStream(key, stream) => stream.key == *key,
            Self::User(key, user) => user.key == *key,
            Self::Group(key, group) => group.key == *key,
            Self::Queue(key, queue) => queue.key == *key && queue.settings.fifo.is_some() == key.is_fifo(),
            Self::Layer(..) | Self::CodeSigningConfig(..) => true,
        }
    }
}

/// What leads from one state to another, resource by resource.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// Resources that come to be or become what they are here, in the order of their places.
    pub put: Vec<Resource>,
    /// Resources that go, in the order of their places.
    pub removed: Vec<ResourceKey>,
}

impl Changes {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.put.is_empty() && self.removed.is_empty()
    }

    /// The places of what changes: first of what goes.
    pub fn keys(&self) -> impl Iterator<Item = ResourceKey> + '_ {
        self.removed.iter().cloned().chain(self.put.iter().map(Resource::key))
    }

    /// How many resources change.
    pub fn len(&self) -> usize {
        self.put.len() + self.removed.len()
    }

    /// Those of some resources only.
    pub fn only(mut self, wanted: impl Fn(&ResourceKey) -> bool) -> Self {
        self.put.retain(|resource| wanted(&resource.key()));
        self.removed.retain(|key| wanted(key));
        self
    }
}
