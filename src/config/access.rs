//! Whose calls are judged, and how; and how they come.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::front::tls::Given;
use crate::services::access::{Judged, Rules};

/// Who may call what.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Access")]
pub struct AccessOptions {
    /// Whose calls are judged, as on AWS: nobody's, those of function URLs by signatures and policies, others too by the
    /// policies of functions, layers and queues, or all by signatures and all policies
    #[arg(long, env = "LARDER_AUTHORIZE", default_value = "urls", value_enum)]
    pub authorize: Authorize,
    /// Grants that a function URL needs of its function's policy: both, which is the rule since November 2026, or the one
    /// that older templates have
    #[arg(long, env = "LARDER_URL_GRANTS", default_value = "both", value_enum)]
    pub url_grants: UrlGrants,
    /// File with the access keys of accounts, as AWS's clients have it (`aws_account_id` says whose a profile's is). Without
    /// it, keys that Larder did not give out have the secret `test`
    #[arg(long, env = "LARDER_CREDENTIALS", value_name = "FILE")]
    pub credentials: Option<PathBuf>,
}

/// TLS on the port, beside plain HTTP.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "TLS")]
pub struct TlsOptions {
    /// Certificate (PEM, with those that vouch for it) for clients that come over TLS, instead of those of the data dir's
    /// own authority, which `larder ca` shows
    #[arg(long, env = "LARDER_TLS_CERTIFICATE", value_name = "FILE", requires = "tls_key")]
    pub tls_certificate: Option<PathBuf>,
    /// Its key (PEM)
    #[arg(long, env = "LARDER_TLS_KEY", value_name = "FILE", requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,
}

impl TlsOptions {
    /// What the user gave.
    pub fn given(&self) -> Option<Given> {
        Some(Given { certificate: self.tls_certificate.clone()?, key: self.tls_key.clone()? })
    }
}

/// Whose calls are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Authorize {
    /// Nobody's
    Off,
    /// Those of function URLs
    Urls,
    /// These, and what policies of resources say: callers are whom they say they are
    Resource,
    /// All: callers sign, and need permissions
    All,
}

/// What lets callers of a function URL in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum UrlGrants {
    /// `lambda:InvokeFunctionUrl` and `lambda:InvokeFunction`
    Both,
    /// `lambda:InvokeFunctionUrl`
    Single,
}

impl AccessOptions {
    /// How callers are judged.
    pub fn rules(&self) -> Rules {
        let judged = match self.authorize {
            Authorize::Off => Judged::Nothing,
            Authorize::Urls => Judged::Urls,
            Authorize::Resource => Judged::Resources,
            Authorize::All => Judged::All,
        };
        let single_grant = self.url_grants == UrlGrants::Single;
        Rules { judged, single_grant, credentials: self.credentials.clone() }
    }
}
