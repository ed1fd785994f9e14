//! `SourceAccessConfigurations`: with which names and certificates a mapping's broker is read, out of the secrets that it
//! names.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/kafka-cluster-auth.html>.

#![cfg_attr(
    not(all(feature = "kafka", feature = "rabbitmq")),
    allow(dead_code, reason = "each of the two needs a part of it")
)]

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::source::Problem;
use crate::clock;
use crate::model::arn::Arn;
use crate::model::event_sources::{EventSourceMapping, SourceAccess};
use crate::upstream::{Signer, Upstream};

/// Types that say nothing here: there is no network but the machine's.
const OF_NETWORKS: [&str; 2] = ["VPC_SUBNET", "VPC_SECURITY_GROUP"];

/// How a broker tells who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// Name and password as they are.
    Plain,
    /// SCRAM with SHA-256.
    ScramSha256,
    /// SCRAM with SHA-512.
    ScramSha512,
}

/// A user of a broker. Not shown: it has a password.
#[derive(Clone, Deserialize)]
pub struct User {
    /// Name.
    pub username: String,
    /// Password.
    pub password: String,
}

/// A client's certificate. Not shown: it has a key.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientCertificate {
    /// The certificate and those that it follows from, in PEM.
    pub certificate: String,
    /// Its key, in PEM.
    pub private_key: String,
    /// The password of an encrypted key.
    pub private_key_password: Option<String>,
}

#[derive(Deserialize)]
struct RootCertificate {
    certificate: String,
}

/// What a broker is read with.
#[derive(Clone, Default)]
pub struct Access {
    /// The user, and how the broker is told.
    pub user: Option<(Mechanism, User)>,
    /// The client's certificate.
    pub client_certificate: Option<ClientCertificate>,
    /// Whose certificates are trusted, in PEM, instead of those that the system trusts.
    pub root_ca: Option<String>,
    /// The virtual host of `RabbitMQ`.
    pub virtual_host: Option<String>,
}

impl Access {
    /// Whether AWS would read such a source with TLS: it sends no password without, and needs no TLS without one.
    pub fn asks_for_tls(&self) -> bool {
        self.user.is_some() || self.client_certificate.is_some() || self.root_ca.is_some()
    }

    /// What a mapping is read with, out of its secrets as they are now.
    ///
    /// # Errors
    /// A secret that cannot be had, or is none of its type.
    pub async fn of(mapping: &EventSourceMapping, upstream: &Upstream) -> Result<Self, Problem> {
        let mut access = Self::default();
        for SourceAccess { kind, uri } in &mapping.settings.access {
            let uri = uri.as_deref().unwrap_or_default();
            match kind.as_str() {
                kind if OF_NETWORKS.contains(&kind) => {}
                "VIRTUAL_HOST" => access.virtual_host = Some(uri.to_owned()),
                "SERVER_ROOT_CA_CERTIFICATE" => {
                    let RootCertificate { certificate } = secret(upstream, uri, kind).await?;
                    access.root_ca = Some(certificate);
                }
                "CLIENT_CERTIFICATE_TLS_AUTH" => {
                    access.client_certificate = Some(secret(upstream, uri, kind).await?);
                }
                _ => {
                    let mechanism = mechanism(kind).ok_or_else(|| unknown(kind))?;
                    access.user = Some((mechanism, secret(upstream, uri, kind).await?));
                }
            }
        }
        Ok(access)
    }
}

/// The first type of a mapping's access that Larder does not know to use.
pub fn unusable(mapping: &EventSourceMapping) -> Option<Problem> {
    let is_usable = |kind: &str| {
        OF_NETWORKS.contains(&kind)
            || mechanism(kind).is_some()
            || matches!(kind, "VIRTUAL_HOST" | "SERVER_ROOT_CA_CERTIFICATE" | "CLIENT_CERTIFICATE_TLS_AUTH")
    };
    mapping.settings.access.iter().find(|access| !is_usable(&access.kind)).map(|access| unknown(&access.kind))
}

fn unknown(kind: &str) -> Problem {
    Problem::not_read(&format!("brokers with {kind}"))
}

fn mechanism(kind: &str) -> Option<Mechanism> {
    match kind {
        "BASIC_AUTH" => Some(Mechanism::Plain),
        "SASL_SCRAM_256_AUTH" => Some(Mechanism::ScramSha256),
        "SASL_SCRAM_512_AUTH" => Some(Mechanism::ScramSha512),
        _ => None,
    }
}

async fn secret<T: DeserializeOwned>(upstream: &Upstream, name: &str, kind: &str) -> Result<T, Problem> {
    let arn = Arn::parse(name);
    let signer = Signer {
        access_key_id: arn.map_or_else(String::new, |arn| arn.account.to_owned()),
        region: arn.map_or_else(String::new, |arn| arn.region.to_owned()),
        day: clock::now().date().replace('-', ""),
    };
    let secret = upstream.secret(name, &signer).await.map_err(|error| Problem(error.to_string()))?;
    // What serde says of it could show what is in it.
    serde_json::from_str(&secret.0)
        .map_err(|_| Problem(format!("The secret {name} is none of {kind}: it needs {}.", needed(kind))))
}

fn needed(kind: &str) -> &'static str {
    match kind {
        "SERVER_ROOT_CA_CERTIFICATE" => r#"{"certificate": "PEM"}"#,
        "CLIENT_CERTIFICATE_TLS_AUTH" => r#"{"certificate": "PEM", "privateKey": "PEM"}"#,
        _ => r#"{"username": "…", "password": "…"}"#,
    }
}
