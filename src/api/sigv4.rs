//! The scope of a `SigV4` signature: account and region. Signatures are not verified.

use axum::http::HeaderMap;

use crate::model::names::Scope;

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
    let authorization = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let credential = authorization.split_once("Credential=").map_or("", |(_, rest)| rest);
    let mut parts = credential.split([',', ' ']).next().unwrap_or_default().split('/');
    let access_key_id = parts.next().unwrap_or_default().to_owned();
    let region = parts.nth(1).filter(|region| is_region(region)).unwrap_or(DEFAULT_REGION);
    let is_account = access_key_id.len() == 12 && access_key_id.bytes().all(|byte| byte.is_ascii_digit());
    let account = if is_account { access_key_id.as_str() } else { DEFAULT_ACCOUNT };
    Caller { scope: Scope { account: account.into(), region: region.into() }, access_key_id }
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
