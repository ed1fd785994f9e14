//! What is derived from functions: indices and sums, kept in step with them.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use super::{Form, State};
use crate::model::capacity_providers::CapacityProviderKey;
use crate::model::code_signing::CodeSigningKey;
use crate::model::concurrency::{ProvisionedConcurrency, ProvisionedStatus};
use crate::model::functions::{Function, FunctionVersion};
use crate::model::iam;
use crate::model::names::{FunctionKey, RevisionId, Scope, UrlId};
use crate::model::qualifier::{Qualifier, Version};
use crate::model::urls::UrlOwner;

/// An entry of an index, derived from a function.
enum Entry {
    /// Of `unsettled`.
    Unsettled((FunctionKey, Version), RevisionId),
    /// Of `provisioning`.
    Provisioning((FunctionKey, Qualifier), RevisionId),
    /// Of `provisioned`.
    Provisioned((FunctionKey, Qualifier)),
    /// Of `code_signing_users`.
    Signed(CodeSigningKey, FunctionKey),
    /// Of `urls`.
    Url(UrlId, UrlOwner),
    /// Of `provider_versions`.
    OnProvider(CapacityProviderKey, (FunctionKey, Version)),
}

/// All that is derived from a function, but what it uses.
fn entries(function: &Function) -> impl Iterator<Item = Entry> + '_ {
    let key = &function.key;
    let unsettled = function
        .maybe_at_work()
        .filter(|version| version.is_unsettled())
        .map(|version| Entry::Unsettled((key.clone(), version.version), version.deployment));
    let provisioning = provisioning(function)
        .map(|(qualifier, allocation)| Entry::Provisioning((key.clone(), qualifier.clone()), allocation));
    let provisioned =
        function.provisioned_concurrency.keys().map(|qualifier| Entry::Provisioned((key.clone(), qualifier.clone())));
    let signed = function.code_signing_config.iter().map(|config| Entry::Signed(config.clone(), key.clone()));
    let urls = function
        .urls
        .iter()
        .map(|(alias, url)| Entry::Url(url.id.clone(), UrlOwner { key: key.clone(), alias: alias.clone() }));
    let on_provider = function.maybe_at_work().filter_map(|version| on_provider(key, version));

    unsettled.chain(provisioning).chain(provisioned).chain(signed).chain(urls).chain(on_provider)
}

/// The allocations of provisioned concurrency that wait to be settled.
fn provisioning(function: &Function) -> impl Iterator<Item = (&Qualifier, RevisionId)> {
    let waiting =
        |(_, provisioned): &(&Qualifier, &ProvisionedConcurrency)| provisioned.status == ProvisionedStatus::InProgress;
    let all = function.provisioned_concurrency.iter();
    all.filter(waiting).map(|(qualifier, provisioned)| (qualifier, provisioned.allocation))
}

fn on_provider(key: &FunctionKey, version: &FunctionVersion) -> Option<Entry> {
    let attachment = version.config.capacity_provider.as_ref()?;
    let provider = CapacityProviderKey::resolve(&key.scope, &attachment.arn);
    Some(Entry::OnProvider(provider, (key.clone(), version.version)))
}

/// `AccountUsage` of `GetAccountSettings`, and what else is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Functions.
    pub functions: u64,
    /// Bytes of code of all versions of functions and layers.
    pub code_size: u64,
    /// Concurrent executions that are reserved.
    pub reserved: u64,
    /// Concurrent executions that are provisioned for functions without a reservation.
    pub provisioned: u64,
    /// Published versions.
    pub versions: u64,
    /// Aliases.
    pub aliases: u64,
}

impl Function {
    /// What it uses, if no index of the state has an entry for it: then it may be folded.
    pub fn usage_at_rest(&self) -> Option<Usage> {
        entries(self).next().is_none().then(|| Usage::of(self))
    }
}

impl Usage {
    /// Concurrent executions that are reserved or provisioned.
    pub fn concurrency(&self) -> u64 {
        self.reserved + self.provisioned
    }

    /// What one function uses.
    fn of(function: &Function) -> Self {
        let reserved = function.reserved();
        let provisioned = function.concurrency() - reserved;
        Self {
            functions: 1,
            code_size: function.code_size(),
            reserved,
            provisioned,
            versions: function.versions.sums().count as u64,
            aliases: function.aliases.len() as u64,
        }
    }

