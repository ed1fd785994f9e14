//! Which service a call goes to: one that is served here, or an upstream endpoint.

use std::sync::Arc;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Request, Response};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Collected, LengthLimitError, Limited};
use tracing::Instrument as _;

use super::function_url::FunctionUrl;
use super::observed::{self, Observed};
use super::service::ServiceName;
use super::{Encrypted, Ends};
use crate::model::error::{ApiError, ErrorCode};
use crate::protocol::codec::{Codec, rpc_operation};
use crate::protocol::compatible::speaks_json;
use crate::protocol::form::Form;
use crate::protocol::operation::Operation;
use crate::protocol::refusal::{self, Protocol};
use crate::protocol::router::{Found, Router};
use crate::protocol::service::{Service, with_id};
use crate::protocol::{self, Received, sigv4, xml};
use crate::services::access::Access;
use crate::services::cloudwatch::{self, CloudWatch};
use crate::services::function_urls::{CameFrom, FunctionUrls};
use crate::services::logs::{self, Logs};
use crate::services::sqs::{self, Sqs};
use crate::services::{Services, cloudformation, iam, lambda, sts};
use crate::upstream::UpstreamError;

/// Bytes of a form: a policy of 128 KiB, each byte encoded as three.
const MAX_FORM: usize = 1024 * 1024;

/// Bytes of a body that are read although no operation wants them.
const UNROUTED_BODY: usize = 1024 * 1024;

/// What a request that names no service is called.
const NAMELESS: &str = "other";

/// How the services do what can be done in two ways.
#[derive(Debug, Clone, Copy)]
pub struct Ways {
    /// Whether templates go to the upstream unseen.
    pub pass_cloudformation: bool,
    /// Whether the name of a deleted queue cannot be used for a minute, as on AWS.
    pub delays_queues: bool,
}

/// The services behind the one port, and the way to all others.
#[derive(Debug)]
pub struct Dispatch {
    services: Arc<Services>,
    logs: Logs,
    sqs: Sqs,
    cloudwatch: CloudWatch,
    urls: FunctionUrls,
    lambda: Router<Services>,
    /// Whether templates go to the upstream unseen.
    pass_cloudformation: bool,
}

impl Dispatch {
    /// Over what the services work with.
    pub fn new(services: Arc<Services>, ways: Ways) -> Self {
        let logs = Logs::new(Arc::clone(&services.ledger), Arc::clone(&services.access));
        let sqs = Sqs::new(Arc::clone(&services), ways.delays_queues);
        let cloudwatch = CloudWatch::new(Arc::clone(&services));
        let urls = FunctionUrls::new(Arc::clone(&services));
        let lambda = Router::new(&lambda::SERVICE);
        Self { services, logs, sqs, cloudwatch, urls, lambda, pass_cloudformation: ways.pass_cloudformation }
    }

    /// Has calls that wait for something to come wait no longer.
    pub fn end_waits(&self) {
        self.sqs.end_waits();
    }

    /// Answers a request, whichever service it is for.
    pub async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let (service, request) = ServiceName::of(request).await;
        let service =
            if self.is_for_others(&service, &request) { ServiceName::Other(NAMELESS.to_owned()) } else { service };

