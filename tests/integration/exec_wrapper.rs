//! `AWS_LAMBDA_EXEC_WRAPPER`: a program that starts the runtime, as tools for tracing and web adapters need it.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, LayerVersionContentInput, Runtime};
use serde_json::json;

use crate::on_each_executor;
use crate::support::functions::{active, bash, create_python, creation, python, zip};
use crate::support::invoke::call;
use crate::support::{Executor, Options, Server};

const WRAPPER: &[u8] = b"#!/bin/sh\nexport WRAPPED=\"$#\" STARTED=\"$1\"\nexec \"$@\"\n";

const PYTHON: &str = "
import os, stat
def handler(event, context):
    entry = os.stat('/lambda-entrypoint.sh')
    return [os.environ.get('WRAPPED', '') > '0', os.path.basename(os.environ.get('STARTED', '')), stat.filemode(entry.st_mode)]
";

const NODE: &[u8] = b"
exports.handler = async () => [process.env.WRAPPED > '0', require('path').basename(process.env.STARTED || '')];
";

/// A program that the runtime talks to in place of the Runtime API, as tools for security and tracing have one.
const PROXY: &[u8] = b"
import socket, sys, threading
host, port = sys.argv[1].split(':')
def pump(source, sink):
    while data := source.recv(65536):
        if b'/invocation/next' in data:
            open('/tmp/proxied', 'w').close()
        sink.sendall(data)
listener = socket.create_server(('127.0.0.1', 9009))
while True:
    runtime, api = listener.accept()[0], socket.create_connection((host, int(port)))
    for ends in [(runtime, api), (api, runtime)]:
        threading.Thread(target=pump, args=ends).start()
";

const PROXY_WRAPPER: &[u8] = b"#!/bin/sh
\"$1\" /opt/proxy.py \"$AWS_LAMBDA_RUNTIME_API\" &
until \"$1\" -c 'import socket; socket.create_connection((\"localhost\", 9009))' 2>/dev/null; do sleep 0.02; done
export AWS_LAMBDA_RUNTIME_API=localhost:9009
exec \"$@\"
";

/// What kinds of sockets the runtime has, and whether its events came by the proxy.
const SOCKETS: &str = "
import os, socket, stat, urllib.request
def handler(event, context):
    opened = [int(fd) for fd in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{fd}')]
    sockets = [socket.socket(fileno=os.dup(fd)) for fd in opened if stat.S_ISSOCK(os.fstat(fd).st_mode)]
    api = 'http://' + os.environ['AWS_LAMBDA_RUNTIME_API']
    ping = urllib.request.urlopen(api + '/2018-06-01/ping').read().decode()
    return [os.path.exists('/tmp/proxied'), [one.family.name for one in sockets], ping]
";

/// Creates a function with the wrapper's layer and its variable.
async fn wrapped(client: &Client, name: &str, wrapper: &str, runtime: Runtime, package: Vec<u8>) {
    let content = LayerVersionContentInput::builder().zip_file(Blob::new(zip(&[("wrapper", WRAPPER)]))).build();
    let layer = client.publish_layer_version().layer_name("wrapper").content(content).send().await.expect("published");
    let variables = Environment::builder().variables("AWS_LAMBDA_EXEC_WRAPPER", wrapper).build();
    let creation = creation(client, name, runtime, package).environment(variables);
    creation.layers(layer.layer_version_arn().expect("an ARN")).send().await.expect("created");
    active(client, name).await;
}

on_each_executor! {
    async fn it_starts_the_runtime(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        wrapped(&client, "python", "/opt/wrapper", Runtime::Python311, python(PYTHON)).await;
        let seen = call(&client, "python").await.response();
        assert_eq!((&seen[0], &seen[2]), (&json!(true), &json!("-rwxr-xr-x")));
        assert!(seen[1].as_str().expect("a name").starts_with("python3"), "{seen}");
        wrapped(&client, "node", "/opt/wrapper", Runtime::Nodejs20x, zip(&[("handler.js", NODE)])).await;
        assert_eq!(call(&client, "node").await.response(), json!([true, "node"]));
        create_python(&client, "plain", PYTHON).await;
        assert_eq!(call(&client, "plain").await.response(), json!([false, "", "-rwxr-xr-x"]));
    }

    async fn it_may_put_a_proxy_before_the_api(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let files = zip(&[("wrapper", PROXY_WRAPPER), ("proxy.py", PROXY)]);
        let content = LayerVersionContentInput::builder().zip_file(Blob::new(files)).build();
        let layer = client.publish_layer_version().layer_name("proxy").content(content).send().await.expect("published");
        let variables = Environment::builder().variables("AWS_LAMBDA_EXEC_WRAPPER", "/opt/wrapper").build();
        let creation = creation(&client, "proxied", Runtime::Python311, python(SOCKETS)).environment(variables);
        creation.layers(layer.layer_version_arn().expect("an ARN")).send().await.expect("created");
        active(&client, "proxied").await;
        let proxied = call(&client, "proxied").await.response();
        create_python(&client, "plain", SOCKETS).await;
        let plain = call(&client, "plain").await.response();

        for (seen, by_proxy) in [(&proxied, true), (&plain, false)] {
            assert_eq!((&seen[0], &seen[2]), (&json!(by_proxy), &json!("pong")));
        }
        // AWS's own client, in Docker, has sockets of other kinds for itself.
        if executor == Executor::Sandbox {
            assert_eq!((&proxied[1], &plain[1]), (&json!(["AF_INET"]), &json!(["AF_UNIX"])), "the short way, but for a proxy");
        }
    }

    async fn one_that_cannot_start_is_told(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        for (name, wrapper, status, words) in [
            ("missing", "/opt/no-wrapper", 127, "/opt/no-wrapper: does not exist"),
            ("text", "/var/task/handler.txt", 126, "/var/task/handler.txt: is not an executable"),
        ] {
            let mut package = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
            let options = zip::write::SimpleFileOptions::default().unix_permissions(0o644);
            package.start_file("handler.txt", options).expect("starts");
            let package = package.finish().expect("finishes").into_inner();
            wrapped(&client, name, wrapper, Runtime::Python311, package).await;
            let failed = call(&client, name).await;
            let message = format!("RequestId: {} Error: Runtime exited with error: exit status {status}", failed.request_id);
            assert_eq!(failed.failure(), ("Runtime.ExitError".to_owned(), message));
            assert!(failed.log.contains(words), "{}", failed.log);
        }
    }

    async fn runtimes_of_the_functions_own_have_none(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        wrapped(&client, "own", "/opt/no-wrapper", Runtime::Providedal2023, bash("printf '\"own\"'")).await;
        assert_eq!(call(&client, "own").await.response(), json!("own"));
    }
}
