//! Calls of the Extensions and Telemetry APIs. Texts as AWS's runtime interface emulator has them.

use larder_init::platform;
use serde_json::json;
use tokio::sync::oneshot;

use super::{Supervisor, now_ms};
use crate::api::{ApiAnswer, ExtensionRequest, SubscribeRequest};
use crate::extensions::{Extension, LIMIT, Refusal, Refused, State};

impl Supervisor {
    pub(super) async fn on_extension_call(&mut self, request: ExtensionRequest, reply: oneshot::Sender<ApiAnswer>) {
        match request {
            ExtensionRequest::Register { name, events, account } => {
                let answer = self.register(&name, &events, account);
                let _ = reply.send(answer);
                if let Err(outcome) = self.start_runtime() {
                    self.init_failed(outcome).await;
                }
            }
            ExtensionRequest::Next { id } => self.on_extension_next(&id, reply).await,
            ExtensionRequest::Error { id, init, error_type } => {
                self.on_extension_error(&id, init, error_type, reply).await;
            }
        }
    }

    fn register(&mut self, name: &str, events: &[String], account: bool) -> ApiAnswer {
        let (Some(start), Some(run)) = (&self.start, &mut self.run) else {
            return ApiAnswer::forbidden("Extension.RegistrationClosed", "Extension registration closed already");
        };
        match run.extensions.register(name, events, run.initialised) {
            Ok(id) => {
                let function = &start.function;
                let mut body = json!({
                    "functionName": function.name,
                    "functionVersion": function.version,
                    "handler": function.handler,
                });
                if account {
                    body["accountId"] = function.account_id.as_str().into();
                }
                ApiAnswer::Registered { id, body: body.to_string() }
            }
            Err(refused) => refusal(&refused, events),
        }
    }

    /// An extension is done with its event, and asks for the next one.
    async fn on_extension_next(&mut self, id: &str, reply: oneshot::Sender<ApiAnswer>) {
        let shutting = self.is_telling_shutdown();
        let shutdown = shutting.then(|| self.shutdown_event());
        let Some(extension) = self.run.as_mut().and_then(|run| run.extensions.find(id)) else {
            let _ = reply.send(unknown(id));
            return;
        };
        if !matches!(extension.state, State::Registered | State::Running | State::Ready(_)) {
            let _ = reply.send(wrong_state(extension, "Ready", id));
            return;
        }

        extension.state = State::Ready(reply);
        if let Some(event) = shutdown.filter(|_| extension.subscriptions.shutdown) {
            return extension.tell(event);
        }
        self.check_initialised().await;
        let works = self.run.as_ref().is_some_and(|run| run.extensions.working());
        let answered = self.invocation.as_ref().is_some_and(|invocation| invocation.answered);

        if answered && !works {
            self.drain_output();
            self.finish(larder_init::link::Outcome::Answered);
        }

        self.rest();
    }

    /// An extension cannot begin, or ends for a reason of its own.
    async fn on_extension_error(
        &mut self,
        id: &str,
        init: bool,
        error_type: Option<String>,
        reply: oneshot::Sender<ApiAnswer>,
    ) {
        let Some(error_type) = error_type else {
            let header = "Lambda-Extension-Function-Error-Type not found";
            let _ = reply.send(ApiAnswer::forbidden("Extension.MissingHeader", header));
            return;
        };
        let Some(extension) = self.run.as_mut().and_then(|run| run.extensions.find(id)) else {
            let _ = reply.send(ApiAnswer::forbidden(UNKNOWN, "Unknown Lambda-Extension-Identifier"));
            return;
        };
        let may = match (init, &extension.state) {
            (true, State::Registered) | (false, State::Registered | State::Running | State::Ready(_)) => true,
            (init, state) => matches!(state, State::InitError) && init || matches!(state, State::ExitError) && !init,
        };
        let (state, name) = if init { (State::InitError, "InitError") } else { (State::ExitError, "ExitError") };
        if !may {
            let _ = reply.send(wrong_state(extension, name, id));
            return;
        }
        let again = extension.error_type.is_some();
        extension.state = state;
        extension.error_type = Some(error_type.clone());
        let _ = reply.send(ApiAnswer::Accepted);
        if !again && self.ending.is_none() {
            self.extension_failed(&format!("Extension.{name}"), error_type).await;
        }
    }

    /// An extension subscribes to telemetry, which it may in the init phase.
    pub(super) fn on_subscribe(&mut self, request: SubscribeRequest, reply: oneshot::Sender<ApiAnswer>) {
        let SubscribeRequest { id, subscription } = request;
        let Some(extension) = self.run.as_mut().and_then(|run| run.extensions.find(&id)) else {
            let _ = reply.send(unknown(&id));
            return;
        };
        let name = extension.name.clone();
        if !self.telemetry.is_open() {
            let (kind, api) = if subscription.logs_api { ("Logs", "Logs") } else { ("Telemetry", "Telemetry") };
            let message = format!("{api} API subscription is closed already");
            let _ = reply.send(ApiAnswer::forbidden(&format!("{kind}.SubscriptionClosed"), &message));
            return;
        }

        let event = platform::subscription(now_ms(), subscription.logs_api, &name, &subscription.types());
        self.telemetry.subscribe(subscription);
        let _ = reply.send(ApiAnswer::Subscribed);
        self.tell(&event);
    }
}

/// The type of an error of an identifier that nobody has.
const UNKNOWN: &str = "Extension.UnknownExtensionIdentifier";

fn unknown(id: &str) -> ApiAnswer {
    ApiAnswer::forbidden(UNKNOWN, &format!("Unknown extension {id}"))
}

fn wrong_state(extension: &Extension, to: &str, who: &str) -> ApiAnswer {
    let from = extension.state.name();
    ApiAnswer::forbidden(
        "Extension.InvalidExtensionState",
        &format!(
            "State transition from {from} to {to} failed for extension {who}. Error: State transition is not allowed"
        ),
    )
}

fn refusal(refused: &Refused<'_>, events: &[String]) -> ApiAnswer {
    let event = |bad: fn(&&String) -> bool| events.iter().find(bad).map_or("", String::as_str).to_owned();
    match refused {
        Refused::State(extension) => wrong_state(extension, "Registered", &extension.name),
        Refused::Why(Refusal::ShutdownOfInternal) => ApiAnswer::forbidden(
            "Extension.InvalidEventType",
            "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension",
        ),
        Refused::Why(Refusal::UnknownEvent) => ApiAnswer::forbidden(
            "Extension.InvalidEventType",
            &format!("{}: InvalidEventType", event(|name| !["INVOKE", "SHUTDOWN"].contains(&name.as_str()))),
        ),
        Refused::Why(Refusal::Closed) => {
            ApiAnswer::forbidden("Extension.RegistrationClosed", "Extension registration closed already")
        }
        Refused::Why(Refusal::NameTaken) => {
            ApiAnswer::forbidden("Extension.InvalidExtensionState", "Extension with this name already registered")
        }
        Refused::Why(Refusal::TooMany) => {
            ApiAnswer::forbidden("Extension.TooManyExtensions", &format!("Extension limit ({LIMIT}) reached"))
        }
    }
}
