//! Small services that users of Lambda need beside it: STS, IAM roles and policies, `CloudWatch` Logs;
//! and the way to all others, which an upstream endpoint serves.

mod cloudformation;
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
use crate::api::{self, Api, Services, sigv4};
use crate::model::error::{ApiError, ErrorCode};

/// Bytes of a form: a policy of 128 KiB, each byte encoded as three.
const MAX_FORM: usize = 1024 * 1024;

/// Everything behind the one port but Larder's own endpoints.
#[derive(Debug)]
pub struct Neighbourhood {
    api: Arc<Api>,
    services: Arc<Services>,
    logs: Logs,
    /// Whether templates go to the upstream unseen.
    pass_cloudformation: bool,
}

/// What a request that names no service is called.
const NAMELESS: &str = "other";

impl Neighbourhood {
    /// Lambda's API and its neighbours. With `pass_cloudformation` the upstream gets every template.
    pub fn new(api: Arc<Api>, services: Arc<Services>, pass_cloudformation: bool) -> Self {
        let logs = Logs::new(Arc::clone(&services.ledger));
        Self { api, services, logs, pass_cloudformation }
    }

    /// Answers a request, whichever service it is for.
    pub async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let (service, request) = Service::of(request).await;
        let service =
            if self.is_for_others(&service, &request) { Service::Other(NAMELESS.to_owned()) } else { service };
        if service == Service::Lambda {
            return self.api.handle(request).await;
        }
        let request_id = uuid::Uuid::new_v4().to_string();
        let span = tracing::info_span!("call", request_id, service = service.name(), operation = tracing::field::Empty);
        self.answer(&service, request, &request_id).instrument(span).await
    }

    /// Whether a request that says no service goes to the upstream: one that nobody signed, whose path is none of
    /// Lambda's.
    fn is_for_others(&self, service: &Service, request: &Request<Body>) -> bool {
        let path = request.uri().path();
        *service == Service::Lambda
            && sigv4::service(request.headers()).is_none()
            && !path.starts_with("/_larder/")
            && !service::is_function_url(request)
            && !self.api.has_path(path)
            && self.services.upstream.endpoint(NAMELESS).is_some()
    }

    async fn answer(&self, service: &Service, request: Request<Body>, request_id: &str) -> Response<Body> {
        match service {
            Service::Sts => self.query(&sts::SERVICE, service, request, request_id).await,
            // Half of it here and half there would be two accounts: it is all there if it has an endpoint of its own.
            Service::Iam if self.services.upstream.has_own(service.name()) => {
                self.pass(service, request, request_id).await
            }
            Service::Iam => self.query(&iam::SERVICE, service, request, request_id).await,
            Service::Logs => self.ask_logs(request, request_id).await,
            Service::Other(name) if name == cloudformation::SERVICE && !self.pass_cloudformation => {
                self.look_into_template(service, request, request_id).await
            }
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
        let is_passed = embedded.passes_the_rest && self.services.upstream.endpoint(service.name()).is_some();
        if !is_passed {
            let error = unknown_action(service, action, embedded.passes_the_rest);
            return with_request_id(xml::error(&error, Some(embedded.namespace), request_id), request_id);
        }
        self.pass(service, whole(parts, body), request_id).await
    }

    async fn ask_logs(&self, request: Request<Body>, request_id: &str) -> Response<Body> {
        let (parts, body) = request.into_parts();
        if !Logs::serves(&parts) && self.services.upstream.endpoint(Service::Logs.name()).is_some() {
            return self.pass(&Service::Logs, Request::from_parts(parts, body), request_id).await;
        }
        match Limited::new(body, logs::MAX_REQUEST).collect().await {
            Ok(body) => self.logs.handle(&sigv4::caller(&parts.headers), request_id, &parts, body.to_bytes()).await,
            Err(_) => self.logs.refuse_body(&parts),
        }
    }

    /// Passes a request of `CloudFormation` on, unless its template makes what would be missing here.
    async fn look_into_template(&self, service: &Service, request: Request<Body>, request_id: &str) -> Response<Body> {
        if self.services.upstream.endpoint(service.name()).is_none() {
            return self.pass(service, request, request_id).await;
        }
        let (parts, body) = request.into_parts();
        match cloudformation::look_into(&self.services.upstream, &parts, body).await {
            Ok(body) => self.pass(service, whole(parts, body), request_id).await,
            Err(error) => {
                tracing::info!("a template was refused: CloudFormation of the upstream cannot make functions here");
                with_request_id(xml::error(&error, Some(cloudformation::NAMESPACE), request_id), request_id)
            }
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

/// The answer to a caller who may not come in, in its protocol as far as the head of its request shows that.
pub fn access_denied(message: String, parts: &Parts) -> Response<Body> {
    let service = Service::of_head(&parts.headers, &parts.uri).unwrap_or(Service::Lambda);
    let (protocol, request_id) = (Protocol::of(service.name(), parts), uuid::Uuid::new_v4().to_string());
    let response = match protocol {
        Protocol::RestJson => api::error::response(&ApiError::new(ErrorCode::AccessDenied, message)),
        Protocol::Json | Protocol::Cbor => {
            refusal::response(&ApiError::new(ErrorCode::AccessDenied, message), protocol, &request_id)
        }
        Protocol::Query | Protocol::Ec2 | Protocol::RestXml => {
            refusal::response(&ApiError::new(ErrorCode::QueryAccessDenied, message), protocol, &request_id)
        }
    };
    with_request_id(response, &request_id)
}

fn whole(parts: Parts, body: Bytes) -> Request<Body> {
    Request::from_parts(parts, Body::from(body))
}

fn unknown_action(service: &Service, action: &str, passes_the_rest: bool) -> ApiError {
    let name = service.name();
    // Of one that is not to be in two halves, an endpoint of its own gets everything.
    let what = if passes_the_rest { "the rest" } else { "all of it, also what is here," };
    let message = format!(
        "Could not find operation {action} for {name}: Larder serves a part of {name} only. Start it with --upstream \
         {name}=URL to pass {what} on to an endpoint that serves it."
    );
    ApiError::new(ErrorCode::InvalidAction, message)
}

fn with_request_id(mut response: Response<Body>, request_id: &str) -> Response<Body> {
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}
