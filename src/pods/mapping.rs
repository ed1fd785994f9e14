//! Mapping: resources moved to another account, region or function name, with all ARNs that follow. Tags and values of
//! environment variables stay as they are, also where they hold ARNs: they are the user's own text.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::ledger::portable;
use crate::model::arn::partition;
use crate::model::names::{AccountId, Region};
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
            if !["environment", "tags"].contains(&name.as_str()) {
                self.value(value);
            }
        }
    }

    /// Rewrites what is a place rather than a text: `{account, …}`, and `{scope, name}` of functions.
    fn place(&self, members: &mut Map<String, Value>) {
        let is_account = |value: &Value| value.as_str().is_some_and(|account| self.accounts.contains(account));
        let account = self.mapping.account.as_ref().filter(|_| members.get("account").is_some_and(is_account));
        let is_scope = members.len() == 2 && members.contains_key("account") && members.contains_key("region");
        if let (true, Some(region)) = (is_scope, &self.mapping.region) {
            members.insert("region".to_owned(), region.as_str().into());
        }
        if let Some(account) = account {
            members.insert("account".to_owned(), account.as_str().into());
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

    /// Rewrites the ARNs in a text, which may be a whole policy.
    fn text(&self, text: &str) -> String {
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("arn:") {
            result.push_str(&rest[..start]);
            let end = rest[start..].find(|letter: char| letter.is_whitespace() || "\"'\\,".contains(letter));
            let end = end.map_or(rest.len(), |end| start + end);
            result.push_str(&self.arn(&rest[start..end]));
            rest = &rest[end..];
        }
        result.push_str(rest);
        result
    }

    /// Rewrites one ARN, if it is of an account of the resources.
    fn arn(&self, arn: &str) -> String {
        let parts: Result<[&str; 6], _> = arn.splitn(6, ':').collect::<Vec<_>>().try_into();
        let Ok([head, old_partition, service, region, account, resource]) = parts else { return arn.to_owned() };
        if !self.accounts.contains(account) {
            return arn.to_owned();
        }
        let account = self.mapping.account.as_ref().map_or(account, AccountId::as_str);
        let new_region = self.mapping.region.as_ref().filter(|_| !region.is_empty());
        let partition = new_region.map_or(old_partition, |region| partition(region));
        let region = new_region.map_or(region, Region::as_str);
        let resource = if service == "lambda" { self.resource(resource) } else { resource.to_owned() };
        format!("{head}:{partition}:{service}:{region}:{account}:{resource}")
    }

    fn resource(&self, resource: &str) -> String {
        let Some(function) = resource.strip_prefix("function:") else { return resource.to_owned() };
        let (name, qualifier) = function.split_at(function.find(':').unwrap_or(function.len()));
        format!("function:{}{qualifier}", self.new_name(name).unwrap_or(name))
    }
}
