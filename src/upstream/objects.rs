//! Objects of the upstream's S3, for Larder's own needs.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::error_body::ErrorBody;
use super::{Endpoint, Upstream, UpstreamError, account};

/// The service that serves objects.
const S3: &str = "s3";

/// Bytes of an error's body that are read.
const MAX_ERROR: u64 = 64 * 1024;

/// The digest of a body that a signature does not cover.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// What stays as it is: everything else is encoded, as in signatures.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same in a key.
pub(super) const KEY: &AsciiSet = &UNRESERVED.remove(b'/');

/// An object, perhaps one version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The version; the newest without one.
    pub version: Option<String>,
}

/// In whose name an object is read. An endpoint that verifies signatures gets one that is made anew (`signing.rs`); some
/// choose the account by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// Access key id.
    pub access_key_id: String,
    /// Region.
    pub region: String,
    /// The day, `YYYYMMDD`.
    pub day: String,
}

impl Signer {
    /// Names the caller in a request's headers, as a signature does.
    pub(super) fn sign(&self, service: &str, headers: &mut HeaderMap) {
        let Self { access_key_id, region, day } = self;
        let access_key_id = account::plain(access_key_id);
        let signature = "0".repeat(64);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={access_key_id}/{day}/{region}/{service}/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature={signature}"
        );

        for (name, value) in [("x-amz-date", format!("{day}T000000Z")), ("authorization", authorization)] {
            // An access key id that is no header's text cannot have come in a header.
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }
}

/// Why an object cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// S3 could not be asked.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// S3 refused.
    #[error("{code}: {message}")]
    Refused {
        /// S3's error code.
        code: String,
        /// Its message.
        message: String,
        /// The bucket's region, where S3 tells it.
        region: Option<String>,
    },
    /// It is larger than wanted.
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    /// It ended before its end.
    #[error("reading it failed: {0}")]
    Broken(String),
}

impl Upstream {
    /// Reads an object of at most `limit` bytes.
    pub async fn object(&self, object: &Object, signer: &Signer, limit: u64) -> Result<Bytes, ObjectError> {
        let endpoint = self.given(S3)?;
        let response = self.send(S3, endpoint, request(endpoint, object, signer)).await?;
        if response.status() != StatusCode::OK {
            return Err(refusal(response).await);
        }
        let length = response.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: u64| length > limit) {
            return Err(ObjectError::TooLarge(limit));
        }

        read(response.into_body(), limit).await
    }
}

fn request(endpoint: &Endpoint, object: &Object, signer: &Signer) -> Request<Body> {
    let mut path = format!("/{}/{}", object.bucket, utf8_percent_encode(&object.key, KEY));
    if let Some(version) = &object.version {
        path.extend(["?versionId=", &utf8_percent_encode(version, UNRESERVED).to_string()]);
    }
    let uri =
        Uri::builder().scheme(endpoint.scheme().clone()).authority(endpoint.authority().clone()).path_and_query(path);
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = uri.build().expect("bucket names have no special characters, and keys are encoded");
    let unsigned = HeaderValue::from_static(UNSIGNED);
    request.headers_mut().insert("x-amz-content-sha256", unsigned);
    signer.sign(S3, request.headers_mut());

    request
}

/// Reads a body, and no more of it than wanted.
async fn read(mut body: Body, limit: u64) -> Result<Bytes, ObjectError> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ObjectError::Broken(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() as u64 + data.len() as u64 > limit {
            return Err(ObjectError::TooLarge(limit));
        }
        bytes.extend_from_slice(&data);
    }

    Ok(bytes.freeze())
}

/// What S3 says of an object that it does not give.
async fn refusal(response: Response<Body>) -> ObjectError {
    let status = response.status();
    let region = response.headers().get("x-amz-bucket-region").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = read(response.into_body(), MAX_ERROR).await.unwrap_or_default();
    let parsed = std::str::from_utf8(&body).ok().and_then(|text| quick_xml::de::from_str::<ErrorBody>(text).ok());
    let ErrorBody { code, message } = parsed.unwrap_or_else(|| status.into());
    ObjectError::Refused { code, message, region }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_versions_are_encoded() {
        let endpoint: Endpoint = "http://moto:5000".parse().expect("a URL");
        let object = Object { bucket: "b".into(), key: "a b/ü?.zip".into(), version: Some("x/y+".into()) };
        let signer = Signer { access_key_id: "test".into(), region: "us-east-1".into(), day: "20260101".into() };
        let request = request(&endpoint, &object, &signer);
        assert_eq!(request.uri(), "http://moto:5000/b/a%20b/%C3%BC%3F.zip?versionId=x%2Fy%2B");
        let authorization = request.headers()["authorization"].to_str().expect("is text");
        assert!(authorization.contains("Credential=test/20260101/us-east-1/s3/aws4_request"), "{authorization}");
    }

    #[tokio::test]
    async fn reading_stops_at_the_limit() {
        assert_eq!(read(Body::from("12345"), 5).await.expect("fits"), "12345");
        assert!(matches!(read(Body::from("123456"), 5).await, Err(ObjectError::TooLarge(5))));
    }
}
