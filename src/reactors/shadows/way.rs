//! Lambda of an endpoint, as far as shadows need it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::target::{self, Target};
use super::wanted::{Description, Wanted};
use crate::clock;
use crate::model::names::{FunctionKey, Scope};
use crate::upstream::{Endpoint, LambdaCall, LambdaError, ServiceError, Signer, Upstream};

/// What stays as it is in a path: names have little else.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// The account of keys that say none, and the key of the field's examples, which is one of those.
const DEFAULT_ACCOUNT: &str = "000000000000";
const ANY_KEY: &str = "test";

/// What Lambda says where a function's role is not there.
const NO_ROLE: &str = "cannot be assumed by Lambda";

/// Functions of a page.
const PAGE: &str = "50";

/// Pages of one listing at most: nobody has more functions, versions or aliases.
const PAGES: usize = 2000;

/// How often a change is tried while another one is not over, and how long between two tries.
const TRIES: u32 = 120;
const TRY_AGAIN: Duration = Duration::from_millis(250);

/// What has the name of a function at the endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A shadow of this store, with its timeout in seconds.
    Shadow(Description, u64),
    /// A shadow of another store that called here: where this server listens, no other one can.
    Orphan,
    /// Somebody's own function, or the shadow of another Larder.
    Stranger,
}

/// The way to an endpoint's Lambda.
#[derive(Debug)]
pub struct Way {
    /// Endpoints, and how they are reached.
    pub upstream: Arc<Upstream>,
    /// The one.
    pub endpoint: Endpoint,
    /// What forwarders are made of.
    pub target: Target,
}

impl Way {
    /// The account that callers of an account here are of there, if it is another one. Those of the default account have
    /// whatever key they like.
    ///
    /// # Errors
    /// The endpoint does not answer.
    pub async fn other_account(&self, scope: &Scope) -> Result<Option<String>, ServiceError> {
        let mut signer = signer(scope);
        if scope.account.as_str() == DEFAULT_ACCOUNT {
            ANY_KEY.clone_into(&mut signer.access_key_id);
        }
        let there = self.upstream.account_at(&self.endpoint, &signer).await?;
        Ok(there.filter(|there| *there != scope.account.as_str()))
    }

    /// All functions of an account and region.
    pub async fn list(&self, scope: &Scope) -> Result<Vec<(String, Found)>, LambdaError> {
        let mut all = Vec::new();
        let listed = self.pages(scope, "/2015-03-31/functions".to_owned(), "Functions", |function| {
            let name = function["FunctionName"].as_str()?.to_owned();
            Some((name, self.found(function)))
        });
        all.extend(listed.await?);
        Ok(all)
    }

