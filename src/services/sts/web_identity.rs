//! Somebody whom an identity provider vouches for.

use serde_json::Value;

use crate::model::credentials;

/// Providers that policies call by their names; others are ARNs of the account's.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>, "OIDC federated
/// principals".
const BY_NAME: [&str; 4] =
    ["accounts.google.com", "cognito-identity.amazonaws.com", "graph.facebook.com", "www.amazon.com"];

/// What a token says.
#[derive(Debug, Clone, Copy)]
pub struct WebIdentity<'a> {
    /// Who made it.
    pub issuer: &'a str,
    /// Its claims.
    pub claims: &'a Value,
}

impl WebIdentity<'_> {
    /// What policies call the provider.
    pub fn provider(&self, role_arn: &str) -> String {
        let host = self.host();
        if BY_NAME.contains(&host) {
            return host.to_owned();
        }
        let account = credentials::role(role_arn).map(|(account, _)| account.to_string()).unwrap_or_default();
        format!("arn:aws:iam::{account}:oidc-provider/{host}")
    }

    /// The condition keys of its claims.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html>, "Available
    /// keys for AWS OIDC federation".
    pub fn keys(&self) -> Vec<(String, Vec<String>)> {
        let host = self.host();
        let of_claim = |name: &&str| {
            let values = match &self.claims[*name] {
                Value::String(value) => vec![value.clone()],
                Value::Array(values) => values.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                _ => Vec::new(),
            };
            (format!("{host}:{name}"), values)
        };
        ["amr", "aud", "oaud", "sub"].iter().map(of_claim).collect()
    }

    /// The issuer without its scheme.
    fn host(&self) -> &str {
        self.issuer.trim_start_matches("https://").trim_end_matches('/')
    }
}