        let Some(draft) = observed::caller(&self.services.invoker, request.headers()) else {
            return self.asked(&service, request).await;
        };
        let request = match observed::replayed(&draft, &service, request).await {
            Ok(answer) => return answer,
            Err(request) => request,
        };
        let (call, request) = Observed::begin(draft, &service, request);
        call.answered(self.asked(&service, request).await)
    }

    async fn asked(&self, service: &ServiceName, request: Request<Body>) -> Response<Body> {
        let request_id = uuid::Uuid::new_v4().to_string();
        let span =
            tracing::info_span!("call", request_id, service = service.as_str(), operation = tracing::field::Empty);
        self.answer(service, request, &request_id).instrument(span).await
    }

    /// Answers a request to a function's URL.
    pub async fn call_url(&self, url: &FunctionUrl, request: Request<Body>) -> Response<Body> {
        let is_encrypted = request.extensions().get::<Encrypted>().is_some();
        let (port, scheme) = if is_encrypted { (443, "https") } else { (80, "http") };
        let from = match request.extensions().get::<Ends>() {
            Some(ends) => CameFrom { ip: ends.other.ip(), port: ends.own.port(), scheme },
            // A function's, by one of the ports of AWS's names or by its own.
            None => CameFrom { port, scheme, ..CameFrom::default() },
        };
        let request_id = uuid::Uuid::new_v4().to_string();
        let span = tracing::info_span!("url", request_id, id = url.named.id.as_str());
        let mut response = self.urls.answer(&url.named, from, request, &request_id).instrument(span).await;
        url.contain(&mut response);

        response
    }

    /// Answers with a package of code, for whoever has the URL that `GetFunction` gave.
    pub async fn download(&self, digest: &str) -> Response<Body> {
        let downloaded = lambda::code::download(&self.services, digest).await;
        downloaded.unwrap_or_else(|error| protocol::error::response(&error))
    }

    /// Whether a request that says no service goes to the upstream: one that nobody signed, whose path is none of
    /// Lambda's.
    fn is_for_others(&self, service: &ServiceName, request: &Request<Body>) -> bool {
        let path = request.uri().path();
        *service == ServiceName::Lambda
            && sigv4::service(request.headers()).is_none()
            && !["/_larder/", "/_localstack/"].iter().any(|own| path.starts_with(own))
            && !self.lambda.has_path(path)
            && self.services.upstream.endpoint(NAMELESS).is_some()
    }

    async fn answer(&self, service: &ServiceName, request: Request<Body>, request_id: &str) -> Response<Body> {
        match service {
            ServiceName::Lambda => self.ask_lambda(request, request_id).await,
            ServiceName::Sts => self.ask_by_form(&sts::SERVICE, service, request, request_id).await,
            // Half of it here and half there would be two accounts: it is all there if it has an endpoint of its own.
            ServiceName::Iam | ServiceName::Sqs if self.services.upstream.has_own(service.as_str()) => {
                self.pass(service, request, request_id).await
            }
            ServiceName::Iam => self.ask_by_form(&iam::SERVICE, service, request, request_id).await,
            ServiceName::Logs => self.ask_logs(request, request_id).await,
            ServiceName::Sqs => self.ask_sqs(request, request_id).await,
            ServiceName::CloudWatch => self.ask_cloudwatch(request, request_id).await,
            ServiceName::Other(name) if name == cloudformation::SERVICE && !self.pass_cloudformation => {
                self.look_into_template(service, request, request_id).await
            }
            ServiceName::Other(_) => self.pass(service, request, request_id).await,
        }
    }

    async fn ask_lambda(&self, request: Request<Body>, request_id: &str) -> Response<Body> {
        let refuse = |error| lambda::SERVICE.refuse(Codec::RestJson, &error, request_id);
        let (parts, body) = request.into_parts();
        let found = self.lambda.find(&parts.method, parts.uri.path(), parts.uri.query().unwrap_or_default());
        let (operation, params): Found<Services> = match found {
            Ok(found) => found,
            Err(error) => {
                // A body that is left unread ends the connection, and with it the caller's next request.
                let _ = Limited::new(body, UNROUTED_BODY).collect().await;
                return refuse(error);
            }
        };
        tracing::Span::current().record("operation", operation.request.name);

        match self.lambda_body(body, operation.request.name).await {
            Ok(body) => {
                let received = Received::new(parts, body, params, request_id);
                self.run(("lambda", &lambda::SERVICE), operation, &*self.services, received).await
            }
            Err(error) => refuse(error),
        }
    }

    /// Reads a body, at most as much as Lambda's largest request may have.
    async fn lambda_body(&self, body: Body, operation: &str) -> Result<Bytes, ApiError> {
        let limit = self.services.limits.create_function_request_size;
        let read = Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX)).collect().await;
        read.map(Collected::to_bytes).map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => ApiError::new(
                ErrorCode::RequestEntityTooLarge,
                format!("Request must be smaller than {limit} bytes for the {operation} operation"),
            ),
            None => ApiError::new(ErrorCode::InvalidRequestContent, "The request body could not be read"),
        })
    }

    /// Answers a call of a service whose operations are named in forms; one that it has not is passed on, where
    /// there is an endpoint for it.
    async fn ask_by_form(
        &self,
        served: &'static Service<Services>,
        service: &ServiceName,
        request: Request<Body>,
        request_id: &str,
    ) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let codec = served.codec(&parts);
        let body = match Limited::new(body, MAX_FORM).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => {
                let message = format!("The request could not be read: {error}");
                return served.refuse(codec, &ApiError::new(ErrorCode::ValidationError, message), request_id);
            }
        };

        let form = Form::of(&parts, &body);
        let action = form.get("Action").unwrap_or_default();
        if let Some(operation) = served.operation(action) {
            tracing::Span::current().record("operation", operation.request.name);
            let received = Received::new(parts, body, Vec::new(), request_id);
            return self.run((service.as_str(), served), operation, &*self.services, received).await;
        }

        // Where both have the same things, as with IAM, two halves would contradict each other.
        let passes_the_rest = *service == ServiceName::Sts;
        if passes_the_rest && self.services.upstream.endpoint(service.as_str()).is_some() {
            return self.pass(service, whole(parts, body), request_id).await;
        }
        served.refuse(codec, &unknown_action(service, action, passes_the_rest), request_id)
    }

    async fn ask_logs(&self, request: Request<Body>, request_id: &str) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let codec = logs::SERVICE.codec(&parts);
        let name = rpc_operation(logs::TARGET, &parts);
        let operation = name.and_then(|name| logs::SERVICE.operation(name));
        if operation.is_none() && self.services.upstream.endpoint(ServiceName::Logs.as_str()).is_some() {
            return self.pass(&ServiceName::Logs, Request::from_parts(parts, body), request_id).await;
        }

        let Ok(body) = Limited::new(body, logs::MAX_REQUEST).collect().await.map(Collected::to_bytes) else {
            return logs::SERVICE.refuse(codec, &logs::unreadable_body(), request_id);
        };
        let Some(operation) = operation else {
            return logs::SERVICE.refuse(codec, &logs::not_served(name.unwrap_or_default()), request_id);
        };
        tracing::Span::current().record("operation", operation.request.name);
        let received = Received::new(parts, body, Vec::new(), request_id);

        self.run((ServiceName::Logs.as_str(), &logs::SERVICE), operation, &self.logs, received).await
    }

    /// Runs an operation for a caller who may call at all.
    async fn run<S>(
        &self,
        (name, service): (&str, &'static Service<S>),
        operation: &'static Operation<S>,
        over: &S,
        mut received: Received,
    ) -> Response<Body> {
        let state = self.services.ledger.state();
        let request = (&received.parts, &received.body[..]);
        match self.services.access.caller(&state, name, operation.request.name, request) {
            Ok(caller) => received.caller = caller,
            Err(failure) => {
                let codec = service.codec(&received.parts);
                return service.refuse(codec, &Access::refusal(failure, codec.has_query_codes()), &received.request_id);
            }
        }
        drop(state);

        service.run(operation, over, received).await
    }

    /// Answers a call of SQS in either of its protocols. A queue's URL is where it may be sent, too.
    async fn ask_sqs(&self, request: Request<Body>, request_id: &str) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let codec = sqs::SERVICE.codec(&parts);
        let Ok(body) = Limited::new(body, sqs::MAX_REQUEST).collect().await.map(Collected::to_bytes) else {
            return sqs::SERVICE.refuse(codec, &sqs::unreadable_body(), request_id);
        };

        let in_json = speaks_json(&parts);
        let name = if in_json {
            rpc_operation(sqs::TARGET, &parts).unwrap_or_default().to_owned()
        } else {
            Form::of(&parts, &body).get("Action").unwrap_or_default().to_owned()
        };
        let Some(operation) = sqs::SERVICE.operation(&name) else {
            return sqs::SERVICE.refuse(codec, &sqs::not_served(&name, in_json), request_id);
        };
        tracing::Span::current().record("operation", operation.request.name);

        let path = Some(parts.uri.path()).filter(|path| sqs::is_queue_path(path));
        let params = path.map(|path| ("QueueUrl".to_owned(), path.to_owned())).into_iter().collect();
        let received = Received::new(parts, body, params, request_id);
        self.run((ServiceName::Sqs.as_str(), &sqs::SERVICE), operation, &self.sqs, received).await
    }

    /// Answers a call of `CloudWatch`; what is not about functions is passed on, where there is an endpoint for it.
    async fn ask_cloudwatch(&self, request: Request<Body>, request_id: &str) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let codec = cloudwatch::SERVICE.codec(&parts);
        let Ok(body) = Limited::new(body, cloudwatch::MAX_REQUEST).collect().await.map(Collected::to_bytes) else {
            return cloudwatch::SERVICE.refuse(codec, &cloudwatch::unreadable_body(), request_id);
        };

        let in_head = rpc_operation(cloudwatch::TARGET, &parts).map(str::to_owned);
        let name = in_head.or_else(|| Form::of(&parts, &body).get("Action").map(str::to_owned)).unwrap_or_default();
        let operation = cloudwatch::SERVICE.operation(&name);
        let is_ours = operation.is_some() && cloudwatch::is_about_functions(&parts, &body);
        let has_upstream = self.services.upstream.endpoint(ServiceName::CloudWatch.as_str()).is_some();
        if has_upstream && !is_ours {
            return self.pass(&ServiceName::CloudWatch, whole(parts, body), request_id).await;
        }
        let Some(operation) = operation else {
            return cloudwatch::SERVICE.refuse(codec, &cloudwatch::not_served(&name), request_id);
        };
        tracing::Span::current().record("operation", operation.request.name);

        let received = Received::new(parts, body, Vec::new(), request_id);
        let service = (ServiceName::CloudWatch.as_str(), &cloudwatch::SERVICE);
        self.run(service, operation, &self.cloudwatch, received).await
    }

    /// Passes a request of `CloudFormation` on, unless its template makes what would be missing here.
    async fn look_into_template(
        &self,
        service: &ServiceName,
        request: Request<Body>,
        request_id: &str,
    ) -> Response<Body> {
        if self.services.upstream.endpoint(service.as_str()).is_none() {
            return self.pass(service, request, request_id).await;
        }
        let (parts, body) = request.into_parts();
        match cloudformation::look_into(&self.services.upstream, &parts, body).await {
            Ok(body) => self.pass(service, whole(parts, body), request_id).await,
            Err(error) => {
                tracing::info!("a template was refused: CloudFormation of the upstream cannot make functions here");
                with_id(xml::error(&error, Some(cloudformation::NAMESPACE), request_id), request_id)
            }
        }
    }

    /// Passes a request on to the endpoint of its service.
    async fn pass(&self, service: &ServiceName, request: Request<Body>, request_id: &str) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let protocol = Protocol::of(service.as_str(), &parts);
        let state = self.services.ledger.state();
        let request = match self.services.access.vouch(&state, Request::from_parts(parts, body)).await {
            Ok(request) => request,
            Err(failure) => {
                let as_query = matches!(protocol, Protocol::Query | Protocol::Ec2 | Protocol::RestXml);
                return with_id(
                    refusal::response(&Access::refusal(failure, as_query), protocol, request_id),
                    request_id,
                );
            }
        };
        let passed = self.services.upstream.pass(service.as_str(), request).await;
        passed.unwrap_or_else(|error| {
            tracing::info!(%error, "not passed on");
            with_id(refusal::response(&not_passed(&error), protocol, request_id), request_id)
        })
    }
}

