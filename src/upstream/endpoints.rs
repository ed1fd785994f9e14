//! Which endpoint serves which service.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use axum::http::Uri;
use axum::http::uri::{Authority, Scheme};

/// Services that Larder serves itself, whatever is behind it.
const OWN: &str = "lambda";

/// The name of AWS's own emulator in place of its address.
const EMULATOR: &str = "aws-emulator";

/// An endpoint: `http://HOST:PORT`, the same with TLS, or AWS Emulator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    scheme: Scheme,
    authority: Authority,
    is_emulator: bool,
}

impl Endpoint {
    /// The port of AWS Emulator. Its keys and its certificate lie in `~/.aws/emulator/PORT`.
    ///
    /// Source: <https://docs.aws.amazon.com/emulator/latest/userguide/cli-reference.html>.
    pub const EMULATOR_PORT: u16 = 9297;

    /// Host and port.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// With or without TLS.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Whether it was given as AWS Emulator, whose keys and certificate are found without being told.
    pub fn is_emulator(&self) -> bool {
        self.is_emulator
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == EMULATOR {
            let address = format!("https://127.0.0.1:{}", Self::EMULATOR_PORT);
            return Ok(Self { is_emulator: true, ..address.parse()? });
        }

        let uri: Uri = text.parse().map_err(|error| format!("{text} is no URL: {error}"))?;
        let scheme = uri.scheme().filter(|scheme| **scheme == Scheme::HTTP || **scheme == Scheme::HTTPS).cloned();
        let scheme = scheme.ok_or_else(|| format!("{text} is no URL; write http://HOST:PORT, or https://"))?;
        if uri.path_and_query().is_some_and(|rest| rest.as_str() != "/") {
            return Err(format!("{text}: an endpoint has no path; write http://HOST:PORT"));
        }
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let authority = authority.cloned().ok_or_else(|| format!("{text}: write http://HOST:PORT"))?;

        Ok(Self { scheme, authority, is_emulator: false })
    }
}

/// One value of `--upstream`: `URL` or `SERVICE=URL`, or `aws-emulator` in place of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamOption {
    /// The service, as its signatures name it; of all others without one.
    pub service: Option<String>,
    /// Where it is.
    pub endpoint: Endpoint,
}

impl FromStr for UpstreamOption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((service, url)) = text.split_once('=').filter(|(service, _)| !service.contains("://")) else {
            return Ok(Self { service: None, endpoint: text.parse()? });
        };
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if service.is_empty() || !service.bytes().all(is_name) {
            return Err(format!(
                "{service:?} is no service; write its name in small letters, such as s3=http://HOST:PORT"
            ));
        }

        if service == OWN {
            return Err(format!("{OWN} is what Larder serves itself"));
        }
        Ok(Self { service: Some(service.to_owned()), endpoint: url.parse()? })
    }
}

/// All endpoints that were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints {
    default: Option<Endpoint>,
    services: BTreeMap<String, Endpoint>,
}

impl Endpoints {
    /// Puts the values of the option together.
    ///
    /// # Errors
    /// Two endpoints for the same.
    pub fn new(options: impl IntoIterator<Item = UpstreamOption>) -> Result<Self, String> {
        let mut endpoints = Self::default();
        for UpstreamOption { service, endpoint } in options {
            let (what, before) = match service {
                None => ("all services".to_owned(), endpoints.default.replace(endpoint.clone())),
                Some(service) => (service.clone(), endpoints.services.insert(service, endpoint.clone())),
            };
            if let Some(before) = before.filter(|before| *before != endpoint) {
                return Err(format!("--upstream names two endpoints for {what}: {before} and {endpoint}"));
            }
        }

        Ok(endpoints)
    }

    /// The endpoint for a service.
    pub fn of(&self, service: &str) -> Option<&Endpoint> {
        self.services.get(service).or(self.default.as_ref())
    }

    /// The endpoint for all services that have none of their own.
    pub fn default_endpoint(&self) -> Option<&Endpoint> {
        self.default.as_ref()
    }

    /// Whether a service has one of its own.
    pub fn has_own(&self, service: &str) -> bool {
        self.services.contains_key(service)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Endpoint> {
        self.each().map(|(_, endpoint)| endpoint)
    }

    /// All of them with their services; the one for all others has none.
    pub fn each(&self) -> impl Iterator<Item = (Option<&str>, &Endpoint)> {
        let default = self.default.iter().map(|endpoint| (None, endpoint));
        default.chain(self.services.iter().map(|(service, endpoint)| (Some(service.as_str()), endpoint)))
    }
}

impl fmt::Display for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = self.services.iter().map(|(service, endpoint)| format!("{service}={endpoint}"));
        let all: Vec<_> = self.default.iter().map(Endpoint::to_string).chain(named).collect();
        f.write_str(&all.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints(texts: &[&str]) -> Result<Endpoints, String> {
        let options: Result<Vec<UpstreamOption>, String> = texts.iter().map(|text| text.parse()).collect();
        Endpoints::new(options?)
    }

    #[test]
    fn a_service_goes_to_its_own_endpoint_or_to_that_of_all() {
        let given = endpoints(&["http://moto:5000", "s3=http://minio:9000/"]).expect("are endpoints");
        assert_eq!(given.of("s3").map(ToString::to_string).as_deref(), Some("http://minio:9000"));
        assert_eq!(given.of("sqs").map(ToString::to_string).as_deref(), Some("http://moto:5000"));
        assert_eq!(given.to_string(), "http://moto:5000, s3=http://minio:9000");
        assert_eq!(endpoints(&["s3=http://minio:9000"]).expect("is one").of("sqs"), None);
        let given = endpoints(&["aws-emulator", "s3=https://minio"]).expect("are endpoints");
        assert_eq!(given.to_string(), "https://127.0.0.1:9297, s3=https://minio");
        assert!(given.of("sqs").expect("is one").is_emulator() && !given.of("s3").expect("is one").is_emulator());
    }

    #[test]
    fn what_is_no_endpoint_is_refused_with_what_to_write() {
        for (text, says) in [
            ("localhost:5000", "write http://HOST:PORT"),
            ("ftp://s3.example", "write http://HOST:PORT"),
            ("s3=http://minio/path", "has no path"),
            ("S3=http://minio", "small letters"),
            ("=http://minio", "small letters"),
            ("lambda=http://minio", "serves itself"),
            ("s3=", "is no URL"),
        ] {
            let error = text.parse::<UpstreamOption>().expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }

        let error = endpoints(&["s3=http://a", "s3=http://b"]).expect_err("are two");
        assert_eq!(error, "--upstream names two endpoints for s3: http://a and http://b");
    }
}
