//! What of an application lives in the upstream: the resources of other services that functions of a pod refer to. Told by
//! their ARNs alone, so that no value of a variable gets out by this way.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::arn::{self, Arn};
use crate::model::event_sources::EventSourceMapping;
use crate::model::functions::{Function, FunctionConfig};
use crate::model::names::Scope;
use crate::model::policies::Policy;
use crate::model::queues::QueueKey;
use crate::model::resource::Resource;

/// Services whose resources are Larder's own, whatever is behind it.
const OWN: [&str; 4] = ["iam", "lambda", "logs", "sts"];

/// The service whose ARNs in policies name a method of an API: the API is what is meant.
const APIS: &str = "execute-api";

/// Letters of an ARN at most: a secret's or a stream's have some hundred.
const MAX_ARN: usize = 1024;

/// What stands between ARNs in the value of a variable, which may be a list or JSON.
const BETWEEN: [char; 11] = [',', ';', '|', '"', '\'', '[', ']', '{', '}', '(', ')'];

/// A resource in the upstream that a function refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Its ARN; of a queue also where a variable has its URL.
    pub resource: String,
    /// ARN of the function that refers to it; the first where several do.
    pub needed_by: String,
}

/// What resources refer to: see [`Found`].
pub fn references(resources: &[Resource], is_here: impl Fn(&QueueKey) -> bool) -> Vec<Reference> {
    let mut found = Found::new(is_here);
    for resource in resources {
        found.add(resource);
    }
    found.references()
}

/// The resources of other services that functions refer to, in the order of their ARNs: in variables, as
/// event sources, as where failures and results go, as keys and file systems, and as who may call. `is_here` says which
/// queues are Larder's own.
pub struct Found<F> {
    by_arn: BTreeMap<String, String>,
    is_here: F,
}

impl<F: Fn(&QueueKey) -> bool> Found<F> {
    /// None yet.
    pub fn new(is_here: F) -> Self {
        Self { by_arn: BTreeMap::new(), is_here }
    }

    /// Takes what a resource refers to.
    pub fn add(&mut self, resource: &Resource) {
        match resource {
            Resource::Function(_, function) => of_function(self, function),
            Resource::EventSourceMapping(_, mapping) => of_mapping(self, mapping),
            _ => {}
        }
    }

    /// All of them.
    pub fn references(self) -> Vec<Reference> {
        let by_arn = self.by_arn.into_iter();
        by_arn.map(|(resource, needed_by)| Reference { resource, needed_by }).collect()
    }

    /// Takes a text that may be the ARN of a resource of another service.
    fn text(&mut self, text: &str, needed_by: &str) {
        if let Some(arn) = resource(text) {
            self.put(arn, needed_by);
        }
    }

    /// Takes the value of a variable, which may be a list, JSON, or the URL of a queue.
    fn value(&mut self, value: &str, scope: &Scope, needed_by: &str) {
        for word in value.split(|letter: char| letter.is_whitespace() || BETWEEN.contains(&letter)) {
            match queue_of_url(word, scope) {
                Some(queue) => self.put(queue.arn(), needed_by),
                None => self.text(word, needed_by),
            }
        }
    }

    fn put(&mut self, arn: String, needed_by: &str) {
        if !QueueKey::of_arn(&arn).is_some_and(|queue| (self.is_here)(&queue)) {
            let first = self.by_arn.entry(arn).or_insert_with(|| needed_by.to_owned());
            if needed_by < first.as_str() {
                needed_by.clone_into(first);
            }
        }
    }
}

fn of_function<F: Fn(&QueueKey) -> bool>(found: &mut Found<F>, function: &Function) {
    let name = arn::function(&function.key);
    for version in function.all_versions() {
        let FunctionConfig { environment, kms_key_arn, dead_letter_target, file_systems, .. } = &*version.config;
        for value in environment.iter().flat_map(|variables| variables.0.values()) {
            found.value(value, &function.key.scope, &name);
        }

        let systems = file_systems.iter().map(|system| &system.arn);
        for arn in kms_key_arn.iter().chain(dead_letter_target).chain(systems) {
            found.text(arn, &name);
        }
    }

    for invoke in function.event_invoke.values() {
        for arn in invoke.destinations.on_success.iter().chain(&invoke.destinations.on_failure) {
            found.text(arn, &name);
        }
    }
    for policy in function.policies.values() {
        of_policy(found, policy, &name);
    }
}

/// Who may call is told by conditions: `AWS:SourceArn` is a bucket, a topic, a rule.
fn of_policy<F: Fn(&QueueKey) -> bool>(found: &mut Found<F>, policy: &Policy, name: &str) {
    for statement in &policy.statements {
        let statement: Value = serde_json::from_str(&statement.text).unwrap_or_default();
        let mut open = vec![&statement["Condition"]];
        while let Some(value) = open.pop() {
            match value {
                Value::String(text) => found.text(text, name),
                Value::Array(items) => open.extend(items),
                Value::Object(members) => open.extend(members.values()),
                _ => {}
            }
        }
    }
}

