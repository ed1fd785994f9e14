//! TLS on the port that speaks plain HTTP too, by clients that verify it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use aws_sdk_lambda::types::FunctionUrlAuthType;

use crate::support::functions::create_python;
use crate::support::http::Request;
use crate::support::python::{run, script_with};
use crate::support::{Options, Server};

/// Runs curl; what it wrote, or how it failed.
fn curl(arguments: &[&str]) -> Result<String, i32> {
    let Output { status, stdout, .. } = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "20"])
        .args(arguments)
        .output()
        .expect("curl");
    if status.success() { Ok(String::from_utf8_lossy(&stdout).into_owned()) } else { Err(status.code().unwrap_or(-1)) }
}

/// curl's code for a certificate that it does not trust.
const UNTRUSTED: i32 = 60;

/// Saves the authority that the command line shows.
fn authority(server: &Server, folder: &Path) -> String {
    let shown = run(Command::new(env!("CARGO_BIN_EXE_larder")).args(["ca", "--endpoint", &server.url()]));
    assert!(shown.starts_with("-----BEGIN CERTIFICATE-----"), "{shown}");
    let path = folder.join("ca.pem");
    std::fs::write(&path, shown).expect("written");
    path.to_str().expect("text").to_owned()
}

#[test]
fn clients_that_trust_the_authority_come_over_tls() {
    let mut server = Server::start(Options::any());
    let folder = tempfile::tempdir().expect("a folder");
    let ca = authority(&server, folder.path());
    let port = server.port();
    let get = |url: &str, more: &[&str]| curl(&[&["--cacert", &ca, url][..], more].concat());
    let list = format!("https://localhost:{port}/2015-03-31/functions");
    assert_eq!(get(&list, &[]).as_deref(), Ok("{\"Functions\":[]}"));
    assert_eq!(
        get(&format!("https://127.0.0.1:{port}/2015-03-31/functions"), &[]).as_deref(),
        Ok("{\"Functions\":[]}")
    );
    let version = ["--http2", "--output", "/dev/null", "--write-out", "%{http_version}"];
    assert_eq!(get(&list, &version).as_deref(), Ok("2"));
    let version = ["--http1.1", "--output", "/dev/null", "--write-out", "%{http_version}"];
    assert_eq!(get(&list, &version).as_deref(), Ok("1.1"));
    let plain = format!("http://localhost:{port}/2015-03-31/functions");
    assert_eq!(curl(&[&plain]).as_deref(), Ok("{\"Functions\":[]}"), "plain, on the same port");
    assert_eq!(curl(&[&list]), Err(UNTRUSTED));

    // AWS's names are led here by whoever asks for them; others are nobody's business.
    let led = |name: &str| {
        let to = format!("{name}:{port}:127.0.0.1");
        get(&format!("https://{name}:{port}/2015-03-31/functions"), &["--resolve", &to])
    };
    assert_eq!(led("lambda.us-east-1.amazonaws.com").as_deref(), Ok("{\"Functions\":[]}"));
    assert_eq!(led("example.com"), Err(UNTRUSTED), "the authority vouches for no such name");
    let evil = get(&list, &["--header", "host: evil.example", "--write-out", "%{http_code}", "--output", "/dev/null"]);
    assert_eq!(evil.as_deref(), Ok("403"));

    let text = std::fs::read(&ca).expect("is there");
    server.kill();
    server.restart();
    authority(&server, folder.path());
    assert_eq!(std::fs::read(&ca).expect("is there"), text);
    assert_eq!(get(&list, &[]).as_deref(), Ok("{\"Functions\":[]}"), "it is the same authority");
    let key = server.data_dir().join("tls/ca.key");
    assert_eq!(std::fs::metadata(key).expect("is there").permissions().mode() & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_are_told_how_they_were_called() {
    let Some(server) = Server::in_sandbox() else { return };
    let client = server.client();
    create_python(&client, "told", "def handler(event, context):\n    return event['headers']['x-forwarded-proto'] + ' ' + event['requestContext']['http']['protocol']\n").await;
    let made = client.create_function_url_config().function_name("told").auth_type(FunctionUrlAuthType::None);
    let made = made.send().await.expect("created");
    let add = || client.add_permission().function_name("told").principal("*");
    let url =
        add().statement_id("url").action("lambda:InvokeFunctionUrl").function_url_auth_type(FunctionUrlAuthType::None);
    url.send().await.expect("granted");
    let invoke = add().statement_id("invoke").action("lambda:InvokeFunction").invoked_via_function_url(true);
    invoke.send().await.expect("granted");

    let folder = tempfile::tempdir().expect("a folder");
    let ca = authority(&server, folder.path());
    let url = made.function_url().to_owned();
    assert_eq!(curl(&[&url]).as_deref(), Ok("http HTTP/1.1"));
    let url = url.replace("http://", "https://");
    assert_eq!(curl(&["--cacert", &ca, "--http1.1", &url]).as_deref(), Ok("https HTTP/1.1"));
    assert_eq!(curl(&["--cacert", &ca, "--http2", &url]).as_deref(), Ok("https HTTP/2.0"));
}

#[test]
fn a_certificate_may_be_given() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().to_str().expect("text");
    script_with("upstream", "make_certificates.py", &[place]);
    let of = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let options =
        Options::any().with("LARDER_TLS_CERTIFICATE", of("server.pem")).with("LARDER_TLS_KEY", of("server.key"));
    let server = Server::start(options);
    let url = format!("https://127.0.0.1:{}/2015-03-31/functions", server.port());
    assert_eq!(curl(&["--cacert", &of("ca.pem"), &url]).as_deref(), Ok("{\"Functions\":[]}"));
    assert_eq!(Request::new("GET", "/_larder/ca").send(server.port()).json()["certificate"], serde_json::Value::Null);

    let error =
        Server::try_start(Options::any().with("LARDER_TLS_CERTIFICATE", "/none").with("LARDER_TLS_KEY", "/none"));
    assert!(error.expect_err("it cannot start").contains("/none cannot be used"));
}
