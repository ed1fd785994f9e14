//! What a function's URL leads to.

use std::sync::Arc;

use crate::model::arn;
use crate::model::names::{FunctionKey, UrlId};
use crate::model::policies::{self, Policy};
use crate::model::qualifier::Qualifier;
use crate::model::reference::FunctionReference;
use crate::model::state::State;
use crate::model::urls::FunctionUrl;

/// The function of a URL.
#[derive(Debug, Clone)]
pub struct Target {
    /// It.
    pub key: FunctionKey,
    /// The URL's settings.
    pub url: Arc<FunctionUrl>,
    /// The policy that says who may call it: that of what the URL belongs to.
    pub policy: Option<Arc<Policy>>,
    /// How it is invoked.
    pub reference: FunctionReference,
}

impl Target {
    /// What a URL's id stands for.
    pub fn of(state: &State, id: &UrlId) -> Option<Self> {
        let owner = state.urls.get(id)?;
        let function = state.function(&owner.key)?;
        let url = function.urls.get(&owner.alias)?;
        let policy_target = owner.alias.clone().map_or(policies::Target::Function, policies::Target::Alias);
        let qualifier = owner.alias.clone().map(Qualifier::Alias);

        Some(Self {
            key: owner.key.clone(),
            url: Arc::clone(url),
            policy: function.policies.get(&policy_target).cloned(),
            reference: FunctionReference { key: owner.key.clone(), qualifier },
        })
    }

    /// The ARN of what is invoked.
    pub fn arn(&self) -> String {
        self.reference
            .qualifier
            .as_ref()
            .map_or_else(|| arn::function(&self.key), |alias| arn::qualified(&self.key, alias))
    }
}
