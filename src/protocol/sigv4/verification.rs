//! Signatures of version 4, verified: whether whoever sent a request has the secret of the access key that it names.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.

use std::collections::HashMap;
use std::time::Duration;

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest as _, Sha256};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// How far a clock may be off.
const SKEW: TimeDelta = TimeDelta::minutes(5);

/// How long a presigned URL may hold.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Header with the digest of a body.
const DIGEST: &str = "x-amz-content-sha256";

/// What stands for a body that is not signed.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// What is encoded in a signed path or query: all but the unreserved characters of RFC 3986.
pub const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same within a path, whose slashes stay.
const IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// A signature as a request has it, in its header or in its query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Access key id.
    pub access_key_id: String,
    /// The token of temporary credentials; else empty.
    pub session_token: String,
    /// Region it is for.
    pub region: String,
    /// Service it is for.
    pub service: String,
    date: String,
    time: String,
    headers: Vec<String>,
    signature: String,
    /// Seconds a presigned URL holds.
    expires: Option<u64>,
}

/// Why a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// There is none.
    Missing,
    /// It cannot be read; why, in AWS's words.
    Incomplete(String),
    /// It is of another time; how, in AWS's words.
    Expired(String),
    /// It is for another service or region; how, in AWS's words.
    Scope(String),
    /// It is not what the secret gives.
    Mismatch,
    /// Nobody has the access key.
    Unknown,
    /// The credentials had their time.
    Over,
}

impl Signed {
    /// Reads the signature of a request.
    pub fn of(parts: &Parts) -> Result<Self, Failure> {
        let query = parts.uri.query().unwrap_or_default();
        let authorization = parts.headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
        match authorization {
            Some(text) if text.starts_with(ALGORITHM) => Self::in_header(text, &parts.headers),
            _ if query.contains("X-Amz-Signature=") => Self::in_query(query),
            _ => Err(Failure::Missing),
        }
    }

    fn in_header(authorization: &str, headers: &HeaderMap) -> Result<Self, Failure> {
        let members = authorization.trim_start_matches(ALGORITHM).split(',').map(str::trim);
        let members: HashMap<_, _> = members.filter_map(|member| member.split_once('=')).collect();
        let member = |name: &str| {
            members.get(name).copied().filter(|text| !text.is_empty()).ok_or_else(|| {
                Failure::Incomplete(format!(
                    "Authorization header requires '{name}' parameter. Authorization={ALGORITHM}"
                ))
            })
        };
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let time = header("x-amz-date").ok_or_else(|| {
            let message = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.";
            Failure::Incomplete(message.to_owned())
        })?;
        let token = header("x-amz-security-token").unwrap_or_default();

        Self::new(member("Credential")?, member("SignedHeaders")?, member("Signature")?, time, token)
    }

    fn in_query(query: &str) -> Result<Self, Failure> {
        let members: HashMap<_, _> = form_urlencoded::parse(query.as_bytes()).collect();
        let member = |name: &str| {
            let found = members.get(name).map(AsRef::as_ref).filter(|text: &&str| !text.is_empty());
            found.ok_or_else(|| Failure::Incomplete(format!("AWS query-string parameters must include '{name}'.")))
        };
        let expires = member("X-Amz-Expires")?.parse().ok().filter(|seconds| *seconds <= LONGEST.as_secs());
        let expires = expires.ok_or_else(|| {
            Failure::Incomplete("X-Amz-Expires must be a number between 0 and 604800 seconds.".to_owned())
        })?;
        let token = member("X-Amz-Security-Token").unwrap_or_default();
        let signed = Self::new(
            member("X-Amz-Credential")?,
            member("X-Amz-SignedHeaders")?,
            member("X-Amz-Signature")?,
            member("X-Amz-Date")?,
            token,
        )?;

        Ok(Self { expires: Some(expires), ..signed })
    }

    fn new(credential: &str, headers: &str, signature: &str, time: &str, token: &str) -> Result<Self, Failure> {
        let [access_key_id, date, region, service, "aws4_request"] = credential.split('/').collect::<Vec<_>>()[..]
        else {
            let message = format!("Credential must have exactly 5 slash-delimited elements, got '{credential}'.");
            return Err(Failure::Incomplete(message));
        };
        Ok(Self {
            access_key_id: access_key_id.to_owned(),
            session_token: token.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            date: date.to_owned(),
            time: time.to_owned(),
            headers: headers.split(';').map(str::to_ascii_lowercase).collect(),
            signature: signature.to_owned(),
            expires: None,
        })
    }

    /// Whether it is for a service.
    pub fn check_service(&self, service: &str) -> Result<(), Failure> {
        if self.service == service {
            return Ok(());
        }
        Err(Failure::Scope(format!("Credential should be scoped to correct service: '{service}'. ")))
    }

    /// Whether it is what a secret gives for a request with this body, at a time.
    pub fn verify(&self, (parts, body): (&Parts, &[u8]), secret: &str, now: DateTime<Utc>) -> Result<(), Failure> {
        self.verify_with(parts, &self.payloads(&parts.headers, body)?, secret, now)
    }

