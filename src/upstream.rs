//! Other AWS-compatible endpoints, which serve what Larder does not.
//!
//! A request for such a service is passed through as it came, streaming both ways. Larder's own
//! needs, such as code in S3, go to the same endpoints.

mod access;
mod access_error;
mod account;
mod aws_chunked;
#[cfg(any(feature = "kafka", feature = "rabbitmq"))]
mod brokers;
mod client;
mod endpoints;
mod error_body;
mod functions;
mod identity;
mod json;
pub mod keys;
mod layer_library;
mod networks;
mod objects;
mod queues;
mod reachability;
mod recorder;
#[cfg(any(feature = "kafka", feature = "rabbitmq"))]
mod secrets;
mod signing;
mod sources;
mod streams;
mod targets;

use std::time::Duration;

use access::Access;
pub use access::AccessOptions;
pub use access_error::AccessError;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, Method, Request, Response, Uri, header};
#[cfg(any(feature = "kafka", feature = "rabbitmq"))]
#[cfg_attr(not(feature = "kafka"), allow(unused_imports, reason = "one alone is named by Kafka's sources only"))]
pub use brokers::{Broker, BrokerOption, BrokerProtocol, Brokers};
pub use endpoints::{Endpoint, Endpoints, UpstreamOption};
pub use functions::{LambdaCall, LambdaError};
use http_body_util::{BodyExt as _, Limited};
pub use json::ServiceError;
pub use layer_library::LayerLibrary;
pub use objects::{Object, ObjectError, Signer};
pub use queues::{QUEUE_BATCH, QueueAccess, QueueMessage, QueueMessageAttribute, Receive};
use reachability::Reachability;
pub use reachability::{Contact, Reached};
pub use recorder::RecorderError;
#[cfg(any(feature = "kafka", feature = "rabbitmq"))]
pub use secrets::{SecretFiles, SecretOption};
pub use signing::MAX_BODY;
pub use streams::{Page, Shard, Start, StreamAccess, StreamService};
pub use targets::{BusEvent, Outgoing};

/// How long it may take from the request to the head of its answer. The body of a request counts, and
/// calls such as a long poll wait on purpose.
const ANSWER: Duration = Duration::from_secs(300);

/// Bytes of an answer that Larder reads for its own needs.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// Headers that are about one connection and not about the request.
///
/// Source: <https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1>. `Expect` has been answered when the
/// body is read here.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    header::EXPECT,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// Why a request could not be passed on.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// No endpoint was given for the service.
    #[error(
        "Larder does not serve {0}, and no endpoint that does was given. Start it with --upstream {0}=URL, or with \
         --upstream URL for all services that it does not serve."
    )]
    NotGiven(String),
    /// The endpoint does not answer.
    #[error("The upstream endpoint {endpoint} for {service} did not answer: {reason}")]
    NoAnswer {
        /// Whose requests go there.
        service: String,
        /// The endpoint.
        endpoint: Endpoint,
        /// What happened.
        reason: String,
    },
    /// There is no way to the endpoint, or no key for it.
    #[error("The upstream endpoint {endpoint} cannot be used: {source}.")]
    Access {
        /// The endpoint.
        endpoint: Endpoint,
        /// Why not.
        source: AccessError,
    },
}

/// The endpoints and the client that speaks to them.
#[derive(Debug)]
pub struct Upstream {
    endpoints: Endpoints,
    access: Access,
    reachability: Reachability,
    #[cfg(any(feature = "kafka", feature = "rabbitmq"))]
    brokers: Brokers,
    #[cfg(any(feature = "kafka", feature = "rabbitmq"))]
    secret_files: SecretFiles,
}

impl Upstream {
    /// A client for `endpoints`.
    ///
    /// # Errors
    /// The certificates or the keys that were given cannot be read. Those of AWS Emulator may come later.
    pub fn new(endpoints: Endpoints, access: &AccessOptions) -> Result<Self, UpstreamError> {
        let access = Access::new(access, std::env::home_dir().as_deref());
        for endpoint in endpoints.all().filter(|endpoint| !endpoint.is_emulator()) {
            let usable = access.client(endpoint).and_then(|_| access.keys(endpoint));
            usable.map_err(|source| UpstreamError::Access { endpoint: endpoint.clone(), source })?;
        }
        let reachability = Reachability::of(endpoints.all());
        Ok(Self {
            endpoints,
            access,
            reachability,
            #[cfg(any(feature = "kafka", feature = "rabbitmq"))]
            brokers: Brokers::default(),
            #[cfg(any(feature = "kafka", feature = "rabbitmq"))]
            secret_files: SecretFiles::default(),
        })
    }

    /// With brokers, and files of the secrets that they are read with.
    #[cfg(any(feature = "kafka", feature = "rabbitmq"))]
    pub fn with_brokers(self, brokers: Brokers, secret_files: SecretFiles) -> Self {
        Self { brokers, secret_files, ..self }
    }

    /// The brokers that were given.
    #[cfg(any(feature = "kafka", feature = "rabbitmq"))]
    pub fn brokers(&self) -> &Brokers {
        &self.brokers
    }

    /// Each endpoint, and how it was found when it was last asked.
    pub fn reached(&self) -> Vec<Reached> {
        self.reachability.all()
    }

