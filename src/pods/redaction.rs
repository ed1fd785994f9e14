//! Redaction: values of environment variables that shall not travel. A value is never shown.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use fancy_regex::Regex;
use serde_json::Value;

use crate::model::event::Event;
use crate::model::functions::event::FunctionEvent;
use crate::model::functions::{Function, FunctionConfig, FunctionVersion, Variables};
use crate::model::history::event::HistoryEvent;
use crate::model::qualifier::Version;
use crate::model::resource::Resource;
use crate::model::resource_pattern::is_like;

/// What stands in the place of a redacted value.
pub const REDACTED: &str = "REDACTED";

/// Words in the names of variables that hold secrets.
const WORDS: [&str; 9] =
    ["SECRET", "TOKEN", "PASSWORD", "PASSWD", "CREDENTIAL", "API_KEY", "APIKEY", "ACCESS_KEY", "PRIVATE_KEY"];

/// Headers that hold secrets, as events of function URLs and API Gateway have them.
const HEADERS: [&str; 5] = ["AUTHORIZATION", "PROXY_AUTHORIZATION", "COOKIE", "COOKIES", "SET_COOKIE"];

/// Shapes of well-known keys: AWS, PEM, JWT, GitHub, Slack, Stripe.
const SHAPES: &str = r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bxox[abeprs]-[\w-]{10,}|\b[sr]k_(?:live|test)_[A-Za-z0-9]{10,}";

/// Which variables lose their values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Those whose names match, in any case of letters: `env:GLOB`.
    Variable(String),
    /// Those that look like secrets: `auto`.
    Auto,
}

impl Rule {
    /// Reads `auto` or `env:GLOB`.
    ///
    /// # Errors
    /// It is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix("env:") {
            _ if text == "auto" => Ok(Self::Auto),
            Some(glob) if !glob.is_empty() => Ok(Self::Variable(glob.to_ascii_uppercase())),
            _ => Err(format!("`{text}` is no redaction: use auto or env:GLOB, such as env:*SECRET*")),
        }
    }

    fn meets(&self, name: &str, value: &str) -> bool {
        match self {
            Self::Variable(glob) => is_like(&name.to_ascii_uppercase(), glob),
            Self::Auto => is_suspect(name, value),
        }
    }
}

/// What was redacted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Redacted {
    /// Function ARN and name of each variable, once.
    pub variables: Vec<(String, String)>,
}

/// Whether a variable looks like a secret, by its name or its value.
fn is_suspect(name: &str, value: &str) -> bool {
    if value.is_empty() || value == REDACTED {
        return false;
    }
    let name = name.to_ascii_uppercase();
    named_as_secret(&name) || shaped_as_secret(value)
}

/// Whether a name in capital letters is that of a secret.
fn named_as_secret(name: &str) -> bool {
    let name = name.replace('-', "_");
    WORDS.iter().any(|word| name.contains(word))
        || HEADERS.contains(&name.as_str())
        || name == "KEY"
        || name.ends_with("_KEY")
}

fn shaped_as_secret(value: &str) -> bool {
    static SHAPE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(SHAPES).ok());
    SHAPE.as_ref().is_some_and(|shapes| shapes.is_match(value).unwrap_or(true))
}

/// Puts `instead` in the place of what looks like a secret in any JSON, by the names of its members and by the shapes of
/// its texts. Whether there was any.
pub fn hide_secrets(json: &mut Value, instead: &str) -> bool {
    match json {
        Value::String(text) if text != instead && shaped_as_secret(text) => {
            instead.clone_into(text);
            true
        }
        Value::String(text) => hide_inside(text, instead),
        Value::Array(items) => {
            let hidden: Vec<bool> = items.iter_mut().map(|item| hide_secrets(item, instead)).collect();
            hidden.contains(&true)
        }
        Value::Object(members) => {
            let hidden: Vec<bool> = members.iter_mut().map(|(name, value)| hide_member(name, value, instead)).collect();
            hidden.contains(&true)
        }
        _ => false,
    }
}

/// The same in a text that is JSON itself, as bodies of messages are.
fn hide_inside(text: &mut String, instead: &str) -> bool {
    if !text.starts_with(['{', '[']) {
        return false;
    }
    let Ok(mut inside) = serde_json::from_str::<Value>(text) else { return false };
    let hidden = hide_secrets(&mut inside, instead);
    if hidden {
        *text = inside.to_string();
    }
    hidden
}

fn hide_member(name: &str, value: &mut Value, instead: &str) -> bool {
    if !named_as_secret(&name.to_ascii_uppercase()) || is_nothing(value) || *value == instead {
        return hide_secrets(value, instead);
    }
    match value {
        // A list stays one, so that who reads it finds as many.
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let hidden = items.iter().any(|item| item != instead);
            items.fill(instead.into());
            hidden
        }
        other => {
            *other = instead.into();
            true
        }
    }
}

/// Whether a value has nothing to hide.
fn is_nothing(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Bool(_)) || value.as_str() == Some("")
}

/// Replaces the values that rules meet, in every version of every function.
pub fn redact(resources: &mut [Resource], rules: &[Rule]) -> Redacted {
    let mut redacted = Redacted::default();
    for resource in resources {
        let arn = resource.arn();
        if let Resource::Function(_, function) = resource {
            for name in redact_function(function, rules) {
                redacted.variables.push((arn.clone(), name));
            }
        }
    }

    redacted
}

