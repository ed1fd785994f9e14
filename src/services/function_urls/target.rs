//! What a function's URL leads to.

use std::sync::Arc;

use super::documents::Documents;
use crate::model::arn;
use crate::model::names::{FunctionKey, UrlId};
use crate::model::policies;
use crate::model::policies::evaluation::document::Document;
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
    pub policy: Option<Arc<Document>>,
    /// How it is invoked.
    pub reference: FunctionReference,
}

impl Target {
    /// What a URL's id stands for.
    pub fn of(state: &State, id: &UrlId, documents: &Documents) -> Option<Self> {
        let owner = state.urls.get(id)?;
        let function = state.function(&owner.key)?;
        let url = function.urls.get(&owner.alias)?;
        let policy_target = owner.alias.clone().map_or(policies::Target::Function, policies::Target::Alias);
        let qualifier = owner.alias.clone().map(Qualifier::Alias);

        let reference = FunctionReference { key: owner.key.clone(), qualifier };
        let policy = function.policies.get(&policy_target);

        Some(Self {
            key: owner.key.clone(),
            url: Arc::clone(url),
            policy: policy.map(|policy| documents.of(id, policy, || arn_of(&reference))),
            reference,
        })
    }

    /// The ARN of what is invoked.
    pub fn arn(&self) -> String {
        arn_of(&self.reference)
    }
}

fn arn_of(reference: &FunctionReference) -> String {
    let key = &reference.key;
    reference.qualifier.as_ref().map_or_else(|| arn::function(key), |alias| arn::qualified(key, alias))
}
