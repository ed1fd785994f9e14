//! Lambda of an endpoint, where shadows of Larder's functions are kept.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use serde_json::Value;

use super::objects::Signer;
use super::{Endpoint, Upstream, UpstreamError, at, text};

/// The service.
const LAMBDA: &str = "lambda";

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Characters of an error that are told.
const TOLD: usize = 300;

/// The services whose triggers run functions, as their signatures name them.
const TRIGGERS: [&str; 15] = [
    "apigateway",
    "cloudformation",
    "cognito-idp",
    "elasticloadbalancing",
    "events",
    "execute-api",
    "iot",
    "logs",
    "pipes",
    "s3",
    "scheduler",
    "ses",
    "sns",
    "sqs",
    "states",
];

/// A call of Lambda's API.
#[derive(Debug, Clone)]
pub struct LambdaCall {
    /// What is done.
    pub method: Method,
    /// To what, with the query.
    pub path: String,
    /// The input, or what a function is sent.
    pub body: Option<Value>,
}

/// Why Lambda of an endpoint did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LambdaError {
    /// It could not be asked.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// It took too long.
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Late,
    /// It refused.
    #[error("{status}: {message}")]
    Refused {
        /// The status of its answer.
        status: StatusCode,
        /// What it said, and no more than a person reads.
        message: String,
    },
}

impl LambdaError {
    /// Whether it said that there is no such thing.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::NOT_FOUND, .. })
    }

    /// Whether something stands in the way, such as a change that is not over.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::CONFLICT, .. })
    }
}

impl Upstream {
    /// The endpoints of services whose triggers run functions, each once. AWS is none of them: what is made there is
    /// nobody's toy.
    pub fn triggers(&self) -> Vec<Endpoint> {
        let mut found: Vec<Endpoint> = Vec::new();
        let of_all = self.endpoints.default_endpoint();
        for endpoint in TRIGGERS.iter().filter_map(|service| self.endpoints.of(service)).chain(of_all) {
            if !found.contains(endpoint) && !super::signing::is_aws(endpoint.authority().host()) {
                found.push(endpoint.clone());
            }
        }
        found
    }

    /// What Lambda of an endpoint answers to a call; `Null` where it answers nothing. A function that failed is a refusal.
    pub async fn lambda(&self, endpoint: &Endpoint, call: LambdaCall, signer: &Signer) -> Result<Value, LambdaError> {
        let asked = self.ask_lambda(endpoint, call, signer);
        tokio::time::timeout(PATIENCE, asked).await.unwrap_or(Err(LambdaError::Late))
    }

    async fn ask_lambda(&self, endpoint: &Endpoint, call: LambdaCall, signer: &Signer) -> Result<Value, LambdaError> {
        let refused = |status, message: &str| LambdaError::Refused { status, message: shortened(message) };
        let Ok(uri) = call.path.parse() else { return Err(refused(StatusCode::BAD_REQUEST, "no path")) };
        let mut request = Request::new(call.body.map_or_else(Body::empty, |body| Body::from(body.to_string())));
        *request.method_mut() = call.method;
        *request.uri_mut() = at(endpoint, &uri);
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        signer.sign(LAMBDA, request.headers_mut());

        let response = self.send(LAMBDA, endpoint, request).await?;
        let status = response.status();
        let has_failed = response.headers().contains_key("x-amz-function-error");
        let body = text(LAMBDA, endpoint, response).await?;
        if !status.is_success() || has_failed {
            return Err(refused(status, &said(&body)));
        }
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&body).map_err(|_| refused(status, &format!("this is no answer of Lambda: {body}")))
    }
}

/// What an error's body says for people.
fn said(body: &str) -> String {
    let parsed: Value = serde_json::from_str(body).unwrap_or_default();
    let members = ["message", "Message", "errorMessage"];
    let told = members.iter().find_map(|name| parsed[*name].as_str()).map(str::to_owned);
    told.unwrap_or_else(|| body.to_owned())
}

fn shortened(text: &str) -> String {
    text.chars().take(TOLD).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::{AccessOptions, Endpoints};

    fn triggers(options: &[&str]) -> Vec<String> {
        let options = options.iter().map(|text| text.parse().expect("an option"));
        let endpoints = Endpoints::new(options).expect("endpoints");
        let upstream = Upstream::new(endpoints, &AccessOptions::default()).expect("is one");
        upstream.triggers().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn triggers_are_where_their_services_are_and_never_at_aws() {
        assert_eq!(triggers(&["http://all:1"]), ["http://all:1"]);
        assert_eq!(triggers(&["sns=http://one:1", "events=http://one:1", "s3=http://two:2"]).len(), 2);
        assert_eq!(triggers(&["kinesis=http://one:1"]), [""; 0]);
        assert_eq!(triggers(&["sqs=https://sqs.eu-west-1.amazonaws.com"]), [""; 0]);
    }

    #[test]
    fn errors_are_told_in_their_own_words() {
        assert_eq!(said(r#"{"Type":"User","Message":"no"}"#), "no");
        assert_eq!(said(r#"{"errorMessage":"so be it"}"#), "so be it");
        assert_eq!(said("<html>"), "<html>");
        assert_eq!(shortened(&"é".repeat(TOLD + 1)).chars().count(), TOLD);
    }
}
