//! Mapping: resources moved to another account, region or function name, with all ARNs that follow. Tags and values of
//! environment variables stay as they are, also where they hold ARNs: they are the user's own text.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::ledger::portable;
use crate::model::arn::{Arn, partition};
use crate::model::names::{AccountId, FunctionKey, Region, Scope};
use crate::model::queues::QueueKey;
use crate::model::resource::Resource;

/// What becomes what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mapping {
    /// The account that all resources get.
    pub account: Option<AccountId>,
    /// The region that all regional resources get.
    pub region: Option<Region>,
    /// New names of functions: old, new.
    pub renames: Vec<(String, String)>,
}

impl Mapping {
    /// Where a queue of the resources is then.
    pub fn queue(&self, key: &QueueKey) -> QueueKey {
        QueueKey { scope: self.scope(&key.scope), name: key.name.clone() }
    }

    fn scope(&self, scope: &Scope) -> Scope {
        let account = self.account.as_ref().unwrap_or(&scope.account).clone();
        let region = self.region.as_ref().unwrap_or(&scope.region).clone();
        Scope { account, region }
    }

    /// Where a function of the resources is then.
    pub fn function(&self, key: &FunctionKey) -> FunctionKey {
        let renamed = self.renames.iter().find(|(old, _)| old == key.name.as_str());
        let name = renamed.map_or_else(|| key.name.clone(), |(_, new)| new.as_str().into());
        FunctionKey { scope: self.scope(&key.scope), name }
    }
}

/// Why resources cannot be mapped.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// Two resources would have the same place.
    #[error("two resources would both be {0}: map them one at a time, or rename one")]
    Collision(String),
    /// A renamed function is not there.
    #[error("there is no function {0} to rename: `larder pod inspect` lists those of the pod")]
    NoFunction(String),
    /// The name cannot be a function's.
    #[error("`{0}` cannot name a function: 1 to 64 letters, digits, `-` or `_` can")]
    Name(String),
    /// A resource has no JSON.
    #[error("a resource cannot be rewritten: {0}")]
    Shape(#[from] serde_json::Error),
}

/// Rewrites the places of resources and every ARN in them that is of their own accounts.
///
/// # Errors
/// Two would have the same place, or a rename names nothing or a name that cannot be.
pub fn map(resources: &[Resource], mapping: &Mapping) -> Result<Vec<Resource>, MappingError> {
    if *mapping == Mapping::default() {
        return Ok(resources.to_vec());
    }
    check_renames(resources, mapping)?;
    let accounts = resources.iter().map(|resource| resource.key().account().to_string()).collect();
    let walk = Walk { mapping, accounts };
    let mut places = BTreeSet::new();
    let mut mapped = Vec::with_capacity(resources.len());

    for resource in resources {
        let mut json = portable::to_json(resource)?;
        walk.value(&mut json);
        let resource = portable::from_json(json)?;
        if !places.insert(resource.key()) {
            return Err(MappingError::Collision(resource.arn()));
        }
        mapped.push(resource);
    }

    mapped.sort_by_key(Resource::key);
    Ok(mapped)
}

fn check_renames(resources: &[Resource], mapping: &Mapping) -> Result<(), MappingError> {
    for (old, new) in &mapping.renames {
        let is_it = |resource: &Resource| matches!(resource, Resource::Function(key, _) if key.name.as_str() == old);
        if !resources.iter().any(is_it) {
            return Err(MappingError::NoFunction(old.clone()));
        }
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        if new.is_empty() || new.len() > 64 || !new.chars().all(fits) {
            return Err(MappingError::Name(new.clone()));
        }
    }
    Ok(())
}

/// One way through the JSON of resources.
struct Walk<'a> {
    mapping: &'a Mapping,
    accounts: BTreeSet<String>,
}

