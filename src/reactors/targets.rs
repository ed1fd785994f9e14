//! Where deliveries go: functions and queues of the house, and what the upstream has.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use crate::clock;
use crate::messages::{Messages, MessagesError, NewMessage};
use crate::model::arn::Arn;
use crate::model::queues::QueueKey;
use crate::model::reference::FunctionReference;
use crate::runs::command::RunCommand;
use crate::runs::deliveries::{Delivery, DeliveryKind};
use crate::runs::messages::{AttributeValue, MessageAttribute};
use crate::runs::{RunId, WaitingEvent};
use crate::upstream::{BusEvent, Outgoing, ServiceError, Signer, Upstream, UpstreamError};

/// Why a delivery was not made.
#[derive(Debug)]
pub enum Refusal {
    /// Whoever takes it could not be asked.
    NotNow(String),
    /// It is not taken, or nobody is there.
    Never(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::NotNow(reason) | Self::Never(reason)) = self;
        f.write_str(reason)
    }
}

impl From<ServiceError> for Refusal {
    fn from(error: ServiceError) -> Self {
        match &error {
            ServiceError::Upstream(UpstreamError::NoAnswer { .. }) => Self::NotNow(error.to_string()),
            ServiceError::Refused { code, .. } if code.starts_with('5') => Self::NotNow(error.to_string()),
            ServiceError::Upstream(_) | ServiceError::Refused { .. } => Self::Never(error.to_string()),
        }
    }
}

impl From<MessagesError> for Refusal {
    fn from(error: MessagesError) -> Self {
        match &error {
            MessagesError::Refused(_) => Self::Never(error.to_string()),
            _ => Self::NotNow(error.to_string()),
        }
    }
}

/// All that takes deliveries.
#[derive(Debug)]
pub struct Targets {
    messages: Arc<Messages>,
    upstream: Arc<Upstream>,
}

/// The attributes of a dead letter: the same for queues and topics (recorded in `test_dead_letter_queue`).
fn attributes(delivery: &Delivery) -> Vec<(&'static str, &'static str, &str)> {
    match &delivery.kind {
        DeliveryKind::OnSuccess | DeliveryKind::OnFailure => Vec::new(),
        DeliveryKind::DeadLetter { error_code, error_message } => {
            let mut attributes =
                vec![("RequestID", "String", delivery.request_id.as_str()), ("ErrorCode", "Number", error_code)];
            // An attribute cannot be empty.
            if !error_message.is_empty() {
                attributes.push(("ErrorMessage", "String", error_message));
            }
            attributes
        }
    }
}

impl Targets {
    /// Over the house's queues and the upstream.
    pub fn new(messages: Arc<Messages>, upstream: Arc<Upstream>) -> Self {
        Self { messages, upstream }
    }

    /// Makes a delivery; the command that notes it, which makes those to functions of the house.
    pub async fn deliver(&self, id: RunId, delivery: &Delivery, payload: &Bytes) -> Result<RunCommand, Refusal> {
        let none = || Refusal::Never(format!("{} is no ARN of anything that takes it", delivery.target));
        let arn = Arn::parse(&delivery.target).ok_or_else(none)?;
        match arn.service {
            "lambda" => return function(id, &arn, delivery, payload).ok_or_else(none),
            "sqs" => self.send(&arn, delivery, payload).await?,
            "sns" => {
                let attributes = attributes(delivery);
                let text = String::from_utf8_lossy(payload);
                let message =
                    Outgoing { body: &text, attributes: &attributes, trace_header: delivery.trace_id.as_deref() };
                self.upstream.publish(&delivery.target, message, &signer(&arn, delivery)).await?;
            }
            "events" => self.put_event(&arn, delivery, payload).await?,
            "s3" => self.put_object(&arn, delivery, payload).await?,
            _ => return Err(none()),
        }

        Ok(RunCommand::End(id))
    }