    /// Whether it is what a secret gives for a request whose body one of `payloads` stands for, at a time.
    pub fn verify_with(
        &self,
        parts: &Parts,
        payloads: &[String],
        secret: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Failure> {
        let signed_at = self.in_time(now)?;
        // Without its host it would hold at any other server, too.
        if !self.headers.iter().any(|name| name == header::HOST.as_str()) {
            return Err(Failure::Mismatch);
        }

        let key = generate_signing_key(secret, signed_at.into(), &self.region, &self.service);
        let scope = format!("{}/{}/{}/aws4_request", self.date, self.region, self.service);
        let given = Sha256::digest(&self.signature);
        let queries = self.canonical_queries(parts.uri.query().unwrap_or_default());
        let headers = self.canonical_headers(parts);
        let is_signature_of = |path: &str, query: &str, payload: &str| {
            let method = &parts.method;
            let names = self.headers.join(";");
            let canonical = format!("{method}\n{path}\n{query}\n{headers}\n{names}\n{payload}");
            let text = format!("{ALGORITHM}\n{}\n{scope}\n{}", self.time, hex(&Sha256::digest(canonical)));
            // Comparing digests takes no longer for a better guess.
            Sha256::digest(calculate_signature(&key, text.as_bytes())) == given
        };
        let paths = canonical_paths(parts.uri.path());
        let mut forms = paths.iter().flat_map(|path| queries.iter().map(move |query| (path, query)));
        let is_valid = forms.any(|(path, query)| payloads.iter().any(|payload| is_signature_of(path, query, payload)));
        if is_valid { Ok(()) } else { Err(Failure::Mismatch) }
    }

    /// When it was made, if it holds at a time.
    fn in_time(&self, now: DateTime<Utc>) -> Result<DateTime<Utc>, Failure> {
        let unreadable =
            || Failure::Incomplete("Date must be in ISO-8601 'basic format'. Got '".to_owned() + &self.time + "'.");
        // Years of more digits are beyond what can be reckoned with.
        if self.time.len() != "20150830T123600Z".len() {
            return Err(unreadable());
        }
        let made = NaiveDateTime::parse_from_str(&self.time, "%Y%m%dT%H%M%SZ").map_err(|_| unreadable())?.and_utc();
        if !self.time.starts_with(&self.date) {
            let day = self.time.get(..8).unwrap_or_default();
            let message = format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != \
                 '{day}', from '{}'.",
                self.date, self.time
            );
            return Err(Failure::Incomplete(message));
        }

        let shown = |time: DateTime<Utc>| time.format("%Y%m%dT%H%M%SZ").to_string();
        let holds = self.expires.and_then(|seconds| TimeDelta::try_seconds(i64::try_from(seconds).ok()?));
        if made - SKEW > now {
            let message = format!(
                "Signature not yet current: {} is still later than {} ({} + 5 min.)",
                self.time,
                shown(now + SKEW),
                shown(now)
            );
            return Err(Failure::Expired(message));
        }
        if made + holds.unwrap_or(SKEW) < now {
            let message = format!(
                "Signature expired: {} is now earlier than {} ({} - 5 min.)",
                self.time,
                shown(now - SKEW),
                shown(now)
            );
            return Err(Failure::Expired(message));
        }
        Ok(made)
    }

    /// What stands for a body that need not be read: the digest that the request tells, or nothing in a presigned URL.
    pub fn told_payload(&self, headers: &HeaderMap) -> Option<String> {
        let told = headers.get(DIGEST).map(|value| value.to_str().unwrap_or_default().to_owned());
        told.or_else(|| self.expires.map(|_| UNSIGNED.to_owned()))
    }

    /// What may stand for the body: the digest that was told, if it is the body's, or the body's own.
    fn payloads(&self, headers: &HeaderMap, body: &[u8]) -> Result<Vec<String>, Failure> {
        let digest = hex(&Sha256::digest(body));
        match headers.get(DIGEST).map(|value| value.to_str().unwrap_or_default()) {
            Some(UNSIGNED) => Ok(vec![UNSIGNED.to_owned()]),
            Some(told) if told == digest => Ok(vec![digest]),
            Some(_) => Err(Failure::Mismatch),
            None if self.expires.is_some() => Ok(vec![digest, UNSIGNED.to_owned()]),
            None => Ok(vec![digest]),
        }
    }

    fn canonical_headers(&self, parts: &Parts) -> String {
        let value_of = |name: &str| {
            let authority = parts.uri.authority().filter(|_| name == header::HOST.as_str());
            if let Some(authority) = authority {
                return authority.to_string();
            }
            let values = parts.headers.get_all(name).iter();
            let values = values.map(|value| {
                let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
                text.split_whitespace().collect::<Vec<_>>().join(" ")
            });
            values.collect::<Vec<_>>().join(",")
        };
        self.headers.iter().fold(String::new(), |text, name| text + name + ":" + &value_of(name) + "\n")
    }