/// Replaces the values that rules meet in an event of a history.
pub fn redact_event(event: &mut Event, rules: &[Rule]) -> Redacted {
    match event {
        Event::History(HistoryEvent::StateRestored { changes, .. }) => redact(&mut changes.put, rules),
        Event::History(HistoryEvent::HistoryCompacted { resources, .. }) => redact(resources, rules),
        Event::Function(event) => redact_function_event(event, rules),
        _ => Redacted::default(),
    }
}

/// The variables that look like secrets: function ARN and name, each once.
pub fn suspects(resources: &[Resource]) -> Vec<(String, String)> {
    redact(&mut resources.to_vec(), &[Rule::Auto]).variables
}

fn redact_function(function: &mut Arc<Function>, rules: &[Rule]) -> Vec<String> {
    let versions: Vec<_> = if rules.is_empty() { Vec::new() } else { function.all_versions().collect() };
    let mut names = BTreeSet::new();
    for version in versions {
        let mut config = Arc::clone(&version.config);
        let redacted = redact_config(&mut config, rules);
        if !redacted.is_empty() {
            names.extend(redacted);
            put(Arc::make_mut(function), FunctionVersion { config, ..(*version).clone() });
        }
    }

    names.into_iter().collect()
}

/// Puts a version in the place of the one there is.
fn put(function: &mut Function, version: FunctionVersion) {
    let place = version.version;
    let version = Arc::new(version);
    match place {
        Version::Latest => function.latest = version,
        Version::LatestPublished => function.latest_published = Some(version),
        Version::Number(number) => drop(function.versions.insert(number, version)),
    }
}

fn redact_function_event(event: &mut FunctionEvent, rules: &[Rule]) -> Redacted {
    let arn = event.subject().arn;
    let names = match event {
        FunctionEvent::FunctionCreated { latest: version, .. } | FunctionEvent::VersionPublished { version, .. } => {
            redact_config(&mut version.config, rules)
        }
        FunctionEvent::FunctionCodeUpdated { config, .. }
        | FunctionEvent::FunctionConfigurationUpdated { config, .. } => redact_config(config, rules),
        _ => Vec::new(),
    };
    Redacted { variables: names.into_iter().map(|name| (arn.clone(), name)).collect() }
}

fn redact_config(config: &mut Arc<FunctionConfig>, rules: &[Rule]) -> Vec<String> {
    let meets =
        |(name, value): &(&String, &String)| *value != REDACTED && rules.iter().any(|rule| rule.meets(name, value));
    let variables = config.environment.iter().flat_map(|variables| &variables.0);
    let names: Vec<String> = variables.filter(meets).map(|(name, _)| name.clone()).collect();
    if names.is_empty() {
        return names;
    }

    if let Some(Variables(variables)) = &mut Arc::make_mut(config).environment {
        for name in &names {
            variables.insert(name.clone(), REDACTED.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_by_name_and_shape() {
        for (name, value) in [
            ("DB_PASSWORD", "x"),
            ("STRIPE_KEY", "x"),
            ("ID", "AKIAIOSFODNN7EXAMPLE"),
            ("PEM", "-----BEGIN RSA PRIVATE KEY-----"),
            ("HUB", "ghp_0123456789012345678901234567890123456"),
        ] {
            assert!(is_suspect(name, value), "{name}");
        }
        for (name, value) in [("STAGE", "dev"), ("KEYBOARD", "qwerty"), ("PASSWORD", ""), ("TOKEN", REDACTED)] {
            assert!(!is_suspect(name, value), "{name}");
        }
    }

    #[test]
    fn secrets_are_hidden_in_any_json() {
        let mut json = serde_json::json!({
            "order": 7, "apiKey": "x", "auth": { "password": { "old": "a", "new": "b" }, "token": null },
            "list": ["fine", "AKIAIOSFODNN7EXAMPLE", { "db_passwd": 5 }], "keyboard": "qwerty",
            "headers": { "authorization": "Bearer x", "x-api-key": "y", "accept": "*/*" }, "cookies": ["a=1", "b=2"],
            "body": "{\"token\":\"z\"}",
        });
        assert!(hide_secrets(&mut json, "***"));
        let expected = serde_json::json!({
            "order": 7, "apiKey": "***", "auth": { "password": "***", "token": null },
            "list": ["fine", "***", { "db_passwd": "***" }], "keyboard": "qwerty",
            "headers": { "authorization": "***", "x-api-key": "***", "accept": "*/*" }, "cookies": ["***", "***"],
            "body": "{\"token\":\"***\"}",
        });
        assert_eq!(json, expected);
        assert!(!hide_secrets(&mut json, "***"), "nothing is left to hide");
    }

    #[test]
    fn rules_read_back() {
        assert_eq!(Rule::parse("auto"), Ok(Rule::Auto));
        assert!(Rule::parse("env:*secret*").is_ok_and(|rule| rule.meets("my_Secret_1", "x")));
        assert!(Rule::parse("secret").is_err() && Rule::parse("env:").is_err());
    }
}
