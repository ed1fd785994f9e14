//! Requests signed anew, with keys that the endpoint knows. A caller's own signature is of Larder's host and of whatever
//! keys it has; what it says of service and region stays.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use axum::body::Body;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header};
use chrono::NaiveDateTime;
use http_body_util::{BodyExt as _, Limited};

use super::aws_chunked;
use super::keys::Keys;

/// Bytes of a body whose digest is not told: it is read before it is sent. The most that such a service takes.
pub const MAX_BODY: usize = 17 * 1024 * 1024;

/// The header that tells the digest of a body.
const DIGEST: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// Headers of a caller's signature.
const OF_SIGNATURES: [HeaderName; 4] = [
    header::AUTHORIZATION,
    header::DATE,
    HeaderName::from_static("x-amz-date"),
    HeaderName::from_static("x-amz-security-token"),
];

/// What the query of a presigned URL has of its signature, by the fourth version and by the second, which S3 still takes.
const IN_QUERY: [&str; 10] = [
    "AWSAccessKeyId",
    "Expires",
    "Signature",
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
];

/// Why a request cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The body could not be read, or is longer than any service takes that tells no digest of it.
    #[error("the body of the request could not be read whole: {0}")]
    Body(String),
    /// What was signed is no request.
    #[error("the request cannot be signed: {0}")]
    Request(String),
}

/// Signs a request that was signed for some service; one that was not stays as it is.
pub async fn sign_anew(request: Request<Body>, keys: &Keys) -> Result<Request<Body>, SigningError> {
    let Some((service, region)) = scope(&request) else { return Ok(request) };
    let (mut parts, body) = request.into_parts();
    parts.uri = without_signature(parts.uri);
    for name in OF_SIGNATURES {
        parts.headers.remove(name);
    }
    if let Some(host) =
        parts.uri.authority().filter(|host| is_aws(host.host()) || !parts.headers.contains_key(header::HOST))
        && let Ok(host) = HeaderValue::from_str(host.as_str())
    {
        parts.headers.insert(header::HOST, host);
    }

    let (body, digest) = digest(&service, &mut parts.headers, body).await?;
    let request = Request::from_parts(parts, body);
    signed(request, digest.as_signable(), keys, (&service, &region))
}

/// Whether a host is one of AWS's, which answers to its own name only. Emulators put the name that a caller used into what
/// they answer, such as URLs of queues: they are told it.
pub(super) fn is_aws(host: &str) -> bool {
    [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].iter().any(|domain| host.ends_with(domain))
}

/// The service and region that a request was signed for, in its header or, as long as that holds, in its query.
fn scope(request: &Request<Body>) -> Option<(String, String)> {
    let credential = match request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) {
        Some(signed) => signed.split_once("Credential=")?.1.split([',', ' ']).next()?.to_owned(),
        None => presigned(request.uri(), SystemTime::now())?,
    };
    let mut parts = credential.rsplit('/');
    let _ = parts.next()?;
    let service = parts.next()?;
    let region = parts.next()?;

    Some((service.to_owned(), region.to_owned()))
}

/// The credential of a presigned URL that holds at a time.
fn presigned(uri: &Uri, now: SystemTime) -> Option<String> {
    let query: Vec<_> = form_urlencoded::parse(uri.query()?.as_bytes()).collect();
    let of = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_ref());
    if let (Some(key), Some(_), Some(ends)) = (of("AWSAccessKeyId"), of("Signature"), of("Expires")) {
        let ends = SystemTime::UNIX_EPOCH + Duration::from_secs(ends.parse().ok()?);
        // The second version says no region, and is taken in the oldest ones only.
        return (now <= ends).then(|| format!("{key}/day/us-east-1/s3/aws4_request"));
    }

    let begins = NaiveDateTime::parse_from_str(of("X-Amz-Date")?, "%Y%m%dT%H%M%SZ").ok()?.and_utc();
    let ends = SystemTime::from(begins) + Duration::from_secs(of("X-Amz-Expires")?.parse().ok()?);
    of("X-Amz-Credential").filter(|_| now <= ends).map(str::to_owned)
}

fn without_signature(uri: Uri) -> Uri {
    let Some((path, query)) = uri.path_and_query().and_then(|whole| whole.as_str().split_once('?')) else { return uri };
    let is_of_signature = |pair: &str| IN_QUERY.contains(&pair.split('=').next().unwrap_or_default());
    let kept: Vec<_> = query.split('&').filter(|pair| !is_of_signature(pair)).collect();
    let whole = if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(whole).ok();
    Uri::from_parts(parts).unwrap_or(uri)
}

/// What is signed of a body.
enum Digest {
    Whole(bytes::Bytes),
    Known(String),
    Unsigned,
    Trailers,
}

