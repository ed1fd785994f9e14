//! Settings of this machine that containers depend on: the user's umask, networks, what is mounted below a folder.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use aws_sdk_lambda::types::Runtime;
use serde_json::json;

use crate::on_each_executor;
use crate::support::functions::{ECHO, active, create_python, creation, python};
use crate::support::invoke::{call, invoke};
use crate::support::{Executor, Options, Server};

on_each_executor! {
    /// Its user reads what the server writes, whatever the user's umask is.
    async fn a_function_runs_under_a_umask_that_is_private(executor) {
        let server = Server::start(Options::new(executor).with_umask("077"));
        let client = server.client();
        let package = crate::support::functions::zip(&[
            ("handler.py", b"from inner.code import handler"),
            ("inner/code.py", b"import os\ndef handler(event, context):\n    return os.umask(0o22)\n"),
        ]);
        creation(&client, "private", Runtime::Python311, package).send().await.expect("created");
        active(&client, "private").await;
        assert_eq!(call(&client, "private").await.response(), json!(0o22), "as on AWS");
        let mode = std::fs::metadata(server.data_dir()).expect("is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "nobody else looks into the data dir");
    }
}

/// One who is in the engine's group is no root: the containers' root is another user, without root's rights.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_the_engines_group_runs_functions_under_any_umask() {
    const USER: u32 = 54_321;
    let socket = Path::new("/var/run/docker.sock");
    if !Executor::Docker.is_here() || !nix::unistd::geteuid().is_root() || !socket.exists() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("set");
    let (home, larder) = (folder.path().join("home"), folder.path().join("larder"));
    std::fs::create_dir(&home).expect("made");
    std::fs::copy(env!("CARGO_BIN_EXE_larder"), &larder).expect("copied");
    let group = std::fs::metadata(socket).expect("is there").gid();
    chown(&home, Some(USER), Some(group)).expect("given");
    let mut server = Command::new("sh")
        .args(["-c", "umask 077; exec \"$0\" serve --listen 127.0.0.1:0 --executor docker --data-dir data"])
        .arg(&larder)
        .uid(USER)
        .gid(group)
        .current_dir(&home)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let mut banner = String::new();
    let mut output = std::io::BufReader::new(server.stdout.take().expect("is piped"));
    while !banner.contains("  executor ") {
        assert!(std::io::BufRead::read_line(&mut output, &mut banner).expect("a banner") > 0, "{banner}");
    }
    let address = banner.lines().find_map(|line| line.trim().strip_prefix("address")).expect("an address").trim();
    let config = aws_sdk_lambda::Config::builder()
        .behavior_version(aws_sdk_lambda::config::BehaviorVersion::latest())
        .endpoint_url(address)
        .region(aws_sdk_lambda::config::Region::new("us-east-1"))
        .credentials_provider(aws_sdk_lambda::config::Credentials::new("test", "secret", None, None, "tests"))
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    let client = aws_sdk_lambda::Client::from_conf(config.build());
    create_python(&client, "f", ECHO).await;
    let answer = client.invoke().function_name("f").send().await;
    let ended = nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(server.id().try_into().expect("a process id")),
        nix::sys::signal::Signal::SIGTERM,
    );
    ended.expect("signalled");
    server.wait().expect("waited for");
    let answer = answer.expect("it runs");
    assert_eq!(answer.function_error(), None, "{answer:?}");
}

const PORTS: &str = "
import os, socket
def handler(event, context):
    host, port = os.environ['AWS_ENDPOINT_URL'].rsplit('/', 1)[1].rsplit(':', 1)
    socket.create_connection((host, int(port)), 5).close()
    return os.environ['AWS_LAMBDA_RUNTIME_API']
";

#[tokio::test(flavor = "multi_thread")]
async fn functions_in_the_hosts_network_have_ports_of_their_own() {
    if !Executor::Docker.is_here() {
        return;
    }
    let server = Server::start(Options::new(Executor::Docker).with("LAMBDA_DOCKER_NETWORK", "host"));
    let client = server.client();
    let mut apis = Vec::new();
    for name in ["first", "second", "third"] {
        creation(&client, name, Runtime::Python311, python(PORTS)).send().await.expect("created");
        active(&client, name).await;
        apis.push(invoke(&client, name, json!({})).await.response().to_string());
    }
    apis.sort();
    apis.dedup();
    assert_eq!(apis.len(), 3, "each has its own: {apis:?}");
    assert_eq!(server.environments(), 3, "all at the same time");
}

#[test]
fn a_network_that_is_not_there_is_told_at_the_start() {
    if !Executor::Docker.is_here() {
        return;
    }
    for (networks, texts) in [
        ("no-such-network", ["the engine has no network no-such-network", "docker network create no-such-network"]),
        ("host,bridge", ["LAMBDA_DOCKER_NETWORK", "leave bridge out"]),
    ] {
        let options = Options::new(Executor::Docker).with("LAMBDA_DOCKER_NETWORK", networks);
        let refused = Server::try_start(options).expect_err("it cannot run functions");
        assert!(texts.iter().all(|text| refused.contains(text)), "{refused}");
    }
}
