//! AWS's wire protocol: routing, scope, shapes, errors; one file a resource.

pub mod account;
pub mod aliases;
mod asked;
pub mod call;
pub mod capacity_providers;
pub mod code;
pub mod code_signing;
pub mod concurrency;
pub mod configuration;
pub mod durable_executions;
pub mod error;
pub mod event_invoke;
pub mod event_sources;
mod event_stream;
pub mod function_modes;
mod function_request;
pub mod function_settings;
pub mod functions;
pub mod invocations;
pub mod layers;
pub mod operation;
pub mod paging;
pub mod patterns;
pub mod policies;
pub mod resource_policies;
pub mod router;
pub mod scaling;
pub mod shape;
pub mod sigv4;
pub mod tags;
pub mod urls;
pub mod versions;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::Serialize;
use tracing::Instrument as _;

use crate::blobs::BlobStore;
use crate::environments::hot_reload::HotReload;
use crate::invoke::Invoker;
use crate::ledger::{Attachment, CommitError, Committed, Ledger};
use crate::model::command::Command;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::event::Origin;
use crate::model::limits::Limits;
use crate::model::time::Timestamp;
use crate::upstream::{LayerLibrary, Upstream};

/// Header with the request id of every answer.
const REQUEST_ID: &str = "x-amzn-requestid";

/// Bytes of a body that are read although no operation wants them.
const UNROUTED_BODY: usize = 1024 * 1024;

/// What operations work with.
#[derive(Debug)]
pub struct Services {
    /// The state and its history.
    pub ledger: Arc<Ledger>,
    /// Code packages.
    pub blobs: Arc<BlobStore>,
    /// Runs functions.
    pub invoker: Arc<Invoker>,
    /// Quotas.
    pub limits: Limits,
    /// Endpoints of other services.
    pub upstream: Arc<Upstream>,
    /// Folders that functions run from.
    pub hot_reload: Arc<HotReload>,
    /// Layers of other accounts.
    pub layer_library: Option<LayerLibrary>,
    /// Whether creations and updates are answered when they are done (`LAMBDA_SYNCHRONOUS_CREATE`).
    pub synchronous: bool,
}

/// The Lambda API.
#[derive(Debug)]
pub struct Api {
    services: Arc<Services>,
    router: router::Router,
}

impl Api {
    /// The API over its services.
    pub fn new(services: Arc<Services>) -> Self {
        Self { services, router: router::Router::default() }
    }

    /// Whether a path is one of Lambda's, whatever the method.
    pub fn has_path(&self, path: &str) -> bool {
        self.router.has_path(path)
    }

    /// Answers one HTTP request.
    pub async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let request_id = uuid::Uuid::new_v4().to_string();
        let span = tracing::info_span!("call", request_id, operation = tracing::field::Empty);
        let answered = self.answer(request, &request_id).instrument(span.clone()).await;
        let mut response = answered.unwrap_or_else(|error| {
            // Not the text: it quotes the request, and with it values of variables.
            span.in_scope(|| tracing::debug!(error = error.code.name(), "refused"));
            error::response(&error)
        });
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }

    async fn answer(&self, request: Request<Body>, request_id: &str) -> operation::Answer {
        let (parts, body) = request.into_parts();
        let found = self.router.find(&parts.method, parts.uri.path(), parts.uri.query().unwrap_or_default());
        let (operation, params) = match found {
            Ok(route) => route,
            Err(error) => {
                // A body that is left unread ends the connection, and with it the caller's next request.
                let _ = Limited::new(body, UNROUTED_BODY).collect().await;
                return Err(error);
            }
        };
        tracing::Span::current().record("operation", operation.name);
        let body = self.read(body, operation).await?;
        let call = call::Call::bind(operation, &params, parts, body, request_id)?;
        self.check_account(&call)?;
        (operation.handler)(&self.services, call).await
    }

    /// Refuses a function of another account, unless it is there: a caller cannot tell whether such a
    /// function exists that it has no permission for (recorded in `test_function_arns`). Larder verifies
    /// no identities, so one that exists may be used (`test_cross_region_arn_function_access`).
    fn check_account(&self, call: &call::Call) -> Result<(), ApiError> {
        if call.text("FunctionName").is_none() {
            return Ok(());
        }
        let key = call.function()?.key;
        if key.scope.account != call.scope.account && self.services.ledger.state().function(&key).is_none() {
            return Err(ApiError::silent(ErrorCode::AccessDenied));
        }
        Ok(())
    }

    /// Reads a body, at most as much as the largest request may have.
    async fn read(&self, body: Body, operation: &operation::Operation) -> Result<bytes::Bytes, ApiError> {
        let limit = self.services.limits.create_function_request_size;
        let read = Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX)).collect().await;
        read.map(http_body_util::Collected::to_bytes).map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => ApiError::new(
                ErrorCode::RequestEntityTooLarge,
                format!("Request must be smaller than {limit} bytes for the {} operation", operation.name),
            ),
            None => ApiError::new(ErrorCode::InvalidRequestContent, "The request body could not be read"),
        })
    }
}

impl Services {
    /// Commits a command; an unexpected fault is logged here, once, and told without its source.
    pub async fn commit(
        &self,
        command: impl Into<Command>,
        origin: Origin,
        attachment: Option<Attachment>,
    ) -> Result<Committed, ApiError> {
        self.ledger.commit(command.into(), origin, attachment).await.map_err(|error| match error {
            CommitError::Refused(error) => error,
            CommitError::Closed => ApiError::new(ErrorCode::ServiceUnavailable, "The server is shutting down."),
            CommitError::Storage(_) => fault(&error),
        })
    }
}

/// Now.
fn clock() -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

/// The day, `YYYYMMDD`, as signatures have it.
pub fn today() -> String {
    clock().date().replace('-', "")
}

/// `ServiceException` for a fault of ours; its source goes to the log, never to the caller.
pub fn fault(error: &dyn std::error::Error) -> ApiError {
    tracing::error!(%error, "the call failed for a reason of Larder's own");
    ApiError::new(
        ErrorCode::Service,
        "An internal error occurred. The server's log has the reason under this request id.",
    )
}

/// A JSON answer.
pub fn json(status: StatusCode, body: &impl Serialize) -> operation::Answer {
    let body = serde_json::to_vec(body).map_err(|error| fault(&error))?;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// An answer without a body.
pub fn no_content() -> operation::Answer {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}
