//! Small services that users of Lambda need beside it: STS, IAM roles and policies, `CloudWatch` Logs;
//! and the way to all others, which an upstream endpoint serves.

pub mod iam;
pub mod logs;
pub mod query;
mod refusal;
pub mod service;
pub mod sts;
mod xml;

use std::sync::Arc;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Request, Response};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use tracing::Instrument as _;

use self::logs::Logs;
use self::query::{Form, QueryService};
use self::refusal::Protocol;
use self::service::Service;
use crate::api::{Api, Services, sigv4};
use crate::model::error::{ApiError, ErrorCode};

/// Bytes of a form: a policy of 128 KiB, each byte encoded as three.
const MAX_FORM: usize = 1024 * 1024;

/// Everything behind the one port but Larder's own endpoints.
#[derive(Debug)]
pub struct Neighbourhood {
    api: Arc<Api>,
    services: Arc<Services>,
    logs: Logs,
}

impl Neighbourhood {
    /// Lambda's API and its neighbours.
    pub fn new(api: Arc<Api>, services: Arc<Services>) -> Self {
        let logs = Logs::new(Arc::clone(&services.ledger));
        Self { api, services, logs }
    }

    /// Answers a request, whichever service it is for.
    pub async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let (service, request) = Service::of(request).await;
        if service == Service::Lambda {
            return self.api.handle(request).await;
        }
        let request_id = uuid::Uuid::new_v4().to_string();
        let span = tracing::info_span!("call", request_id, service = service.name(), operation = tracing::field::Empty);
        self.answer(&service, request, &request_id).instrument(span).await
    }

    async fn answer(&self, service: &Service, request: Request<Body>, request_id: &str) -> Response<Body> {
        match service {
            Service::Sts => self.query(&sts::SERVICE, service, request, request_id).await,
            Service::Iam => self.query(&iam::SERVICE, service, request, request_id).await,
            Service::Logs => self.ask_logs(request, request_id).await,
            Service::Lambda | Service::Other(_) => self.pass(service, request, request_id).await,
        }
    }

    /// Answers a call of an embedded service; an operation it has not is passed on, where there is an
    /// endpoint for it.
    async fn query(
        &self,
        embedded: &QueryService,
        service: &Service,
        request: Request<Body>,
        request_id: &str,
    ) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = match Limited::new(body, MAX_FORM).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => {
                let error =
                    ApiError::new(ErrorCode::ValidationError, format!("The request could not be read: {error}"));
                return xml::error(&error, Some(embedded.namespace), request_id);
            }
        };
        let form = Form::of(&parts, &body);
        let action = form.get("Action").unwrap_or_default();
        if let Some(operation) = embedded.operation(action) {
            tracing::Span::current().record("operation", operation.name);
            let response = embedded.run(operation, &self.services, &parts, &form, request_id).await;
            return with_request_id(response, request_id);
        }
        if self.services.upstream.endpoint(service.name()).is_none() {
            let error = unknown_action(service, action);
            return with_request_id(xml::error(&error, Some(embedded.namespace), request_id), request_id);
        }
        self.pass(service, whole(parts, body), request_id).await
    }

    async fn ask_logs(&self, request: Request<Body>, request_id: &str) -> Response<Body> {
        let (parts, body) = request.into_parts();
        match Limited::new(body, logs::MAX_REQUEST).collect().await {
            Ok(body) => self.logs.handle(&sigv4::caller(&parts.headers), request_id, &parts, body.to_bytes()).await,
            Err(_) => self.logs.refuse_body(&parts),
        }
    }

    /// Passes a request on to the endpoint of its service.
    async fn pass(&self, service: &Service, request: Request<Body>, request_id: &str) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let protocol = Protocol::of(service.name(), &parts);
        let passed = self.services.upstream.pass(service.name(), Request::from_parts(parts, body)).await;
        passed.unwrap_or_else(|error| {
            tracing::info!(%error, "not passed on");
            with_request_id(refusal::response(&refusal::of_upstream(&error), protocol, request_id), request_id)
        })
    }
}

fn whole(parts: Parts, body: Bytes) -> Request<Body> {
    Request::from_parts(parts, Body::from(body))
}

fn unknown_action(service: &Service, action: &str) -> ApiError {
    let name = service.name();
    let message = format!(
        "Could not find operation {action} for {name}: Larder serves a part of {name} only. Start it with --upstream \
         {name}=URL to pass the rest on to an endpoint that serves it."
    );
    ApiError::new(ErrorCode::InvalidAction, message)
}

fn with_request_id(mut response: Response<Body>, request_id: &str) -> Response<Body> {
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}