    /// Names and values, sorted, without the signature itself: encoded anew, as AWS wants it; or as they are, as some
    /// clients sign what they were given.
    fn canonical_queries(&self, query: &str) -> [String; 2] {
        let encoded =
            |text: &str| utf8_percent_encode(&percent_decode_str(text).decode_utf8_lossy(), RESERVED).to_string();
        let sorted = |form: &dyn Fn(&str) -> String| {
            let pairs = query.split('&').filter(|pair| !pair.is_empty());
            let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
            let pairs = pairs.filter(|(name, _)| self.expires.is_none() || *name != "X-Amz-Signature");
            let mut pairs: Vec<_> = pairs.map(|(name, value)| (form(name), form(value))).collect();
            pairs.sort();
            pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
        };

        [sorted(&encoded), sorted(&str::to_owned)]
    }
}

/// A path as clients sign it: without dots and doubled slashes, encoded once more; or with them, or as it is. AWS wants
/// the first of all services but S3; not all clients do as it wants.
fn canonical_paths(path: &str) -> Vec<String> {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    let mut normal = format!("/{}", kept.join("/"));
    if path.ends_with('/') && normal.len() > 1 {
        normal.push('/');
    }
    let encoded = |path: &str| utf8_percent_encode(path, IN_PATH).to_string();

    let mut paths = vec![encoded(&normal), encoded(path), path.to_owned()];
    paths.dedup();
    paths
}

/// Bytes as digits, in small letters.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    /// The keys, the time and two requests of AWS's own suite of signatures.
    ///
    /// Source: `aws-sig-v4-test-suite`, `get-vanilla` and `get-vanilla-query-order-key-case`.
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    fn at(time: &str) -> DateTime<Utc> {
        NaiveDateTime::parse_from_str(time, "%Y%m%dT%H%M%SZ").expect("a time").and_utc()
    }

    fn request(uri: &str, signature: &str) -> Parts {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature={signature}"
        );
        let request = Request::get(uri)
            .header("host", "example.amazonaws.com")
            .header("x-amz-date", "20150830T123600Z")
            .header("authorization", authorization);
        request.body(()).expect("a request").into_parts().0
    }

    fn verified(parts: &Parts, secret: &str, now: &str) -> Result<(), Failure> {
        Signed::of(parts)?.verify((parts, b""), secret, at(now))
    }

    #[test]
    fn signatures_of_awss_suite_hold() {
        for (uri, signature) in [
            ("/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            ("/?Param2=value2&Param1=value1", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
        ] {
            let parts = request(uri, signature);
            assert_eq!(verified(&parts, SECRET, "20150830T124059Z"), Ok(()), "{uri}");
            assert_eq!(verified(&parts, "another", "20150830T123600Z"), Err(Failure::Mismatch), "{uri}");
        }
    }

    #[test]
    fn what_was_changed_does_not_hold() {
        let signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
        let signed = request("/", signature);
        let read = Signed::of(&signed).expect("is signed");
        let now = at("20150830T123600Z");
        assert_eq!(read.verify((&signed, b"body"), SECRET, now), Err(Failure::Mismatch));
        let other = request("/other", signature);
        assert_eq!(read.verify((&other, b""), SECRET, now), Err(Failure::Mismatch));
        let mut other = request("/", signature);
        other.headers.insert("host", "other.example".parse().expect("a host"));
        assert_eq!(verified(&other, SECRET, "20150830T123600Z"), Err(Failure::Mismatch));
        let mut other = request("/", signature);
        other.headers.insert("x-amz-content-sha256", "0".parse().expect("a digest"));
        assert_eq!(verified(&other, SECRET, "20150830T123600Z"), Err(Failure::Mismatch));
    }

    #[test]
    fn signatures_hold_for_their_time() {
        let parts = request("/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
        let late = verified(&parts, SECRET, "20150830T124101Z");
        let wanted =
            "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)";
        assert_eq!(late, Err(Failure::Expired(wanted.into())));
        assert!(matches!(verified(&parts, SECRET, "20150830T123059Z"), Err(Failure::Expired(_))));
    }

    #[test]
    fn what_is_no_signature_is_told() {
        let unsigned = Request::get("/").body(()).expect("a request").into_parts().0;
        assert_eq!(Signed::of(&unsigned), Err(Failure::Missing));
        for authorization in ["AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=x"] {
            let request = Request::get("/").header("authorization", authorization).header("x-amz-date", "now");
            let parts = request.body(()).expect("a request").into_parts().0;
            assert!(matches!(Signed::of(&parts), Err(Failure::Incomplete(_))), "{authorization}");
        }
        let basic = Request::get("/").header("authorization", "Basic x").body(()).expect("a request").into_parts().0;
        assert_eq!(Signed::of(&basic), Err(Failure::Missing));
    }

    #[test]
    fn paths_are_encoded_again() {
        assert_eq!(canonical_paths("/a%20b/./c/../d/")[0], "/a%2520b/d/");
        assert_eq!(canonical_paths("/"), ["/"]);
        assert_eq!(canonical_paths("/x"), ["/x"]);
    }
}