    /// What has the name of a function.
    pub async fn find(&self, key: &FunctionKey) -> Result<Option<Found>, LambdaError> {
        match self.ask(key, Method::GET, "/configuration", None).await {
            Ok(found) => Ok(Some(self.found(&found))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn found(&self, configuration: &Value) -> Found {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let Some(description) = Description::read(&text(&configuration["Description"])) else { return Found::Stranger };
        let calls = text(&configuration["Environment"]["Variables"][target::ENDPOINT]);
        if description.store == self.target.store {
            Found::Shadow(description, configuration["Timeout"].as_u64().unwrap_or_default())
        } else if calls == self.target.endpoint {
            Found::Orphan
        } else {
            Found::Stranger
        }
    }

    /// What a shadow's description says once this number was published.
    fn description(&self, key: &FunctionKey, published: u64) -> String {
        Description { store: self.target.store.clone(), mark: self.target.mark(key), published }.to_string()
    }

    /// Makes a shadow, without versions.
    pub async fn create(&self, key: &FunctionKey, wanted: &Wanted) -> Result<(), LambdaError> {
        let body = json!({
            "FunctionName": key.name.as_str(),
            "Description": self.description(key, 0),
            "Runtime": target::RUNTIME,
            "Handler": target::HANDLER,
            "Role": Target::role(key),
            "Timeout": wanted.timeout_s,
            "Code": { "ZipFile": self.target.package() },
            "Environment": { "Variables": self.target.variables(key) },
            "Tags": { "larder:shadow": self.target.store },
        });
        let create = || self.call(&key.scope, Method::POST, "/2015-03-31/functions".to_owned(), Some(body.clone()));
        match create().await {
            // Some have IAM look whether there is such a role.
            Err(LambdaError::Refused { message, .. })
                if message.contains(NO_ROLE) && self.make_role(&key.scope).await? =>
            {
                create().await.map(drop)
            }
            created => created.map(drop),
        }
    }

    /// Makes the role that shadows have; whether it did.
    async fn make_role(&self, scope: &Scope) -> Result<bool, LambdaError> {
        let made = self.upstream.make_role(&self.endpoint, target::ROLE, &signer(scope)).await;
        made.map_err(|error| match error {
            ServiceError::Upstream(error) => error.into(),
            ServiceError::Refused { message, .. } => LambdaError::Refused { status: StatusCode::BAD_REQUEST, message },
        })
    }

    /// Removes a shadow with all that it has; it may be gone already.
    pub async fn remove(&self, key: &FunctionKey) -> Result<(), LambdaError> {
        gone(self.ask(key, Method::DELETE, "", None).await)
    }

    /// Gives it another timeout.
    pub async fn set_timeout(&self, key: &FunctionKey, timeout_s: u32) -> Result<(), LambdaError> {
        self.change(key, (Method::PUT, "/configuration"), &json!({ "Timeout": timeout_s })).await.map(drop)
    }

    /// Publishes a version behind the number that was published last; which one it became.
    pub async fn publish(&self, key: &FunctionKey, last: u64) -> Result<u64, LambdaError> {
        let description = self.description(key, last.saturating_add(1));
        self.change(key, (Method::PUT, "/configuration"), &json!({ "Description": description })).await?;
        let published = self.change(key, (Method::POST, "/versions"), &json!({})).await?;
        Ok(published["Version"].as_str().and_then(|version| version.parse().ok()).unwrap_or_default())
    }

    /// Removes a version; it may be gone already.
    pub async fn remove_version(&self, key: &FunctionKey, version: u64) -> Result<(), LambdaError> {
        gone(self.ask(key, Method::DELETE, &format!("?Qualifier={version}"), None).await)
    }

    /// The numbers of published versions.
    pub async fn versions(&self, key: &FunctionKey) -> Result<BTreeSet<u64>, LambdaError> {
        let number = |version: &Value| version["Version"].as_str()?.parse().ok();
        Ok(self.pages(&key.scope, path(key, "/versions"), "Versions", number).await?.into_iter().collect())
    }

    /// Aliases with their versions.
    pub async fn aliases(&self, key: &FunctionKey) -> Result<BTreeMap<String, String>, LambdaError> {
        let alias = |alias: &Value| {
            let text = |name: &str| alias[name].as_str().map(str::to_owned);
            Some((text("Name")?, text("FunctionVersion")?))
        };
        Ok(self.pages(&key.scope, path(key, "/aliases"), "Aliases", alias).await?.into_iter().collect())
    }

    /// Makes an alias, or has one that is there stand for another version.
    pub async fn put_alias(
        &self,
        key: &FunctionKey,
        (name, version): (&str, &str),
        is_there: bool,
    ) -> Result<(), LambdaError> {
        let body = json!({ "Name": name, "FunctionVersion": version });
        let at = format!("/aliases/{}", encoded(name));
        let change = if is_there { (Method::PUT, at.as_str()) } else { (Method::POST, "/aliases") };
        self.change(key, change, &body).await.map(drop)
    }

    /// Removes an alias; it may be gone already.
    pub async fn remove_alias(&self, key: &FunctionKey, name: &str) -> Result<(), LambdaError> {
        gone(self.ask(key, Method::DELETE, &format!("/aliases/{}", encoded(name)), None).await)
    }

    /// Runs a shadow to see whether it runs, and reaches Larder.
    ///
    /// # Errors
    /// It does not, and why.
    pub async fn probe(&self, key: &FunctionKey) -> Result<(), LambdaError> {
        let probe = json!({ "larder:shadow": "probe" });
        let answer = self.change(key, (Method::POST, "/invocations"), &probe).await?;
        // It got here as well where the function is gone meanwhile, or not yet ready.
        if [204, 404, 409].into_iter().any(|status| answer["larder:shadow"] == status) {
            return Ok(());
        }
        let told = answer["message"].as_str().map_or_else(|| answer.to_string(), str::to_owned);
        let message = format!("what hands on ran, and did not get to the function: {told}");
        Err(LambdaError::Refused { status: StatusCode::OK, message })
    }

    /// A change, tried again while another one is not over: where functions take their time to be made.
    async fn change(
        &self,
        key: &FunctionKey,
        (method, of): (Method, &str),
        body: &Value,
    ) -> Result<Value, LambdaError> {
        let mut tries = 0;
        loop {
            match self.ask(key, method.clone(), of, Some(body.clone())).await {
                Err(error) if error.is_conflict() && tries < TRIES => tries += 1,
                ended => return ended,
            }
            tokio::time::sleep(TRY_AGAIN).await;
        }
    }

    async fn ask(
        &self,
        key: &FunctionKey,
        method: Method,
        of: &str,
        body: Option<Value>,
    ) -> Result<Value, LambdaError> {
        self.call(&key.scope, method, path(key, of), body).await
    }

    async fn call(
        &self,
        scope: &Scope,
        method: Method,
        path: String,
        body: Option<Value>,
    ) -> Result<Value, LambdaError> {
        self.upstream.lambda(&self.endpoint, LambdaCall { method, path, body }, &signer(scope)).await
    }

    /// What `read` finds in all pages of a listing.
    async fn pages<T>(
        &self,
        scope: &Scope,
        path: String,
        member: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Vec<T>, LambdaError> {
        let mut all = Vec::new();
        let mut marker = String::new();
        for _ in 0..PAGES {
            let page = self.call(scope, Method::GET, format!("{path}?MaxItems={PAGE}{marker}"), None).await?;
            let Some(entries) = page[member].as_array() else {
                let message = format!("its listing has no {member}");
                return Err(LambdaError::Refused { status: StatusCode::NOT_IMPLEMENTED, message });
            };
            all.extend(entries.iter().filter_map(&read));
            match page["NextMarker"].as_str().filter(|next| !next.is_empty()) {
                Some(next) => marker = format!("&Marker={}", encoded(next)),
                None => break,
            }
        }
        Ok(all)
    }
}

/// In whose name an account's functions are made: an access key id of twelve digits is the account for all emulators that
/// tell accounts apart.
fn signer(scope: &Scope) -> Signer {
    Signer {
        access_key_id: scope.account.to_string(),
        region: scope.region.to_string(),
        day: clock::now().date().replace('-', ""),
    }
}

fn path(key: &FunctionKey, of: &str) -> String {
    format!("/2015-03-31/functions/{}{of}", encoded(key.name.as_str()))
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NAME).to_string()
}

/// A removal, for which it is as well that there is nothing.
fn gone(removed: Result<Value, LambdaError>) -> Result<(), LambdaError> {
    match removed {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}