    /// Sends to a queue of the house, or of the upstream that has queues of its own.
    async fn send(&self, arn: &Arn<'_>, delivery: &Delivery, payload: &Bytes) -> Result<(), Refusal> {
        let attributes = attributes(delivery);
        let text = String::from_utf8_lossy(payload);
        if self.upstream.has_own("sqs") {
            let trace_header = delivery.trace_id.as_deref();
            let message = Outgoing { body: &text, attributes: &attributes, trace_header };
            let queue = (arn.resource, arn.account);
            return Ok(self.upstream.send_message(queue, message, &signer(arn, delivery)).await?);
        }

        let attribute = |(name, data_type, value): (&str, &str, &str)| {
            let value = AttributeValue::Text(value.to_owned());
            (name.to_owned(), MessageAttribute { data_type: data_type.to_owned(), value })
        };
        let message = NewMessage {
            body: text.into_owned(),
            attributes: attributes.into_iter().map(attribute).collect(),
            trace_header: delivery.trace_id.clone(),
            sender: delivery.function.scope.account.to_string(),
            ..NewMessage::default()
        };
        let queue = QueueKey { scope: arn.scope(), name: arn.resource.into() };
        if queue.is_fifo() {
            return Err(Refusal::Never("FIFO queues take no records of invocations".to_owned()));
        }
        self.messages.send(&queue, vec![message]).await?;
        Ok(())
    }

    /// Puts a record on a bus (recorded in `test_invoke_lambda_eventbridge`).
    async fn put_event(&self, arn: &Arn<'_>, delivery: &Delivery, payload: &Bytes) -> Result<(), Refusal> {
        let result = if delivery.kind == DeliveryKind::OnSuccess { "Success" } else { "Failure" };
        let event = BusEvent {
            bus: arn.resource.strip_prefix("event-bus/").unwrap_or(arn.resource),
            source: "lambda",
            detail_type: &format!("Lambda Function Invocation Result - {result}"),
            detail: &String::from_utf8_lossy(payload),
            resources: &[&delivery.target, &delivery.function_arn],
        };
        Ok(self.upstream.put_event(event, &signer(arn, delivery)).await?)
    }

    /// Puts a record into a bucket, under AWS's key.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
    async fn put_object(&self, arn: &Arn<'_>, delivery: &Delivery, payload: &Bytes) -> Result<(), Refusal> {
        let iso = clock::now().iso();
        let day = iso.get(..10).unwrap_or_default().replace('-', "/");
        let time = iso.get(..19).unwrap_or_default().replace(':', ".");
        let folder = delivery.folder.clone();
        let folder = folder.unwrap_or_else(|| format!("aws/lambda/async/{}", delivery.function.name));
        let key = format!("{folder}/{day}/{time}-{}", Uuid::new_v4());
        let signer = signer(arn, delivery);
        Ok(self.upstream.put_object((arn.resource, &key), payload.clone(), &signer).await?)
    }
}

/// Has a function of the house run, with the delivery as its event.
fn function(id: RunId, arn: &Arn<'_>, delivery: &Delivery, payload: &Bytes) -> Option<RunCommand> {
    let FunctionReference { key, qualifier } = FunctionReference::resolve(&arn.scope(), &delivery.target, None).ok()?;
    let event = WaitingEvent {
        qualifier,
        request_id: Uuid::new_v4().to_string(),
        trace_id: delivery.trace_id.clone(),
        ..WaitingEvent::of(key)
    };
    Some(RunCommand::Deliver { id, event: Box::new(event), payload: payload.clone() })
}

/// In whose name the upstream is asked: the target's account and region, and the function's where the target tells none.
fn signer(arn: &Arn<'_>, delivery: &Delivery) -> Signer {
    let of_function = &delivery.function.scope;
    let or = |told: &str, own: &str| if told.is_empty() { own.to_owned() } else { told.to_owned() };
    Signer {
        access_key_id: or(arn.account, of_function.account.as_str()),
        region: or(arn.region, of_function.region.as_str()),
        day: clock::now().date().replace('-', ""),
    }
}