impl Digest {
    fn as_signable(&self) -> SignableBody<'_> {
        match self {
            Self::Whole(bytes) => SignableBody::Bytes(bytes),
            Self::Known(digest) => SignableBody::Precomputed(digest.clone()),
            Self::Unsigned => SignableBody::UnsignedPayload,
            Self::Trailers => SignableBody::StreamingUnsignedPayloadTrailer,
        }
    }
}

/// What is to be signed of the body, and the body as it is to be sent.
async fn digest(service: &str, headers: &mut HeaderMap, body: Body) -> Result<(Body, Digest), SigningError> {
    let told = headers.remove(DIGEST).and_then(|value| value.to_str().map(str::to_owned).ok());
    match told.as_deref() {
        Some("UNSIGNED-PAYLOAD") => Ok((body, Digest::Unsigned)),
        Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER") => Ok((body, Digest::Trailers)),
        // Its parts are signed with the caller's key: they are taken out of their wrapping.
        Some(streaming) if streaming.starts_with("STREAMING-") => {
            aws_chunked::tell_whole(headers);
            Ok((aws_chunked::unwrap(body), Digest::Unsigned))
        }
        Some(digest) if digest.len() == 64 => Ok((body, Digest::Known(digest.to_owned()))),
        None if service == "s3" => Ok((body, Digest::Unsigned)),
        _ => {
            let read = Limited::new(body, MAX_BODY).collect().await;
            let bytes = read.map_err(|error| SigningError::Body(error.to_string()))?.to_bytes();
            Ok((Body::from(bytes.clone()), Digest::Whole(bytes)))
        }
    }
}

fn signed(
    mut request: Request<Body>,
    body: SignableBody<'_>,
    keys: &Keys,
    (service, region): (&str, &str),
) -> Result<Request<Body>, SigningError> {
    let failed = |error: &dyn std::fmt::Display| SigningError::Request(error.to_string());
    let credentials =
        Credentials::new(&keys.access_key_id, &keys.secret, keys.session_token.clone(), None, "upstream").into();
    let params = v4::SigningParams::builder()
        .identity(&credentials)
        .region(region)
        .name(service)
        .time(SystemTime::now())
        .settings(settings(service))
        .build()
        .map_err(|error| failed(&error))?;
    // What the connection may change is left out.
    let is_signed = |name: &HeaderName| {
        *name == header::HOST || *name == header::CONTENT_TYPE || name.as_str().starts_with("x-amz-")
    };
    let headers: Vec<_> = request.headers().iter().filter(|(name, _)| is_signed(name)).collect();
    let headers = headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let signable = SignableRequest::new(request.method().as_str(), request.uri().to_string(), headers, body);
    let signable = signable.map_err(|error| failed(&error))?;
    let (instructions, _) = sign(signable, &params.into()).map_err(|error| failed(&error))?.into_parts();
    instructions.apply_to_request_http1x(&mut request);

    Ok(request)
}

/// How a service wants its requests signed: S3 takes paths as they are, and is told the digest of the body.
fn settings(service: &str) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presigned_urls_hold_for_their_time_and_lose_their_signature() {
        let uri: Uri = "http://s3:1/b/k?versionId=1&X-Amz-Credential=AKIA%2F20260101%2Feu-west-1%2Fs3%2Faws4_request\
                        &X-Amz-Date=20260101T000000Z&X-Amz-Expires=60&X-Amz-Signature=0&x=y"
            .parse()
            .expect("a URI");
        let begins = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        let credential = presigned(&uri, begins + Duration::from_secs(60));
        assert_eq!(credential.as_deref(), Some("AKIA/20260101/eu-west-1/s3/aws4_request"));
        assert_eq!(presigned(&uri, begins + Duration::from_secs(61)), None, "it is over");
        assert_eq!(without_signature(uri).to_string(), "http://s3:1/b/k?versionId=1&x=y");
        let old: Uri = "http://s3:1/b/k?AWSAccessKeyId=AKIA&Signature=x%3D&Expires=100".parse().expect("a URI");
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(presigned(&old, at(100)).as_deref(), Some("AKIA/day/us-east-1/s3/aws4_request"));
        assert_eq!(presigned(&old, at(101)), None);
        assert_eq!(without_signature(old).to_string(), "http://s3:1/b/k");
    }

    #[tokio::test]
    async fn what_nobody_signed_stays_unsigned() {
        let keys = Keys { access_key_id: "AKIA".into(), secret: "s".into(), session_token: None };
        let request = Request::get("http://s3:1/public/key").body(Body::empty()).expect("a request");
        let passed = sign_anew(request, &keys).await.expect("is passed on");
        assert!(passed.headers().is_empty());
    }
}