    /// What both use together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            functions: self.functions + other.functions,
            code_size: self.code_size + other.code_size,
            reserved: self.reserved + other.reserved,
            provisioned: self.provisioned + other.provisioned,
            versions: self.versions + other.versions,
            aliases: self.aliases + other.aliases,
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            functions: self.functions - other.functions,
            code_size: self.code_size - other.code_size,
            reserved: self.reserved - other.reserved,
            provisioned: self.provisioned - other.provisioned,
            versions: self.versions - other.versions,
            aliases: self.aliases - other.aliases,
        }
    }
}

impl State {
    /// Changes the function at `key`, if it is there.
    pub(in crate::model) fn change_function(&mut self, key: &FunctionKey, change: impl FnOnce(&mut Function)) {
        let Some(before) = self.functions.get(key).cloned() else { return };
        let mut after = (*before).clone();
        change(&mut after);
        self.replace(key, Some(&before), Some(after.into()));
    }

    /// Puts `after` in the place of `before` and keeps what is derived in step.
    pub(in crate::model) fn replace(
        &mut self,
        key: &FunctionKey,
        before: Option<&Function>,
        after: Option<Arc<Function>>,
    ) {
        if let Some(function) = before {
            self.take_out(function);
        }
        if let Some(function) = after {
            self.put_in(&function);
            self.functions.insert(key.clone(), function);
        } else {
            self.functions.remove(key);
        }
    }

    /// Takes out of the indices and sums what is derived from a function.
    fn take_out(&mut self, function: &Function) {
        for entry in entries(function) {
            match entry {
                Entry::Unsettled(version, _) => drop(self.unsettled.remove(&version)),
                Entry::Provisioning(qualifier, _) => drop(self.provisioning.remove(&qualifier)),
                Entry::Provisioned(qualifier) => drop(self.provisioned.remove(&qualifier)),
                Entry::Signed(config, function) => drop(self.code_signing_users.remove(&(config, function))),
                Entry::Url(id, _) => drop(self.urls.remove(&id)),
                Entry::OnProvider(provider, version) => drop(self.provider_versions.remove(&(provider, version))),
            }
        }

        let scope = &function.key.scope;
        self.set_usage(scope, self.usage(scope).minus(Usage::of(function)));
    }

    /// Puts into the indices and sums what is derived from a function.
    fn put_in(&mut self, function: &Function) {
        for entry in entries(function) {
            match entry {
                Entry::Unsettled(version, deployment) => drop(self.unsettled.insert(version, deployment)),
                Entry::Provisioning(qualifier, allocation) => drop(self.provisioning.insert(qualifier, allocation)),
                Entry::Provisioned(qualifier) => drop(self.provisioned.insert(qualifier)),
                Entry::Signed(config, function) => drop(self.code_signing_users.insert((config, function))),
                Entry::Url(id, owner) => drop(self.urls.insert(id, owner)),
                Entry::OnProvider(provider, version) => drop(self.provider_versions.insert((provider, version))),
            }
        }

        let scope = &function.key.scope;
        self.set_usage(scope, self.usage(scope).plus(Usage::of(function)));
    }

    pub(in crate::model) fn set_usage(&mut self, scope: &Scope, usage: Usage) {
        if usage == Usage::default() {
            self.usage.remove(scope);
        } else {
            self.usage.insert(scope.clone(), usage);
        }
    }

    /// The same state with all that is derived made anew: a checkpoint stores the rest only.
    pub fn rederived(mut self) -> Self {
        self.unsettled = OrdMap::new();
        self.provisioning = OrdMap::new();
        self.provisioned = OrdSet::new();
        self.code_signing_users = OrdSet::new();
        self.urls = OrdMap::new();
        self.provider_versions = OrdSet::new();
        self.usage = OrdMap::new();
        // A copy shares all of it: the functions stay where they are.
        for (key, form) in self.functions.clone().forms() {
            match form {
                Form::Open(function) => self.put_in(function),
                Form::Folded(_, usage) => self.set_usage(&key.scope, self.usage(&key.scope).plus(usage)),
            }
        }
        for (key, layer) in std::mem::take(&mut self.layers) {
            self.replace_layer(&key, layer);
        }
        self.rederive_providers();
        self.rederive_mappings();
        iam::lookup::rederive(&mut self);

        self
    }
}
