//! `AWS_LAMBDA_EXEC_WRAPPER`: a program that starts the runtime, as tools for tracing and web adapters need it.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, LayerVersionContentInput, Runtime};
use serde_json::json;

use crate::on_each_executor;
use crate::support::functions::{active, bash, create_python, creation, python, zip};
use crate::support::invoke::call;
use crate::support::{Options, Server};

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
