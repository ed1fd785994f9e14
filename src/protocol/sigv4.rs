//! The scope of a `SigV4` signature: account, region and service. Whether it is right is asked where that counts.

pub mod verification;

use axum::http::HeaderMap;

use crate::model::credentials;
use crate::model::names::{AccountId, Scope};

/// Account of access keys that are no account id.
const DEFAULT_ACCOUNT: &str = "000000000000";

/// Region of unsigned calls.
const DEFAULT_REGION: &str = "us-east-1";

/// Who signed a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Access key id; empty for an unsigned call.
    pub access_key_id: String,
    /// Its account and region.
    pub scope: Scope,
}

/// Reads `Authorization: AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, …`.
pub fn caller(headers: &HeaderMap) -> Caller {
    let mut parts = credential(headers).unwrap_or_default().split('/');
    let access_key_id = parts.next().unwrap_or_default().to_owned();
    let region = parts.nth(1).filter(|region| is_region(region)).unwrap_or(DEFAULT_REGION);
    let account = account_of(&access_key_id);
    Caller { scope: Scope { account, region: region.into() }, access_key_id }
}

/// The account of an access key id: the one in it, or itself if it is twelve digits, or the default.
pub fn account_of(access_key_id: &str) -> AccountId {
    let is_account = access_key_id.len() == 12 && access_key_id.bytes().all(|byte| byte.is_ascii_digit());
    if is_account {
        return access_key_id.into();
    }
    credentials::account_of(access_key_id).unwrap_or_else(|| DEFAULT_ACCOUNT.into())
}

/// The service a request was signed for.
pub fn service(headers: &HeaderMap) -> Option<&str> {
    credential(headers).and_then(service_of)
}

/// The service of a credential, such as a presigned URL's `X-Amz-Credential`. Signatures for several
/// regions (`SigV4A`) name none, so it is found from the end.
pub fn service_of(credential: &str) -> Option<&str> {
    credential.strip_suffix("/aws4_request")?.rsplit('/').next()
}

/// Whether a request is signed by version 2, in its header or in its query.
pub fn is_of_version_2(headers: &HeaderMap, query: &str) -> bool {
    let in_header = headers.get("authorization").is_some_and(|value| value.as_bytes().starts_with(b"AWS "));
    in_header || query.contains("AWSAccessKeyId=")
}

/// The credential of the `Authorization` header.
fn credential(headers: &HeaderMap) -> Option<&str> {
    let authorization = headers.get("authorization")?.to_str().ok()?;
    let (_, credential) = authorization.split_once("Credential=")?;
    credential.split([',', ' ']).next()
}

/// A region goes into ARNs and keys: nothing but letters, digits and dashes.
fn is_region(text: &str) -> bool {
    !text.is_empty() && text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope_of(authorization: &str) -> (String, String) {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", authorization.parse().expect("a header"));
        let caller = caller(&headers);
        (caller.scope.account.to_string(), caller.scope.region.to_string())
    }

    #[test]
    fn temporary_credentials_lead_to_their_account() {
        let key = credentials::access_key(&"123456789012".into(), [1, 2, 3]);
        let signed = format!("AWS4-HMAC-SHA256 Credential={key}/20260101/eu-west-1/lambda/aws4_request");
        assert_eq!(scope_of(&signed), ("123456789012".into(), "eu-west-1".into()));
    }

    #[test]
    fn the_service_comes_from_the_end_of_the_credential() {
        assert_eq!(service_of("test/20260101/us-west-2/s3/aws4_request"), Some("s3"));
        assert_eq!(service_of("test/20260101/s3/aws4_request"), Some("s3"));
        assert_eq!(service_of("test/20260101/us-west-2/s3"), None);
    }

    #[test]
    fn account_and_region_come_from_the_credential() {
        let signed =
            "AWS4-HMAC-SHA256 Credential=123456789012/20260101/eu-west-1/lambda/aws4_request, SignedHeaders=host";
        assert_eq!(scope_of(signed), ("123456789012".into(), "eu-west-1".into()));
        let test = "AWS4-HMAC-SHA256 Credential=test/20260101/us-west-2/lambda/aws4_request";
        assert_eq!(scope_of(test), ("000000000000".into(), "us-west-2".into()));
        assert_eq!(scope_of("Bearer x"), ("000000000000".into(), "us-east-1".into()));
        assert_eq!(scope_of("AWS4 Credential=x/y/../../z"), ("000000000000".into(), "us-east-1".into()));
    }
}
