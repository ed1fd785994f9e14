//! What a call takes: a permission for something.

use std::sync::Arc;

use serde_json::Value;

use crate::model::arn::Arn;
use crate::model::policies::evaluation::document::{Document, PolicyKind};
use crate::model::policies::evaluation::request::Context;

/// A permission that a call takes.
#[derive(Debug, Clone)]
pub struct Need {
    /// The action, such as `lambda:InvokeFunction`.
    pub(super) action: String,
    /// The ARN of what it is for; `*` where it is for nothing named.
    pub(super) resource: String,
    /// The policy of that.
    pub(super) policy: Option<Arc<Document>>,
    /// What kind of policy it has, or would have.
    pub(super) kind: PolicyKind,
    keys: Context,
}

impl Need {
    /// The permission for an action on something without a policy of its own.
    pub fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self {
            action: action.into(),
            resource: resource.into(),
            policy: None,
            kind: PolicyKind::Resource,
            keys: Context::default(),
        }
    }

    /// The same for what has a policy, or may have one.
    pub fn with_policy(self, policy: Option<impl Into<Arc<Document>>>) -> Self {
        Self { policy: policy.map(Into::into), ..self }
    }

    /// The same for a role, whose trust policy has to allow it in any case.
    pub fn with_trust(self, trust: Document) -> Self {
        Self { policy: Some(trust.into()), kind: PolicyKind::RoleTrust, ..self }
    }

    /// The same for another action.
    pub fn for_action(self, action: &str) -> Self {
        Self { action: action.to_owned(), ..self }
    }

    /// The same with a condition key, where it has a value.
    pub fn with(self, key: &str, value: Option<&str>) -> Self {
        let Some(value) = value else { return self };
        Self { keys: self.keys.with(key, value), ..self }
    }

    /// The same with a condition key of several values, where there are some.
    pub fn with_many<T: Into<String>>(self, key: &str, values: impl IntoIterator<Item = T>) -> Self {
        let mut values = values.into_iter().peekable();
        if values.peek().is_none() {
            return self;
        }
        Self { keys: self.keys.with_many(key, values), ..self }
    }

    /// The same with the tags that a call gives: `aws:RequestTag/KEY`, `aws:TagKeys`.
    pub fn with_tags<'a>(self, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut names = Vec::new();
        let tagged = tags.into_iter().fold(self, |need, (key, value)| {
            names.push(key);
            need.with(&format!("aws:RequestTag/{key}"), Some(value))
        });
        tagged.with_many("aws:TagKeys", names)
    }

    /// The same with the tags that the resource has: `aws:ResourceTag/KEY`.
    pub fn on_tagged<'a>(self, tags: impl IntoIterator<Item = (&'a String, &'a String)>) -> Self {
        tags.into_iter().fold(self, |need, (key, value)| need.with(&format!("aws:ResourceTag/{key}"), Some(value)))
    }

    /// A context with its condition keys.
    pub fn add_to(&self, context: Context) -> Context {
        context.and(&self.keys)
    }

    /// The account of the resource; the caller's own where its ARN names none.
    pub fn account<'a>(&'a self, callers: Option<&'a str>) -> &'a str {
        let named = Arn::parse(&self.resource).map(|arn| arn.account).filter(|account| !account.is_empty());
        named.or(callers).unwrap_or_default()
    }
}

/// Tags as calls have them: an object, or a list of keys and values.
pub fn tags(value: Option<&Value>) -> Vec<(&str, &str)> {
    match value {
        Some(Value::Object(tags)) => {
            tags.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect()
        }
        Some(Value::Array(tags)) => {
            tags.iter().filter_map(|tag| Some((tag["Key"].as_str()?, tag["Value"].as_str()?))).collect()
        }
        _ => Vec::new(),
    }
}
