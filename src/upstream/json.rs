//! Calls in AWS's JSON protocols, for Larder's own needs.

use axum::http::{HeaderValue, StatusCode, header};
use serde_json::Value;

use super::objects::Signer;
use super::{Upstream, UpstreamError, post, text};

/// Why another service did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Its service could not be asked.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// Its service refused; mostly, it is not there.
    #[error("{code}: {message}")]
    Refused {
        /// The service's error code.
        code: String,
        /// Its message.
        message: String,
    },
}

/// An operation of a service that speaks JSON.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operation {
    /// The service, as its signatures name it.
    pub service: &'static str,
    /// `X-Amz-Target`.
    pub target: &'static str,
    /// Of the protocol: `1.0` or `1.1`.
    pub version: &'static str,
}

impl Upstream {
    /// The text that an operation answers.
    pub(super) async fn json(
        &self,
        operation: Operation,
        input: &Value,
        signer: &Signer,
    ) -> Result<String, ServiceError> {
        let Operation { service, target, version } = operation;
        let endpoint = self.given(service)?;
        let mut request = post(endpoint, input.to_string());
        let headers = request.headers_mut();
        if let Ok(content) = HeaderValue::from_str(&format!("application/x-amz-json-{version}")) {
            headers.insert(header::CONTENT_TYPE, content);
        }
        headers.insert("x-amz-target", HeaderValue::from_static(target));
        signer.sign(service, headers);

        let response = self.send(service, endpoint, request).await?;
        let status = response.status();
        let body = text(service, endpoint, response).await?;
        if status == StatusCode::OK { Ok(body) } else { Err(refusal(status, &body)) }
    }
}

/// What a body says of an error; of one that cannot be read its status is told, and how it begins.
fn refusal(status: StatusCode, body: &str) -> ServiceError {
    let parsed: Value = serde_json::from_str(body).unwrap_or_default();
    let member = |names: [&str; 2]| names.iter().find_map(|name| parsed[*name].as_str()).map(str::to_owned);
    let code = member(["__type", "code"]).map(|code| code.rsplit('#').next().unwrap_or_default().to_owned());
    ServiceError::Refused {
        code: code.unwrap_or_else(|| status.as_u16().to_string()),
        message: member(["message", "Message"]).unwrap_or_else(|| body.chars().take(200).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_however_they_are_written() {
        let says = |body: &str| refusal(StatusCode::BAD_REQUEST, body).to_string();
        assert_eq!(
            says(r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}"#),
            "QueueDoesNotExist: The specified queue does not exist."
        );
        assert_eq!(says(r#"{"__type":"AccessDenied","Message":"no"}"#), "AccessDenied: no");
        assert_eq!(says("<html>"), "400: <html>");
    }
}