    /// Whether a service has an endpoint of its own, and not only that of all.
    pub fn has_own(&self, service: &str) -> bool {
        self.endpoints.has_own(service)
    }

    /// The endpoint for a service.
    pub fn endpoint(&self, service: &str) -> Option<&Endpoint> {
        self.endpoints.of(service)
    }

    /// The endpoint for all services that have none of their own.
    pub fn default_endpoint(&self) -> Option<&Endpoint> {
        self.endpoints.default_endpoint()
    }

    /// What was given, for people; empty if nothing was.
    pub fn summary(&self) -> String {
        self.endpoints.to_string()
    }

    /// Passes a request on and its answer back, both as they come.
    pub async fn pass(&self, service: &str, request: Request<Body>) -> Result<Response<Body>, UpstreamError> {
        let endpoint = self.given(service)?;
        let (mut parts, body) = request.into_parts();
        parts.uri = at(endpoint, &account::translate(&mut parts.headers, parts.uri));
        parts.version = axum::http::Version::HTTP_11;
        remove_hop_by_hop(&mut parts.headers);
        let mut response = self.send(service, endpoint, Request::from_parts(parts, body)).await?;
        remove_hop_by_hop(response.headers_mut());
        Ok(response)
    }

    fn given(&self, service: &str) -> Result<&Endpoint, UpstreamError> {
        self.endpoint(service).ok_or_else(|| UpstreamError::NotGiven(service.to_owned()))
    }

    /// Sends a request to an endpoint and waits for the head of its answer.
    async fn send(
        &self,
        service: &str,
        endpoint: &Endpoint,
        request: Request<Body>,
    ) -> Result<Response<Body>, UpstreamError> {
        let failed =
            |reason| UpstreamError::NoAnswer { service: service.to_owned(), endpoint: endpoint.clone(), reason };
        let no_access = |source| UpstreamError::Access { endpoint: endpoint.clone(), source };
        let client = self.access.client(endpoint).map_err(no_access)?;
        let request = match self.access.keys(endpoint).map_err(no_access)? {
            Some(keys) => signing::sign_anew(request, &keys).await.map_err(|error| failed(error.to_string()))?,
            None => request,
        };
        let reason = match tokio::time::timeout(ANSWER, client.request(request)).await {
            Ok(Ok(response)) => {
                self.reachability.answered(endpoint);
                return Ok(response.map(Body::new));
            }
            Ok(Err(error)) if is_callers(&error) => return Err(failed(innermost(&error))),
            Ok(Err(error)) => innermost(&error),
            Err(_) => format!("no answer within {} s", ANSWER.as_secs()),
        };
        self.reachability.failed(endpoint, &reason);

        Err(failed(reason))
    }
}

/// A call of a service whose calls all go to its root.
fn post(endpoint: &Endpoint, body: String) -> Request<Body> {
    let uri =
        Uri::builder().scheme(endpoint.scheme().clone()).authority(endpoint.authority().clone()).path_and_query("/");
    let mut request = Request::new(Body::from(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.build().expect("an authority and a path are a URI");
    request
}

/// The text of an answer.
///
/// # Errors
/// It broke off, or is longer than any that Larder asks for.
async fn text(service: &str, endpoint: &Endpoint, response: Response<Body>) -> Result<String, UpstreamError> {
    let failed = |reason: String| UpstreamError::NoAnswer {
        service: service.to_owned(),
        endpoint: endpoint.clone(),
        reason: format!("its answer could not be read: {reason}"),
    };
    let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
    body.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned()).map_err(|error| failed(error.to_string()))
}

/// The same path and query at an endpoint.
fn at(endpoint: &Endpoint, uri: &Uri) -> Uri {
    let mut parts = uri.clone().into_parts();
    parts.scheme = Some(endpoint.scheme().clone());
    parts.authority = Some(endpoint.authority().clone());
    parts.path_and_query.get_or_insert_with(|| axum::http::uri::PathAndQuery::from_static("/"));
    Uri::from_parts(parts).expect("a URI with scheme, authority and path is whole")
}

/// Takes away what is about the connection, and what `Connection` says is.
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}

/// Whether the caller's body broke off, which says nothing of the endpoint.
fn is_callers(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(<dyn std::error::Error>::is::<axum::Error>)
}

/// What is behind an error: the client's own words are "client error (Connect)".
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_and_query_stay_as_they_were_sent() {
        let endpoint: UpstreamOption = "http://other:5000".parse().expect("a URL");
        let uri: Uri = "/bucket/a%2Fb//c%20d?versionId=x%2By&empty=".parse().expect("a URI");
        let moved = at(&endpoint.endpoint, &uri);
        assert_eq!(moved.to_string(), "http://other:5000/bucket/a%2Fb//c%20d?versionId=x%2By&empty=");
    }

    #[test]
    fn headers_of_the_connection_are_taken_away() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("connection", "close, X-Mine"), ("x-mine", "1"), ("te", "x"), ("host", "s3.local")] {
            headers.insert(HeaderName::from_static(name), value.parse().expect("a value"));
        }
        remove_hop_by_hop(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["host"]);
    }
}
