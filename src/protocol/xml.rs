//! The XML of the query protocol: the only writer of its answers and errors.
//!
//! An answer to `GetRole` is `GetRoleResponse` with a `GetRoleResult` and the request id in it.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use quick_xml::escape::escape;
use quick_xml::se::Serializer;
use serde::Serialize;

use crate::model::error::{ApiError, ErrorCode, Fault};
use crate::model::time::Timestamp;

/// A list: each of its items is a `member`.
#[derive(Debug, Clone, Serialize)]
pub struct List<T> {
    member: Vec<T>,
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self { member: items.into_iter().collect() }
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(member: Vec<T>) -> Self {
        Self { member }
    }
}

/// A result without members; some answers have no result at all, which clients read alike.
#[derive(Debug, Serialize)]
pub struct Nothing {}

/// A time as the query protocol writes it: to the second.
pub fn time(time: Timestamp) -> String {
    let text = time.to_string();
    format!("{}Z", text.split('.').next().unwrap_or_default())
}

/// The answer of an operation.
pub fn answer(
    operation: &str,
    namespace: &str,
    result: &impl Serialize,
    request_id: &str,
) -> Result<Response<Body>, ApiError> {
    let mut body = String::new();
    let root = format!("{operation}Result");
    let serializer =
        Serializer::with_root(&mut body, Some(&root)).map_err(|error| crate::protocol::error::fault(&error))?;
    result.serialize(serializer).map_err(|error| crate::protocol::error::fault(&error))?;

    Ok(enveloped(operation, namespace, &body, request_id))
}

/// An answer of an operation whose result is written already.
pub fn enveloped(operation: &str, namespace: &str, result: &str, request_id: &str) -> Response<Body> {
    let body = format!(
        "<{operation}Response xmlns=\"{namespace}\">{result}<ResponseMetadata><RequestId>{request_id}</RequestId>\
         </ResponseMetadata></{operation}Response>"
    );
    response(StatusCode::OK, body)
}

/// The name of an error in the query protocol. A fault of ours has another there than in Lambda's API.
pub fn code(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::Service => "InternalFailure",
        code => code.name(),
    }
}

/// The answer to a call that failed.
pub fn error(error: &ApiError, namespace: Option<&str>, request_id: &str) -> Response<Body> {
    let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let namespace = namespace.map(|namespace| format!(" xmlns=\"{namespace}\"")).unwrap_or_default();
    let kind = if error.fault == Some(Fault::Service) { "Receiver" } else { "Sender" };
    let body = format!(
        "<ErrorResponse{namespace}><Error><Type>{kind}</Type>{}</Error><RequestId>{request_id}</RequestId></ErrorResponse>",
        code_and_message(error)
    );
    response(status, body)
}

/// The body of an error of EC2.
pub fn ec2_error(error: &ApiError, request_id: &str) -> String {
    let inner = code_and_message(error);
    format!("<Response><Errors><Error>{inner}</Error></Errors><RequestID>{request_id}</RequestID></Response>")
}

/// The body of an error of S3.
pub fn s3_error(error: &ApiError, request_id: &str) -> String {
    let inner = code_and_message(error);
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>{inner}<RequestId>{request_id}</RequestId></Error>")
}

fn code_and_message(error: &ApiError) -> String {
    let code = code(error.code);
    format!("<Code>{code}</Code><Message>{}</Message>", escape(error.message.as_deref().unwrap_or_default()))
}

fn response(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Result {
        name: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        missing: Option<String>,
        tags: List<Tag>,
        empty: List<Tag>,
        is_truncated: bool,
    }

    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Tag {
        key: &'static str,
    }

    async fn text(response: Response<Body>) -> String {
        let bytes = response.into_body().collect().await.expect("is whole").to_bytes();
        String::from_utf8(bytes.to_vec()).expect("is text")
    }

    #[tokio::test]
    async fn an_answer_reads_as_clients_expect_it() {
        let tags = List::from(vec![Tag { key: "a<b" }, Tag { key: "" }]);
        let result = Result { name: "n", missing: None, tags, empty: List::from(vec![]), is_truncated: false };
        assert_eq!(
            text(answer("GetX", "urn:x", &result, "id").expect("is written")).await,
            "<GetXResponse xmlns=\"urn:x\"><GetXResult><Name>n</Name><Tags><member><Key>a&lt;b</Key></member>\
             <member><Key/></member></Tags><Empty/><IsTruncated>false</IsTruncated></GetXResult><ResponseMetadata>\
             <RequestId>id</RequestId></ResponseMetadata></GetXResponse>"
        );
    }

    #[tokio::test]
    async fn an_error_reads_as_clients_expect_it() {
        let refused = ApiError::new(ErrorCode::NoSuchEntity, "no <role>");
        assert_eq!(
            text(error(&refused, Some("urn:x"), "id")).await,
            "<ErrorResponse xmlns=\"urn:x\"><Error><Type>Sender</Type><Code>NoSuchEntity</Code>\
             <Message>no &lt;role&gt;</Message></Error><RequestId>id</RequestId></ErrorResponse>"
        );
    }

    #[test]
    fn times_are_to_the_second() {
        assert_eq!(time(Timestamp(1_764_038_324_007)), "2025-11-25T02:38:44Z");
    }
}
