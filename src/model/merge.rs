//! Merging resources into a state: what a pod brings, and what stays of what was there. A pod is a fact:
//! quotas are not checked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use imbl::OrdMap;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::arn;
use super::concurrency::{ProvisionedConcurrency, ProvisionedStatus};
use super::event_sources::{EventSourceMapping, MappingId, MappingKey};
use super::functions::Function;
use super::iam::{Group, Policy, Role, User};
use super::layers::Layer;
use super::names::{AccountId, Region, UrlId};
use super::policies::Policy as ResourcePolicy;
use super::resource::{Changes, Resource, ResourceKey};
use super::state::State;

/// What wins where both have something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MergeStrategy {
    /// The state becomes what comes in.
    Overwrite,
    /// For each account, region and service that comes in, what comes in replaces all there is.
    #[default]
    AccountRegion,
    /// What comes in replaces what has the same ARN; the rest stays.
    Service,
    /// As `Service`, but parts of functions, layers, roles and policies are united, and what comes in wins only
    /// where both have the same part.
    Resource,
}

impl MergeStrategy {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Overwrite, Self::AccountRegion, Self::Service, Self::Resource];

    /// As it is written on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Overwrite => "overwrite",
            Self::AccountRegion => "account-region",
            Self::Service => "service",
            Self::Resource => "resource",
        }
    }

    /// Whether what has another ARN stays.
    fn keeps_others(self) -> bool {
        matches!(self, Self::Service | Self::Resource)
    }
}

impl fmt::Display for MergeStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for MergeStrategy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|strategy| strategy.name() == text)
            .ok_or_else(|| format!("`{text}` is no merge strategy: use overwrite, account-region, service or resource"))
    }
}

