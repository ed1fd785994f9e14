//! `larder ca`.

use std::fs;
use std::io::ErrorKind;

use clap::Args;

use super::error::{CliError, Kind};
use super::target::{Client, Target, TargetOptions};
use super::terminal::print;
use crate::desk::answers::Authority;
use crate::front::tls::authority;

/// How to trust it, for people.
const HELP: &str = "\
To trust it, save it (larder ca > larder-ca.pem) and name the file:
  AWS CLI, boto3     AWS_CA_BUNDLE=larder-ca.pem
  Node.js            NODE_EXTRA_CA_CERTS=larder-ca.pem
  curl               curl --cacert larder-ca.pem https://localhost:4566/
  Python's requests  REQUESTS_CA_BUNDLE=larder-ca.pem
  OpenSSL, Go, Ruby  SSL_CERT_FILE=larder-ca.pem
It vouches for names of this machine and of AWS alone; its key is in the data dir.";

/// Options of `larder ca`.
#[derive(Debug, Args)]
pub struct CaOptions {
    #[command(flatten)]
    target: TargetOptions,
}

/// Prints the authority's certificate.
pub async fn run(options: CaOptions) -> Result<(), CliError> {
    let certificate = match options.target.open()? {
        Target::Server(client) => ask(&client).await?,
        Target::Folder(offline) => {
            let path = offline.data_dir.join(authority::FOLDER).join(authority::CERTIFICATE);
            match fs::read_to_string(&path) {
                Ok(text) => Some(text),
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                Err(error) => return Err(format!("{}: {error}", path.display()).into()),
            }
        }
    };
    let none =
        "the server has no authority of its own: it was given a certificate (--tls-certificate), or never started";
    let certificate = certificate.ok_or_else(|| CliError::new(Kind::NotFound, none))?;

    print(certificate.trim_end());
    eprintln!("{HELP}");
    Ok(())
}

async fn ask(client: &Client) -> Result<Option<String>, CliError> {
    Ok(client.get::<Authority>("/_larder/ca", &[]).await?.certificate)
}
