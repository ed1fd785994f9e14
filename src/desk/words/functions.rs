//! What happened to functions and what belongs to them, in words that go on after the function's name.

use super::changed_to;
use crate::model::concurrency::Scaling;
use crate::model::concurrency::event::ConcurrencyEvent;
use crate::model::event_invoke::event::EventInvokeEvent;
use crate::model::function_settings::event::FunctionSettingsEvent;
use crate::model::functions::event::FunctionEvent;
use crate::model::functions::{Content, FunctionVersion};
use crate::model::policies::event::PolicyEvent;
use crate::model::policies::{Policy, Target};
use crate::model::qualifier::Version;
use crate::model::state::State;
use crate::model::urls::event::UrlEvent;

pub fn function(event: &FunctionEvent, before: &State, told: impl Fn() -> String) -> String {
    match event {
        FunctionEvent::FunctionCreated { latest, .. } => format!("created, {}", runs(latest)),
        FunctionEvent::FunctionCodeUpdated { key, code, .. } => {
            let old = before.function(key).map(|function| &function.latest.code);
            if old == Some(code) { "code put again, as it was".to_owned() } else { "code changed".to_owned() }
        }
        FunctionEvent::FunctionConfigurationUpdated { .. } => changed_to(told()),
        FunctionEvent::FunctionSettled { version, failure, .. } => {
            let what = if *version == Version::Latest { String::new() } else { format!("version {version} ") };
            match failure {
                None => format!("{what}ready"),
                Some(failure) => format!("{what}cannot run here: {}", failure.reason),
            }
        }
        FunctionEvent::FunctionDeleted { .. } => "deleted".to_owned(),
        FunctionEvent::VersionPublished { version, .. } => format!("version {} published", version.version),
        FunctionEvent::VersionDeleted { number, .. } => format!("version {number} deleted"),
        FunctionEvent::AliasPut { key, alias } => {
            let name = &alias.name;
            if before.function(key).is_some_and(|function| function.aliases.contains_key(name)) {
                format!("alias {name}: {}", changed_to(told()))
            } else {
                format!("alias {name} created, of version {}", alias.version)
            }
        }
        FunctionEvent::AliasDeleted { name, .. } => format!("alias {name} deleted"),
    }
}

/// What a version runs.
fn runs(version: &FunctionVersion) -> String {
    match &version.code.content {
        Content::Image(image) => format!("image {}", image.uri),
        Content::Zip { .. } => version.config.runtime.clone(),
        Content::Folder(folder) => format!("{}, from the folder {}", version.config.runtime, folder.0),
    }
}

pub fn policy(event: &PolicyEvent, before: &State) -> String {
    let (PolicyEvent::PolicyPut { key, target, .. } | PolicyEvent::PolicyDeleted { key, target, .. }) = event;
    let old = before.function(key).and_then(|function| function.policies.get(target)).map(AsRef::as_ref);
    let new = match event {
        PolicyEvent::PolicyPut { policy, .. } => Some(policy),
        PolicyEvent::PolicyDeleted { .. } => None,
    };

    let mut said = permissions(new, old, "added");
    said.extend(permissions(old, new, "removed"));
    let of = match target {
        Target::Function => String::new(),
        Target::LatestPublished => format!(" of {}", Version::LatestPublished),
        Target::Version(number) => format!(" of version {number}"),
        Target::Alias(name) => format!(" of alias {name}"),
    };
    format!("{}{of}", if said.is_empty() { "policy changed".to_owned() } else { said.join(", ") })
}

/// The statements that one policy has and another has not.
fn permissions(has: Option<&Policy>, has_not: Option<&Policy>, verb: &str) -> Vec<String> {
    let known = |text: &str| has_not.is_some_and(|policy| policy.statements.iter().any(|other| other.text == text));
    let statements = has.into_iter().flat_map(|policy| &policy.statements);
    let differ = statements.filter(|statement| !known(&statement.text));
    differ
        .map(|statement| match &statement.sid {
            Some(sid) => format!("permission {sid} {verb}"),
            None => format!("permission {verb}"),
        })
        .collect()
}

pub fn url(event: &UrlEvent, before: &State, told: impl Fn() -> String) -> String {
    let (UrlEvent::UrlPut { key, alias, .. } | UrlEvent::UrlDeleted { key, alias }) = event;
    let what = alias.as_ref().map_or_else(|| "URL".to_owned(), |alias| format!("URL of alias {alias}"));
    match event {
        UrlEvent::UrlDeleted { .. } => format!("{what} deleted"),
        UrlEvent::UrlPut { url, .. } => {
            if before.function(key).is_some_and(|function| function.urls.contains_key(alias)) {
                format!("{what}: {}", changed_to(told()))
            } else {
                format!("{what} created, AuthType {}", url.auth_type)
            }
        }
    }
}

pub fn event_invoke(event: &EventInvokeEvent, told: impl Fn() -> String) -> String {
    match event {
        EventInvokeEvent::EventInvokePut { qualifier, .. } => {
            format!("asynchronous invocations of {qualifier}: {}", changed_to(told()))
        }
        EventInvokeEvent::EventInvokeDeleted { qualifier, .. } => {
            format!("asynchronous invocations of {qualifier}: by default again")
        }
    }
}

pub fn concurrency(event: &ConcurrencyEvent) -> String {
    match event {
        ConcurrencyEvent::FunctionConcurrencyPut { reserved, .. } => format!("reserved concurrency {reserved}"),
        ConcurrencyEvent::FunctionConcurrencyDeleted { .. } => "reserved concurrency removed".to_owned(),
        ConcurrencyEvent::ProvisionedConcurrencyPut { qualifier, provisioned, .. } => {
            format!("provisioned concurrency of {qualifier}: {}", provisioned.requested)
        }
        ConcurrencyEvent::ProvisionedConcurrencyDeleted { qualifier, .. } => {
            format!("provisioned concurrency of {qualifier} removed")
        }
        ConcurrencyEvent::ProvisionedConcurrencySettled { qualifier, failure, .. } => match failure {
            None => format!("provisioned concurrency of {qualifier} ready"),
            Some(failure) => format!("provisioned concurrency of {qualifier} failed: {failure}"),
        },
        ConcurrencyEvent::FunctionScalingPut { qualifier, scaling, .. } => match scaling {
            None => format!("scaling of {qualifier} left to AWS"),
            Some(Scaling { least, most }) => {
                let number = |bound: &Option<u32>| bound.map_or_else(|| "any".to_owned(), |bound| bound.to_string());
                format!("scaling of {qualifier}: {} to {} environments", number(least), number(most))
            }
        },
    }
}

pub fn settings(event: &FunctionSettingsEvent) -> String {
    match event {
        FunctionSettingsEvent::RecursionPut { allows: true, .. } => "RecursiveLoop Allow".to_owned(),
        FunctionSettingsEvent::RecursionPut { allows: false, .. } => "RecursiveLoop Terminate".to_owned(),
        FunctionSettingsEvent::RuntimeManagementPut { version, management, .. } => {
            format!("runtime of {version}: UpdateRuntimeOn {}", management.mode.as_str())
        }
    }
}