/// What is replaced as a whole by `AccountRegion`.
type Place = (AccountId, Option<Region>, &'static str);

fn place(key: &ResourceKey) -> Place {
    (key.account().clone(), key.region().cloned(), key.service())
}

/// What leads from a state to the same with `incoming` merged into it. Of two with the same place the later counts.
/// Functions that it changes are inert afterwards, unless somebody vouches for what comes in (`trusted`).
pub fn merge(state: &State, incoming: &[Resource], strategy: MergeStrategy, trusted: bool) -> Changes {
    let mut result = BTreeMap::new();
    for resource in incoming {
        let resource = plain(resource);
        let resource = if strategy.keeps_others() { with_free_id(state, &resource) } else { resource };
        result.insert(resource.key(), resource);
    }

    let places: BTreeSet<Place> = result.keys().map(place).collect();
    let mut removed = Vec::new();
    for old in state.resources() {
        let key = old.key();
        let goes = match strategy {
            MergeStrategy::Overwrite => true,
            MergeStrategy::AccountRegion => places.contains(&place(&key)),
            MergeStrategy::Service | MergeStrategy::Resource => false,
        };
        match (result.remove(&key), goes) {
            (Some(new), _) => drop(result.insert(key, joined(&old, new, strategy))),
            (None, true) => removed.extend(removal(old, strategy, &mut result)),
            (None, false) => {}
        }
    }

    free_urls(state, &mut result, &removed);
    for resource in result.values_mut() {
        match resource {
            Resource::Function(_, function) if trusted => Arc::make_mut(function).vouch(),
            Resource::Function(key, function) => make_inert(state.function(key).map(|there| &**there), function),
            _ => {}
        }
    }

    let changed = |resource: &Resource| state.resource(&resource.key()).as_ref() != Some(resource);
    Changes { put: result.into_values().filter(changed).collect(), removed }
}

/// A function without what its pod says of who vouched for it: that is for this store to know.
fn plain(resource: &Resource) -> Resource {
    match resource {
        Resource::Function(key, function) if function.is_inert() => {
            let mut function = (**function).clone();
            function.vouch();
            Resource::Function(key.clone(), Arc::new(function))
        }
        other => other.clone(),
    }
}

/// Marks a function as one that nobody vouched for, unless it is as the one that is there: then what holds for that
/// one holds on.
fn make_inert(there: Option<&Function>, function: &mut Arc<Function>) {
    if there == Some(&**function) {
        return;
    }
    let function = Arc::make_mut(function);
    function.mark_inert();
    let waiting = function.provisioned_concurrency.iter().map(|(qualifier, provisioned)| {
        let waits =
            ProvisionedConcurrency { status: ProvisionedStatus::InProgress, allocated: 0, ..provisioned.clone() };
        (qualifier.clone(), waits)
    });

    function.provisioned_concurrency = waiting.collect();
}

/// The key to remove, unless it is a layer: its numbers are not given again, so that it stays without versions.
fn removal(
    old: Resource,
    strategy: MergeStrategy,
    result: &mut BTreeMap<ResourceKey, Resource>,
) -> Option<ResourceKey> {
    match old {
        Resource::Layer(key, layer) if strategy != MergeStrategy::Overwrite => {
            let empty = Layer { versions: OrdMap::new(), last_version: layer.last_version };
            result.insert(ResourceKey::Layer(key.clone()), Resource::Layer(key, Arc::new(empty)));
            None
        }
        other => Some(other.key()),
    }
}

/// A mapping whose id belongs to a mapping of another function or source gets another id: always the same one,
/// so that merging again changes nothing.
fn with_free_id(state: &State, resource: &Resource) -> Resource {
    let Resource::EventSourceMapping(key, mapping) = resource else { return resource.clone() };
    let same =
        |old: &Arc<EventSourceMapping>| old.target.function == mapping.target.function && old.source == mapping.source;
    if state.event_source_mappings.get(key).is_none_or(same) {
        return resource.clone();
    }
    let digest = digest(&[&key.arn(), &mapping.target.arn(), &mapping.source.names().join(",")]);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    let id = MappingId(uuid::Builder::from_random_bytes(bytes).into_uuid());
    let key = MappingKey { scope: key.scope.clone(), id };

    Resource::EventSourceMapping(key.clone(), Arc::new(EventSourceMapping { key, ..(**mapping).clone() }))
}

fn digest(parts: &[&str]) -> [u8; 32] {
    Sha256::digest(parts.join("\n").as_bytes()).into()
}

/// Gives another id to each URL that comes in with one that stays somebody else's.
fn free_urls(state: &State, result: &mut BTreeMap<ResourceKey, Resource>, removed: &[ResourceKey]) {
    let mut taken: BTreeSet<UrlId> = BTreeSet::new();
    for (id, owner) in &state.urls {
        let key = ResourceKey::Function(owner.key.clone());
        if !result.contains_key(&key) && removed.binary_search(&key).is_err() {
            taken.insert(id.clone());
        }
    }

    for resource in result.values_mut() {
        let Resource::Function(key, function) = resource else { continue };
        for (alias, url) in function.urls.clone() {
            if taken.insert(url.id.clone()) {
                continue;
            }
            let alias_name = alias.as_ref().map_or("", |alias| alias.as_str());
            let digest = digest(&[url.id.as_str(), &arn::function(key), alias_name]);
            let mut other = (*url).clone();
            other.id = hex_id(&digest);
            taken.insert(other.id.clone());
            Arc::make_mut(function).urls.insert(alias, Arc::new(other));
        }
    }
}

/// 32 letters that fit a host name.
fn hex_id(digest: &[u8; 32]) -> UrlId {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Uuid::from_bytes(bytes).simple().to_string().into()
}

/// What becomes of a resource that both have. Counters never go down, and lines of logs are kept, except by
/// `Overwrite`.
fn joined(old: &Resource, new: Resource, strategy: MergeStrategy) -> Resource {
    if strategy == MergeStrategy::Overwrite {
        return new;
    }
    let unite = strategy == MergeStrategy::Resource;
    match (old, new) {
        (Resource::Function(_, old), Resource::Function(key, mut new)) => {
            let function = Arc::make_mut(&mut new);
            function.last_version = function.last_version.max(old.last_version);
            if unite {
                unite_functions(old, function);
            }
            Resource::Function(key, new)
        }
        (Resource::Layer(_, old), Resource::Layer(key, mut new)) => {
            let layer = Arc::make_mut(&mut new);
            layer.last_version = layer.last_version.max(old.last_version);
            if unite {
                add(&mut layer.versions, &old.versions);
            }
            Resource::Layer(key, new)
        }
        (Resource::Role(_, old), Resource::Role(key, mut new)) if unite => {
            unite_roles(old, Arc::make_mut(&mut new));
            Resource::Role(key, new)
        }
        (Resource::User(_, old), Resource::User(key, mut new)) if unite => {
            unite_users(old, Arc::make_mut(&mut new));
            Resource::User(key, new)
        }
        (Resource::Group(_, old), Resource::Group(key, mut new)) if unite => {
            unite_groups(old, Arc::make_mut(&mut new));
            Resource::Group(key, new)
        }
        (Resource::Policy(_, old), Resource::Policy(key, mut new)) => {
            join_policies(old, Arc::make_mut(&mut new), unite);
            Resource::Policy(key, new)
        }
        (Resource::LogGroup(_, old), Resource::LogGroup(key, mut new)) => {
            Arc::make_mut(&mut new).id = old.id;
            Resource::LogGroup(key, new)
        }
        (Resource::LogStream(_, old), Resource::LogStream(key, mut new)) => {
            Arc::make_mut(&mut new).id = old.id;
            Resource::LogStream(key, new)
        }
        (_, new) => new,
    }
}

/// Adds the entries of `old` that `new` has not.
fn add<K: Ord + Clone, V: Clone>(new: &mut OrdMap<K, V>, old: &OrdMap<K, V>) {
    for (key, value) in old {
        if !new.contains_key(key) {
            new.insert(key.clone(), value.clone());
        }
    }
}

fn unite_functions(old: &Function, new: &mut Function) {
    add(&mut new.versions, &old.versions);
    add(&mut new.aliases, &old.aliases);
    add(&mut new.provisioned_concurrency, &old.provisioned_concurrency);
    add(&mut new.scaling, &old.scaling);
    add(&mut new.urls, &old.urls);
    add(&mut new.event_invoke, &old.event_invoke);
    add(&mut new.runtime_management, &old.runtime_management);

    for (target, policy) in &old.policies {
        let united = match new.policies.get(target) {
            Some(wins) => Arc::new(unite_statements(policy, wins)),
            None => Arc::clone(policy),
        };
        new.policies.insert(target.clone(), united);
    }

    for (name, value) in &old.tags {
        new.tags.entry(name.clone()).or_insert_with(|| value.clone());
    }
    new.latest_published = new.latest_published.take().or_else(|| old.latest_published.clone());
    new.reserved_concurrency = new.reserved_concurrency.or(old.reserved_concurrency);
    new.code_signing_config = new.code_signing_config.take().or_else(|| old.code_signing_config.clone());
}

/// The statements of `new`, then those of `old` that it has not, told by their ids.
fn unite_statements(old: &ResourcePolicy, new: &ResourcePolicy) -> ResourcePolicy {
    let mut united = new.clone();
    let is_there = |sid: Option<&str>| sid.is_some_and(|sid| new.statement(sid).is_some());
    let missing = old.statements.iter().filter(|old| !is_there(old.sid.as_deref()) && !new.statements.contains(old));
    united.statements.extend(missing.cloned());
    united
}

/// Adds the texts of `old` whose names `new` has not.
fn add_texts(new: &mut BTreeMap<String, String>, old: &BTreeMap<String, String>) {
    for (name, text) in old {
        new.entry(name.clone()).or_insert_with(|| text.clone());
    }
}

fn unite_users(old: &User, new: &mut User) {
    add_texts(&mut new.inline, &old.inline);
    add_texts(&mut new.tags, &old.tags);
    new.attached.extend(old.attached.iter().cloned());
    new.groups.extend(old.groups.iter().cloned());
    new.boundary = new.boundary.take().or_else(|| old.boundary.clone());
    let missing = old.access_keys.iter().filter(|old| new.access_keys.iter().all(|key| key.id != old.id));
    let missing: Vec<_> = missing.cloned().collect();
    new.access_keys.extend(missing);
}

fn unite_groups(old: &Group, new: &mut Group) {
    add_texts(&mut new.inline, &old.inline);
    new.attached.extend(old.attached.iter().cloned());
}

fn unite_roles(old: &Role, new: &mut Role) {
    add_texts(&mut new.inline, &old.inline);
    add_texts(&mut new.tags, &old.tags);
    new.attached.extend(old.attached.iter().cloned());
    new.boundary = new.boundary.take().or_else(|| old.boundary.clone());
}

fn join_policies(old: &Policy, new: &mut Policy, unite: bool) {
    new.last_version = new.last_version.max(old.last_version);
    if !unite {
        return;
    }
    add(&mut new.versions, &old.versions);
    for (name, value) in &old.tags {
        new.tags.entry(name.clone()).or_insert_with(|| value.clone());
    }
}
