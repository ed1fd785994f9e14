//! Where in S3 a `TemplateURL` leads.

use axum::http::Uri;
use percent_encoding::percent_decode_str;

use crate::upstream::Object;

/// The object of a URL: `https://BUCKET.s3.REGION.amazonaws.com/KEY`, `https://s3.REGION.amazonaws.com/BUCKET/KEY`, or
/// the latter at any other host, as tools write it that were given an endpoint.
pub fn object(url: &str) -> Option<Object> {
    let uri: Uri = url.parse().ok()?;
    let host = uri.host()?.to_ascii_lowercase();
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned);
    let path = decoded(uri.path().strip_prefix('/')?)?;
    let (bucket, key) = match bucket_in(&host) {
        Some(bucket) => (bucket, path),
        None => path.split_once('/').map(|(bucket, key)| (bucket.to_owned(), key.to_owned()))?,
    };
    let query = uri.query().unwrap_or_default().as_bytes();
    let version = form_urlencoded::parse(query).find(|(name, _)| name == "versionId").map(|(_, id)| id.into_owned());
    let is_bucket =
        !bucket.is_empty() && bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));

    (is_bucket && !key.is_empty()).then_some(Object { bucket, key, version })
}

/// What stands before `s3` in a host.
fn bucket_in(host: &str) -> Option<String> {
    let labels: Vec<&str> = host.split('.').collect();
    let place = labels.iter().rposition(|label| *label == "s3" || label.starts_with("s3-"))?;
    (place > 0).then(|| labels[..place].join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_an_object_is_read() {
        for (url, bucket, key) in [
            ("https://s3.amazonaws.com/bucket/a/b.yaml", "bucket", "a/b.yaml"),
            ("https://s3.us-east-1.amazonaws.com/bucket/x", "bucket", "x"),
            ("https://s3-us-west-2.amazonaws.com/bucket/x", "bucket", "x"),
            ("https://my.bucket.s3.eu-west-1.amazonaws.com/a%20b", "my.bucket", "a b"),
            ("http://127.0.0.1:4566/bucket/x", "bucket", "x"),
            ("http://bucket.s3.localhost.localstack.cloud:4566/x", "bucket", "x"),
        ] {
            let found = object(url).expect(url);
            assert_eq!((found.bucket.as_str(), found.key.as_str(), found.version), (bucket, key, None), "{url}");
        }

        let versioned = object("https://b.s3.amazonaws.com/k?versionId=v%2F1").expect("is one");
        assert_eq!(versioned.version.as_deref(), Some("v/1"));
        for url in
            ["", "/bucket/x", "https://s3.amazonaws.com/bucket", "https://h/b%20c/x", "https://b.s3.amazonaws.com/"]
        {
            assert_eq!(object(url), None, "{url}");
        }
    }
}
