//! Secrets that event sources are read with: files that were given for them, or what the upstream's Secrets Manager has.
//! They are read whenever somebody connects, so that a change counts from then on.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;
use serde_json::json;

use super::Upstream;
use super::json::{Operation, ServiceError};
use super::objects::Signer;

/// The service that has secrets.
const SECRETS_MANAGER: &str = "secretsmanager";

/// `GetSecretValue`.
const GET_SECRET_VALUE: Operation =
    Operation { service: SECRETS_MANAGER, target: "secretsmanager.GetSecretValue", version: "1.1" };

/// One value of `--secret`: `ARN=FILE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretOption {
    /// Its name, as mappings have it.
    pub name: String,
    /// What holds it, as Secrets Manager would.
    pub file: PathBuf,
}

impl FromStr for SecretOption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, file)) if !name.is_empty() && !file.is_empty() => {
                Ok(Self { name: name.to_owned(), file: file.into() })
            }
            _ => Err(format!("{text:?}: write ARN=FILE, the secret's ARN and a file with its text")),
        }
    }
}

/// The secrets that were given as files.
#[derive(Debug, Clone, Default)]
pub struct SecretFiles(BTreeMap<String, PathBuf>);

impl SecretFiles {
    /// Puts the values of the option together.
    ///
    /// # Errors
    /// Two files for the same.
    pub fn new(options: impl IntoIterator<Item = SecretOption>) -> Result<Self, String> {
        let mut files = BTreeMap::new();
        for SecretOption { name, file } in options {
            if let Some(before) = files.insert(name.clone(), file) {
                return Err(format!("--secret names two files for {name}: {} is one", before.display()));
            }
        }
        Ok(Self(files))
    }
}

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Nothing has it.
    #[error(
        "Larder does not serve Secrets Manager, and knows no other way to {0}. Start it with --secret ARN=FILE, or with \
         --upstream secretsmanager=URL."
    )]
    Unknown(String),
    /// Its file cannot be read.
    #[error("The file {} of a secret cannot be read: {reason}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The upstream does not give it.
    #[error("A secret cannot be read. {0}")]
    Service(#[from] ServiceError),
    /// It has no text.
    #[error("The secret {0} has no SecretString.")]
    NoText(String),
}

/// A secret's text, which is shown to nobody.
#[derive(Clone)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SecretValue {
    secret_string: Option<String>,
}

impl Upstream {
    /// The text of a secret.
    ///
    /// # Errors
    /// Nobody has it, or it cannot be read.
    pub async fn secret(&self, name: &str, signer: &Signer) -> Result<Secret, SecretError> {
        if let Some(file) = self.secret_files.0.get(name) {
            let text = tokio::fs::read_to_string(file).await;
            let failed = |error: std::io::Error| SecretError::File { file: file.clone(), reason: error.to_string() };
            return text.map(Secret).map_err(failed);
        }
        if self.endpoint(SECRETS_MANAGER).is_none() {
            return Err(SecretError::Unknown(name.to_owned()));
        }

        let answer = self.json(GET_SECRET_VALUE, &json!({ "SecretId": name }), signer).await?;
        let value = serde_json::from_str::<SecretValue>(&answer).ok();
        let text = value.and_then(|value| value.secret_string);
        text.map(Secret).ok_or_else(|| SecretError::NoText(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_one_file_and_is_not_shown() {
        let option = |text: &str| text.parse::<SecretOption>();
        assert!(option("arn").expect_err("is none").contains("write ARN=FILE"));
        assert!(option("=file").is_err() && option("arn=").is_err());
        let given = [option("a=1").expect("is one"), option("a=2").expect("is one")];
        let error = SecretFiles::new(given).expect_err("are two");
        assert_eq!(error, "--secret names two files for a: 1 is one");
        assert_eq!(format!("{:?}", Secret("word".to_owned())), "Secret(…)");
    }
}