impl Walk<'_> {
    fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(members) => self.members(members),
            _ => {}
        }
    }

    fn members(&self, members: &mut Map<String, Value>) {
        self.place(members);
        for (name, value) in members.iter_mut() {
            if !is_users_text(name, value) {
                self.value(value);
            }
        }
    }

    /// Rewrites what is a place rather than a text: `{account, …}`, and `{scope, name}` of functions.
    fn place(&self, members: &mut Map<String, Value>) {
        let own = members.get("account").and_then(Value::as_str).is_some_and(|it| self.accounts.contains(it));
        if let (true, Some(account)) = (own, &self.mapping.account) {
            members.insert("account".to_owned(), account.as_str().into());
        }
        if let (true, Some(Value::String(region)), Some(new)) = (own, members.get_mut("region"), &self.mapping.region) {
            new.as_str().clone_into(region);
        }
        // The function itself, and where a mapping's target says which it is.
        if let Some(Value::Object(function)) = members.get_mut("function") {
            self.rename_function(function);
        }
    }

    /// Renames `{at: place, is: {key: place, …}}` of a function, or the place of one that something points at.
    fn rename_function(&self, inner: &mut Map<String, Value>) {
        if inner.contains_key("scope") {
            self.rename(inner);
            return;
        }

        if let Some(Value::Object(at)) = inner.get_mut("at") {
            self.rename(at);
        }
        if let Some(Value::Object(key)) = inner.get_mut("is").and_then(|is| is.get_mut("key")) {
            self.rename(key);
        }
    }

    fn rename(&self, place: &mut Map<String, Value>) {
        if let Some(new) = place.get("name").and_then(Value::as_str).and_then(|name| self.new_name(name)) {
            place.insert("name".to_owned(), new.into());
        }
    }

    fn new_name(&self, old: &str) -> Option<&str> {
        self.mapping.renames.iter().find(|(name, _)| name == old).map(|(_, new)| new.as_str())
    }

    /// Rewrites the ARNs in a text, which may be a whole policy, and what else names a place in it: accounts in
    /// quotation marks, and the log group that is a renamed function's own.
    fn text(&self, text: &str) -> String {
        if let Some(group) = self.log_group(text) {
            return group;
        }
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("arn:") {
            result.push_str(&rest[..start]);
            let arn = &rest[start..];
            let end = arn.find(|letter: char| letter.is_whitespace() || "\"'\\,".contains(letter));
            let end = end.unwrap_or(arn.len());
            // One may hold another: `arn:aws:apigateway:REGION:lambda:path/…/functions/ARN/invocations`.
            let end = arn[..end].find("/arn:").map_or(end, |slash| slash + 1);
            result.push_str(&self.arn(&arn[..end]));
            rest = &arn[end..];
        }

        result.push_str(rest);
        if let Some(account) = &self.mapping.account {
            for own in &self.accounts {
                result = result.replace(&format!("\"{own}\""), &format!("\"{account}\""));
            }
        }

        result
    }

    /// Rewrites one ARN, if it is of an account of the resources.
    fn arn(&self, arn: &str) -> String {
        let Some(old) = Arn::parse(arn).filter(|old| self.accounts.contains(old.account)) else {
            return arn.to_owned();
        };
        let resource = match old.service {
            "lambda" => self.function(old.resource),
            "logs" => self.log_group_resource(old.resource),
            _ => old.resource.to_owned(),
        };
        let mut new = Arn { resource: &resource, ..old };
        if let Some(account) = &self.mapping.account {
            new.account = account.as_str();
        }
        if let Some(region) = self.mapping.region.as_ref().filter(|_| !old.region.is_empty()) {
            (new.partition, new.region) = (partition(region), region.as_str());
        }

        new.to_string()
    }

    /// `function:NAME`, and what follows it.
    fn function(&self, resource: &str) -> String {
        let Some(function) = resource.strip_prefix("function:") else { return resource.to_owned() };
        let (name, rest) = function.split_at(function.find([':', '/']).unwrap_or(function.len()));
        format!("function:{}{rest}", self.new_name(name).unwrap_or(name))
    }

    /// `log-group:NAME`, and what follows it.
    fn log_group_resource(&self, resource: &str) -> String {
        let Some(group) = resource.strip_prefix("log-group:") else { return resource.to_owned() };
        let (name, rest) = group.split_at(group.find(':').unwrap_or(group.len()));
        format!("log-group:{}{rest}", self.log_group(name).as_deref().unwrap_or(name))
    }

    /// The log group of a renamed function's own, where `name` is it.
    fn log_group(&self, name: &str) -> Option<String> {
        let function = name.strip_prefix(LOG_GROUPS)?;
        self.new_name(function).map(|new| format!("{LOG_GROUPS}{new}"))
    }
}

/// What the log groups that AWS gives to functions begin with.
const LOG_GROUPS: &str = "/aws/lambda/";

/// Whether a member holds variables or tags: texts of the user's own. An alias may have such a name too.
fn is_users_text(name: &str, value: &Value) -> bool {
    let texts = |members: &Map<String, Value>| members.values().all(Value::is_string);
    ["environment", "tags"].contains(&name) && value.as_object().is_some_and(texts)
}
