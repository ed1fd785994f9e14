//! Whose account a request is of, said so that other emulators understand it: an access key id of twelve digits is the
//! account for those that tell accounts apart. The ids that Larder gives out hold it in a way that only Larder reads.

use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderValue, Uri, header};

use crate::model::credentials;

/// What stands before an access key id in a signature, and in a presigned URL.
const IN_HEADER: &str = "Credential=";
const IN_QUERY: &str = "X-Amz-Credential=";

/// An access key id as an endpoint gets it. No other than Larder could verify what was signed with one of Larder's.
pub(super) fn plain(access_key_id: &str) -> String {
    credentials::account_of(access_key_id).map_or_else(|| access_key_id.to_owned(), |account| account.to_string())
}

/// Puts the account in the place of an access key id of Larder's, in the signature and in a presigned URL.
pub(super) fn translate(headers: &mut HeaderMap, uri: Uri) -> Uri {
    let signed = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let translated =
        signed.and_then(|text| replaced(text, IN_HEADER)).and_then(|text| HeaderValue::try_from(text).ok());
    if let Some(value) = translated {
        headers.insert(header::AUTHORIZATION, value);
    }
    let translated = uri.path_and_query().and_then(|whole| replaced(whole.as_str(), IN_QUERY));
    let Some(whole) = translated.and_then(|whole| PathAndQuery::try_from(whole).ok()) else { return uri };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(whole);

    Uri::from_parts(parts).unwrap_or(uri)
}

/// The text with another access key id behind `before`; `None` where it stays as it is.
fn replaced(text: &str, before: &str) -> Option<String> {
    let start = text.find(before)? + before.len();
    let (head, rest) = text.split_at(start);
    let key = rest.split(|letter: char| !letter.is_ascii_alphanumeric()).next()?;
    let account = credentials::account_of(key)?;
    Some(format!("{head}{account}{}", &rest[key.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_of_larder_become_accounts() {
        let key = credentials::access_key(&"123456789012".into(), [1, 2, 3]);
        let signed = |key: &str| format!("AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/s3/aws4_request, A=b");
        for (sent, passed_on) in [(key.as_str(), "123456789012"), ("ASIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE")] {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, signed(sent).parse().expect("a value"));
            let uri = format!("/b/k?a=%2F&X-Amz-Credential={sent}%2F20260101%2Fus-east-1&X-Amz-Signature=0");
            let uri = translate(&mut headers, uri.parse().expect("a URI"));
            assert_eq!(headers[header::AUTHORIZATION], signed(passed_on));
            let wanted = format!("/b/k?a=%2F&X-Amz-Credential={passed_on}%2F20260101%2Fus-east-1&X-Amz-Signature=0");
            assert_eq!(uri.to_string(), wanted);
            assert_eq!(plain(sent), passed_on);
        }

        assert_eq!(translate(&mut HeaderMap::new(), Uri::from_static("/b")), Uri::from_static("/b"));
    }
}
