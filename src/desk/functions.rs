//! Functions as people look at them: a list that can be searched, and all that belongs to one.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use crate::model::arn::{self, Arn};
use crate::model::functions::{Function, FunctionState, FunctionVersion};
use crate::model::names::{AliasName, FunctionKey, Scope};
use crate::model::state::State;

/// Functions of a page.
pub const PAGE: usize = 100;

/// Which functions are wanted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FunctionsQuery {
    /// What a name has in it.
    pub q: Option<String>,
    /// A tag, as `KEY` or `KEY:VALUE`.
    pub tag: Option<String>,
    /// A state: `Pending`, `Active` or `Failed`.
    pub state: Option<String>,
    /// Only those behind this ARN.
    pub after: Option<String>,
}

/// A page of functions, by account, region and name.
#[derive(Debug, Serialize)]
pub struct FunctionList {
    /// They.
    pub functions: Vec<FunctionLine>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

/// A function in a list.
#[derive(Debug, Clone, Serialize)]
pub struct FunctionLine {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Its account.
    pub account: String,
    /// Its region.
    pub region: String,
    /// Its runtime; empty for an image.
    pub runtime: String,
    /// Megabytes that it may use.
    pub memory_mb: u32,
    /// Seconds that it may take.
    pub timeout_s: u32,
    /// `Pending`, `Active` or `Failed`.
    pub state: &'static str,
    /// Why it failed.
    pub reason: Option<String>,
    /// When it was last changed.
    pub modified: String,
    /// Published versions.
    pub versions: usize,
    /// Aliases.
    pub aliases: usize,
}

/// All that belongs to a function.
#[derive(Debug, Serialize)]
pub struct FunctionDetails {
    /// What a list says.
    #[serde(flatten)]
    pub line: FunctionLine,
    /// Its handler.
    pub handler: String,
    /// Its role.
    pub role: String,
    /// Its description.
    pub description: String,
    /// Names of its variables: their values are secrets.
    pub variables: Vec<String>,
    /// ARNs of its layers.
    pub layers: Vec<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Published versions, the newest first, with what was said of each and when.
    pub published: Vec<Published>,
    /// Its aliases.
    pub all_aliases: Vec<AliasLine>,
    /// Policies of itself, its versions and aliases, as JSON.
    pub policies: Vec<String>,
    /// Its URL's id, and those of its aliases.
    pub urls: Vec<UrlLine>,
    /// Concurrent executions that are kept for it.
    pub reserved_concurrency: Option<u32>,
    /// Where its log is.
    pub log_group: String,
    /// That it is durable: it is kept, and not run.
    pub durable: Option<DurableLine>,
}

/// What is configured of a durable function.
#[derive(Debug, Serialize)]
pub struct DurableLine {
    /// Seconds that an execution may last.
    pub execution_timeout_s: u32,
    /// Days that an execution is kept after its end.
    pub retention_days: u32,
}

/// A published version.
#[derive(Debug, Serialize)]
pub struct Published {
    /// Its number.
    pub version: String,
    /// What was said of it.
    pub description: String,
    /// When it was published.
    pub modified: String,
}

/// An alias, and where its calls go.
#[derive(Debug, Serialize)]
pub struct AliasLine {
    /// Its name.
    pub name: String,
    /// Versions with their shares of calls, in percent.
    pub shares: Vec<(String, f64)>,
}

/// A URL of a function.
#[derive(Debug, Serialize)]
pub struct UrlLine {
    /// Its id.
    pub id: String,
    /// The alias that has it.
    pub alias: Option<String>,
    /// Who may call: `NONE` or `AWS_IAM`.
    pub auth_type: String,
}

/// A page of functions.
pub fn list(state: &State, query: &FunctionsQuery) -> FunctionList {
    let after = query.after.as_deref().and_then(|arn| Arn::parse(arn)?.function_key());
    let behind = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
    let named = given(query.q.as_ref());
    let has_name = |key: &FunctionKey| named.is_none_or(|part| key.name.as_str().contains(part));
    let wanted = state.functions.range(behind, has_name).filter(|function| is_wanted(function, query));
    let mut functions: Vec<_> = wanted.take(PAGE + 1).collect();
    let has_more = functions.len() > PAGE;
    functions.truncate(PAGE);

    let next = functions.last().filter(|_| has_more).map(|function| arn::function(&function.key));
    FunctionList { functions: functions.iter().map(|function| line(function)).collect(), next }
}

fn is_wanted(function: &Function, query: &FunctionsQuery) -> bool {
    let has_tag = |tag: &str| match tag.split_once(':') {
        Some((key, value)) => function.tags.get(key).is_some_and(|found| found == value),
        None => function.tags.contains_key(tag),
    };
    given(query.tag.as_ref()).is_none_or(has_tag)
        && given(query.state.as_ref()).is_none_or(|wanted| state_of(&function.latest).0 == wanted)
}

/// A field of a form that was filled in.
fn given(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

fn state_of(version: &FunctionVersion) -> (&'static str, Option<String>) {
    match &version.state {
        FunctionState::Pending => ("Pending", None),
        FunctionState::Active => ("Active", None),
        FunctionState::Failed(failure) => ("Failed", Some(failure.reason.clone())),
    }
}

fn line(function: &Function) -> FunctionLine {
    let config = &function.latest.config;
    let (state, reason) = state_of(&function.latest);
    FunctionLine {
        arn: arn::function(&function.key),
        name: function.key.name.to_string(),
        account: function.key.scope.account.to_string(),
        region: function.key.scope.region.to_string(),
        runtime: config.runtime.clone(),
        memory_mb: config.memory_mib,
        timeout_s: config.timeout_s,
        state,
        reason,
        modified: function.latest.modified.iso(),
        versions: function.versions.sums().count,
        aliases: function.aliases.len(),
    }
}

/// All that belongs to a function; `None` if there is none.
pub fn show(state: &State, account: &str, region: &str, name: &str) -> Option<FunctionDetails> {
    let scope = Scope { account: account.into(), region: region.into() };
    let key = FunctionKey { scope, name: name.into() };
    let function = state.function(&key)?;
    let config = &function.latest.config;
    let variables = config.environment.iter().flat_map(|variables| variables.0.keys().cloned());
    let published = function.versions.values().rev().map(|version| Published {
        version: version.version.to_string(),
        description: version.description.clone().unwrap_or_else(|| version.config.description.clone()),
        modified: version.modified.iso(),
    });
    let urls = function.urls.iter().map(|(alias, url)| UrlLine {
        id: url.id.to_string(),
        alias: alias.as_ref().map(ToString::to_string),
        auth_type: url.auth_type.clone(),
    });

    Some(FunctionDetails {
        line: line(function),
        handler: config.handler.clone(),
        role: config.role.clone(),
        description: config.description.clone(),
        variables: variables.collect(),
        layers: config.layers.iter().map(|layer| layer.arn.clone()).collect(),
        tags: function.tags.clone(),
        published: published.collect(),
        all_aliases: aliases(function),
        policies: function.policies.values().map(|policy| policy.document()).collect(),
        urls: urls.collect(),
        reserved_concurrency: function.reserved_concurrency,
        log_group: config.logging.group.clone(),
        durable: config.durable.as_ref().map(|durable| DurableLine {
            execution_timeout_s: durable.execution_timeout_s,
            retention_days: durable.retention_days,
        }),
    })
}

fn aliases(function: &Function) -> Vec<AliasLine> {
    let line = |name: &AliasName| {
        let alias = function.aliases.get(name)?;
        let routed = alias.routing.map(|routing| (routing.version.to_string(), routing.weight * 100.0));
        let rest = 100.0 - routed.as_ref().map_or(0.0, |(_, share)| *share);
        let shares = std::iter::once((alias.version.to_string(), rest)).chain(routed).collect();
        Some(AliasLine { name: alias.name.to_string(), shares })
    };
    function.aliases.keys().filter_map(line).collect()
}