fn of_mapping<F: Fn(&QueueKey) -> bool>(found: &mut Found<F>, mapping: &EventSourceMapping) {
    let name = arn::function(&mapping.target.function);
    let settings = &mapping.settings;
    let access = settings.access.iter().filter_map(|access| access.uri.as_deref());
    let registry = settings.kafka.iter().filter_map(|kafka| kafka.registry.as_ref());
    let registry = registry.flat_map(|registry| {
        let access = registry.access.iter().filter_map(|access| access.uri.as_deref());
        access.chain(registry.uri.as_deref())
    });
    let named = mapping.source.arn().into_iter().chain(settings.on_failure.as_deref());

    for arn in named.chain(settings.kms_key_arn.as_deref()).chain(access).chain(registry) {
        found.text(arn, &name);
    }
}

/// The ARN of a text that is one of a single resource that Larder does not have itself.
fn resource(text: &str) -> Option<String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.:/+=@#$,!~".contains(letter);
    let arn = Arn::parse(text).filter(|_| text.len() <= MAX_ARN && text.starts_with("arn:aws"))?;
    let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_whole = [arn.partition, arn.service, arn.region].into_iter().all(is_word)
        && (arn.account.is_empty() || is_account(arn.account))
        && !arn.service.is_empty()
        && !arn.resource.is_empty();
    if !is_whole || OWN.contains(&arn.service) {
        return None;
    }

    let api = arn.resource.split('/').next().filter(|_| arn.service == APIS);
    let arn = Arn { resource: api.unwrap_or(arn.resource), ..arn };
    arn.resource.chars().all(is_plain).then(|| arn.to_string())
}

/// The queue of a URL, at AWS or at an emulator of this machine: a path that looks like a queue's may be a secret at any other
/// host. A URL says a region in its host or not at all, and is then of the function's.
fn queue_of_url(word: &str, function: &Scope) -> Option<QueueKey> {
    let rest = word.strip_prefix("https://").or_else(|| word.strip_prefix("http://"))?;
    let (authority, path) = rest.split_once('/').filter(|(authority, _)| !authority.contains('@'))?;
    let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let (said, account, name) = match parts[..] {
        [account, name] => (region_of(host), account, name),
        ["queue", region, account, name] => (Some(region), account, name),
        _ => return None,
    };
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if !is_of_queues(host) || !is_account(account) || name.is_empty() || name.len() > 80 || !is_name(name) {
        return None;
    }

    let region = said.filter(|region| is_region(region)).map_or_else(|| function.region.clone(), Into::into);
    Some(QueueKey { scope: Scope { account: account.into(), region }, name: name.into() })
}

/// Whether a host has queues: SQS, or an emulator of this machine or its network.
fn is_of_queues(host: &str) -> bool {
    let is_near = !host.contains('.') || host.parse::<IpAddr>().is_ok() || host == "host.docker.internal";
    !host.is_empty() && (is_near || host.split('.').any(|label| ["sqs", "queue"].contains(&label)))
}

/// The region that a host names: `sqs.REGION.…`, `REGION.queue.…`.
fn region_of(host: &str) -> Option<&str> {
    let labels: Vec<&str> = host.split('.').collect();
    let (["sqs", region, _, ..] | [region, "queue", _, ..]) = labels[..] else { return None };
    Some(region)
}

fn is_region(text: &str) -> bool {
    text.contains('-') && text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_of_other_services_are_told_and_nothing_else() {
        for (text, told) in [
            ("arn:aws:sns:us-east-1:000000000000:topic", Some("arn:aws:sns:us-east-1:000000000000:topic")),
            ("arn:aws:s3:::bucket", Some("arn:aws:s3:::bucket")),
            (
                "arn:aws:execute-api:us-east-1:000000000000:abc123/*/GET/orders",
                Some("arn:aws:execute-api:us-east-1:000000000000:abc123"),
            ),
            ("arn:aws:events:us-east-1:000000000000:rule/*", None),
            ("arn:aws:lambda:us-east-1:000000000000:function:f", None),
            ("arn:aws:iam::000000000000:role/r", None),
            ("arn:aws:sns:us-east-1:0000:topic", None),
            ("arn:aws:sns:us-east-1:000000000000:a topic", None),
            ("arn:aws:sns", None),
            ("hunter2", None),
        ] {
            assert_eq!(resource(text).as_deref(), told, "{text}");
        }
    }

    #[test]
    fn urls_of_queues_are_read_at_aws_and_at_emulators_only() {
        let scope = Scope { account: "111111111111".into(), region: "eu-west-1".into() };
        for (url, told) in [
            ("http://localhost:4566/000000000000/q", Some("arn:aws:sqs:eu-west-1:000000000000:q")),
            ("http://moto:5000/000000000000/q.fifo", Some("arn:aws:sqs:eu-west-1:000000000000:q.fifo")),
            ("http://127.0.0.1:4566/queue/us-west-2/000000000000/q", Some("arn:aws:sqs:us-west-2:000000000000:q")),
            ("https://sqs.us-east-2.amazonaws.com/000000000000/q/", Some("arn:aws:sqs:us-east-2:000000000000:q")),
            ("https://us-east-2.queue.amazonaws.com/000000000000/q", Some("arn:aws:sqs:us-east-2:000000000000:q")),
            ("https://hooks.example.com/000000000000/t0ken", None),
            ("https://user:secret@localhost/000000000000/q", None),
            ("http://localhost:4566/000000000000/q?token=1", None),
            ("http://localhost:4566/0000/q", None),
            ("redis://localhost/000000000000/q", None),
        ] {
            assert_eq!(queue_of_url(url, &scope).map(|queue| queue.arn()).as_deref(), told, "{url}");
        }
    }
}
