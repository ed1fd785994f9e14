//! Function URLs.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::paging;
use crate::model::error::ApiError;
use crate::model::names::{AliasName, FunctionKey};
use crate::model::reference::FunctionReference;
use crate::model::time::Timestamp;
use crate::model::urls;
use crate::model::urls::FunctionUrl;
use crate::model::urls::command::{CreateUrl, UpdateUrl, UrlCommand};
use crate::model::urls::decide::{arn, function_not_found};
use crate::protocol::answer::{Answer, json, no_content};
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::services::Services;
use crate::services::lambda::shapes::requests;

/// The operations of this file.
pub static OPERATIONS: &[Operation<Services>] = &[
    operation!(requests::CREATE_FUNCTION_URL_CONFIG => create),
    operation!(requests::DELETE_FUNCTION_URL_CONFIG => delete),
    operation!(requests::GET_FUNCTION_URL_CONFIG => get),
    operation!(requests::LIST_FUNCTION_URL_CONFIGS => list),
    operation!(requests::UPDATE_FUNCTION_URL_CONFIG => update),
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UrlRequest {
    auth_type: Option<String>,
    cors: Option<Cors>,
    invoke_mode: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Cors {
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_credentials: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_headers: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_methods: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_origins: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expose_headers: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<u32>,
}

impl From<Cors> for urls::Cors {
    fn from(cors: Cors) -> Self {
        Self {
            allow_credentials: cors.allow_credentials,
            allow_headers: cors.allow_headers,
            allow_methods: cors.allow_methods,
            allow_origins: cors.allow_origins,
            expose_headers: cors.expose_headers,
            max_age_s: cors.max_age,
        }
    }
}

impl From<&urls::Cors> for Cors {
    fn from(cors: &urls::Cors) -> Self {
        Self {
            allow_credentials: cors.allow_credentials,
            allow_headers: cors.allow_headers.clone(),
            allow_methods: cors.allow_methods.clone(),
            allow_origins: cors.allow_origins.clone(),
            expose_headers: cors.expose_headers.clone(),
            max_age: cors.max_age_s,
        }
    }
}

/// `FunctionUrlConfig` and the answers to single calls, which lack one or the other member.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct FunctionUrlConfig<'a> {
    function_url: String,
    function_arn: String,
    auth_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cors: Option<Cors>,
    creation_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_modified_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invoke_mode: Option<&'a str>,
}

impl<'a> FunctionUrlConfig<'a> {
    fn new(call: &Call, key: &FunctionKey, alias: Option<&AliasName>, url: &'a FunctionUrl) -> Self {
        Self {
            function_url: address(call.header("host"), key, url),
            function_arn: arn(key, alias),
            auth_type: &url.auth_type,
            cors: url.cors.as_ref().map(Cors::from),
            creation_time: iso(url.created),
            last_modified_time: Some(iso(url.modified)),
            invoke_mode: Some(url.invoke_mode()),
        }
    }

    /// As the answers to creation and update show it: the mode only if it was ever given (recorded in
    /// `test_url_config_lifecycle`).
    fn changed(self, url: &'a FunctionUrl) -> Self {
        Self { invoke_mode: url.invoke_mode.as_deref(), ..self }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct UrlList<'a> {
    function_url_configs: Vec<FunctionUrlConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

/// `CreateFunctionUrlConfig`.
pub async fn create(services: &Services, mut call: Call) -> Answer {
    let (key, alias) = target(call.function()?);
    let request: UrlRequest = call.parse()?;
    let command = UrlCommand::CreateUrl(CreateUrl {
        key: key.clone(),
        alias: alias.clone(),
        auth_type: request.auth_type.unwrap_or_default(),
        cors: request.cors.map(urls::Cors::from),
        invoke_mode: request.invoke_mode,
    });
    let committed = services.commit(command, call.origin(), None).await?;
    let function = committed.state.function(&key).ok_or_else(function_not_found)?;
    let url = function.urls.get(&alias).ok_or_else(ApiError::no_such_resource)?;
    let shown = FunctionUrlConfig::new(&call, &key, alias.as_ref(), url).changed(url);

    json(StatusCode::CREATED, &FunctionUrlConfig { last_modified_time: None, ..shown })
}

/// `UpdateFunctionUrlConfig`.
pub async fn update(services: &Services, mut call: Call) -> Answer {
    let (key, alias) = target(call.function()?);
    let request: UrlRequest = call.parse()?;
    let command = UrlCommand::UpdateUrl(UpdateUrl {
        key: key.clone(),
        alias: alias.clone(),
        auth_type: request.auth_type,
        cors: request.cors.map(urls::Cors::from),
        invoke_mode: request.invoke_mode,
    });
    let committed = services.commit(command, call.origin(), None).await?;
    let function = committed.state.function(&key).ok_or_else(function_not_found)?;
    let url = function.urls.get(&alias).ok_or_else(ApiError::no_such_resource)?;

    json(StatusCode::OK, &FunctionUrlConfig::new(&call, &key, alias.as_ref(), url).changed(url))
}

/// `GetFunctionUrlConfig`.
pub async fn get(services: &Services, call: Call) -> Answer {
    let (key, alias) = target(call.function()?);
    let state = services.ledger.state();
    let url =
        state.function(&key).and_then(|function| function.urls.get(&alias)).ok_or_else(ApiError::no_such_resource)?;
    json(StatusCode::OK, &FunctionUrlConfig::new(&call, &key, alias.as_ref(), url))
}

/// `DeleteFunctionUrlConfig`.
pub async fn delete(services: &Services, call: Call) -> Answer {
    let (key, alias) = target(call.function()?);
    services.commit(UrlCommand::DeleteUrl { key, alias }, call.origin(), None).await?;
    no_content()
}

/// `ListFunctionUrlConfigs`.
pub async fn list(services: &Services, call: Call) -> Answer {
    let key = call.function()?.key;
    let state = services.ledger.state();
    let function = state.function(&key).ok_or_else(function_not_found)?;
    let urls = function.urls.iter().map(|(alias, url)| FunctionUrlConfig::new(&call, &key, alias.as_ref(), url));
    let (function_url_configs, next_marker) = paging::by_arn(&call, urls, |url| url.function_arn.clone());
    json(StatusCode::OK, &UrlList { function_url_configs, next_marker })
}

/// What a reference names: the function or an alias. The shapes let no version through; one would be
/// an alias that is not there.
fn target(reference: FunctionReference) -> (FunctionKey, Option<AliasName>) {
    (reference.key, reference.qualifier.map(|qualifier| qualifier.to_string().into()))
}

/// The URL: a name under `localhost`, which is this machine wherever names are looked up, with the port
/// that the caller used.
fn address(host: &str, key: &FunctionKey, url: &FunctionUrl) -> String {
    let is_port = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = host.rsplit_once(':').map(|(_, port)| port).filter(|port| is_port(port));
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    format!("http://{}.lambda-url.{}.localhost{port}/", url.id, key.scope.region)
}

/// A time as these operations show it (`2024-10-01T12:27:05.457Z`; AWS's has more digits).
fn iso(time: Timestamp) -> String {
    time.to_string().replace("+0000", "Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::names::Scope;

    #[test]
    fn a_url_has_the_callers_port() {
        let key = FunctionKey {
            scope: Scope { account: "000000000000".into(), region: "eu-west-1".into() },
            name: "f".into(),
        };
        let created = Timestamp(0);
        let modified = Timestamp(0);
        let url = FunctionUrl {
            id: "abc".into(),
            auth_type: "NONE".into(),
            cors: None,
            invoke_mode: None,
            created,
            modified,
        };
        for (host, port) in [("127.0.0.1:4566", ":4566"), ("[::1]:80", ":80"), ("larder", ""), ("", ""), ("x:y", "")] {
            let wanted = format!("http://abc.lambda-url.eu-west-1.localhost{port}/");
            assert_eq!(address(host, &key, &url), wanted, "{host}");
        }
        assert_eq!(iso(Timestamp(1_764_038_324_007)), "2025-11-25T02:38:44.007Z");
    }
}
