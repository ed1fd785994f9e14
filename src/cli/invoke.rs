//! `larder invoke`.

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use serde_json::Value;

use super::error::{CliError, Kind, not_read};
use super::target::{Client, Target, TargetOptions};
use super::terminal::{log_lines, plain, print};
use crate::model::arn::Arn;

/// Exit code where the function failed.
const FAILED: u8 = 1;

/// What `--help` shows.
pub const EXAMPLES: &str = "\
Examples:
  larder invoke orders --event '{\"order\": 7}' --tail
  larder invoke orders:live --event order.json
  jq .Records[0] events.json | larder invoke orders --event -";

/// Options of `larder invoke`.
#[derive(Debug, Args)]
pub struct InvokeOptions {
    /// The function: its name, with `:VERSION` or `:ALIAS`, or its ARN
    name: String,
    /// The event: a file, JSON, or `-` for standard input
    #[arg(long, short = 'e', value_name = "FILE|JSON|-", default_value = "{}")]
    event: String,
    /// Show the end of the invocation's log beside the result, on standard error
    #[arg(long)]
    tail: bool,
    /// The function's region, where its name is no ARN [default: `AWS_DEFAULT_REGION`, or us-east-1]
    #[arg(long, env = "AWS_REGION", value_name = "REGION")]
    region: Option<String>,
    /// The function's account, where its name is no ARN, or an access key of it [default: 000000000000]
    #[arg(long, env = "AWS_ACCESS_KEY_ID", value_name = "ID")]
    account: Option<String>,
    #[command(flatten)]
    target: TargetOptions,
}

/// Invokes it, prints its answer, and ends with 1 where it failed.
pub async fn run(options: InvokeOptions) -> Result<ExitCode, CliError> {
    let event = event(&options.event)?;
    let client = calling(&options.target).await?;
    let name = utf8_percent_encode(&options.name, NON_ALPHANUMERIC);
    let mut request = client
        .request(Method::POST, &format!("/2015-03-31/functions/{name}/invocations"))
        .header(AUTHORIZATION, caller(&options))
        .body(event);
    if options.tail {
        request = request.header("x-amz-log-type", "Tail");
    }

    let answer = client.send(request).await?;
    let headers = answer.headers().clone();
    let body = answer.text().await.map_err(|error| error.to_string())?;
    print(&body);
    tell(&headers);

    let has_failed = headers.contains_key("x-amz-function-error");
    Ok(if has_failed { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
}

/// The event's bytes.
fn event(given: &str) -> Result<Vec<u8>, CliError> {
    if given == "-" {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut bytes);
        return read.map(|_| bytes).map_err(|error| not_read(Path::new("standard input"), &error));
    }
    let path = Path::new(given);
    if path.is_file() {
        return std::fs::read(path).map_err(|error| not_read(path, &error));
    }
    match serde_json::from_str::<Value>(given) {
        Ok(_) => Ok(given.as_bytes().to_vec()),
        Err(error) => Err(format!("the event is no file that is there, and no JSON: {error}").into()),
    }
}

/// A client of the port at which functions are called: the socket of a data dir has none of that.
async fn calling(target: &TargetOptions) -> Result<Client, CliError> {
    if target.data_dir.is_none() {
        return target.client();
    }
    let Target::Server(client) = target.open()? else {
        let message = "functions are run by a server alone: start one with `larder serve`";
        return Err(CliError::new(Kind::Unreachable, message));
    };
    let health: Value = client.get("/_larder/health", &[]).await?;
    let address = health["addresses"][0].as_str().ok_or("the server does not say where it listens".to_owned())?;
    Client::new(&format!("http://{address}"), target.token.as_deref())
}

/// Who calls, as a signature says it: whose account it is, and in which region. It is none that could be verified.
fn caller(options: &InvokeOptions) -> String {
    let arn = Arn::parse(&options.name);
    let by_default = std::env::var("AWS_DEFAULT_REGION").unwrap_or_else(|_| "us-east-1".to_owned());
    let region = arn.map_or(options.region.as_deref().unwrap_or(&by_default), |arn| arn.region);
    let account = arn.map_or(options.account.as_deref().unwrap_or("test"), |arn| arn.account);
    format!(
        "AWS4-HMAC-SHA256 Credential={account}/20260101/{region}/lambda/aws4_request, SignedHeaders=host, Signature=00"
    )
}

/// Tells on standard error what comes beside the answer.
fn tell(headers: &HeaderMap) {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let log = header("x-amz-log-result").and_then(|log| STANDARD.decode(log).ok()).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    for line in log_lines(log.trim_end()).filter(|_| !log.is_empty()) {
        eprintln!("{line}");
    }
    if let Some(error) = header("x-amz-function-error") {
        eprintln!("larder: the function failed ({}); its answer is above", plain(error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_json_or_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("7");
        std::fs::write(&file, "[1]").expect("written");
        assert_eq!(event(file.to_str().expect("text")).expect("read"), b"[1]");
        assert_eq!(event("{\"a\": 1}").expect("read"), b"{\"a\": 1}");
        assert!(event("none.json").is_err());
    }
}