/// The error for a request that no endpoint took.
fn not_passed(error: &UpstreamError) -> ApiError {
    let code = match error {
        UpstreamError::NotGiven(_) => ErrorCode::NotServed,
        UpstreamError::NoAnswer { .. } | UpstreamError::Access { .. } => ErrorCode::UpstreamUnavailable,
    };
    ApiError::new(code, error.to_string())
}

/// The answer to a caller who may not come in, in its protocol as far as the head of its request shows that.
pub fn access_denied(message: String, parts: &Parts) -> Response<Body> {
    let service = ServiceName::of_head(&parts.headers, &parts.uri).unwrap_or(ServiceName::Lambda);
    let protocol = Protocol::of(service.as_str(), parts);
    let request_id = uuid::Uuid::new_v4().to_string();
    let response = match protocol {
        Protocol::RestJson => protocol::error::response(&ApiError::new(ErrorCode::AccessDenied, message)),
        Protocol::Json | Protocol::Cbor => {
            refusal::response(&ApiError::new(ErrorCode::AccessDenied, message), protocol, &request_id)
        }
        Protocol::Query | Protocol::Ec2 | Protocol::RestXml => {
            refusal::response(&ApiError::new(ErrorCode::QueryAccessDenied, message), protocol, &request_id)
        }
    };

    with_id(response, &request_id)
}

fn whole(parts: Parts, body: Bytes) -> Request<Body> {
    Request::from_parts(parts, Body::from(body))
}

fn unknown_action(service: &ServiceName, action: &str, passes_the_rest: bool) -> ApiError {
    let name = service.as_str();
    // Of one that is not to be in two halves, an endpoint of its own gets everything.
    let what = if passes_the_rest { "the rest" } else { "all of it, also what is here," };
    let message = format!(
        "Could not find operation {action} for {name}: Larder serves a part of {name} only. Start it with --upstream \
         {name}=URL to pass {what} on to an endpoint that serves it."
    );
    ApiError::new(ErrorCode::InvalidAction, message)
}
