//! Functions for tests: packages, and their creation.

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::create_function::builders::CreateFunctionFluentBuilder;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, LastUpdateStatus, LayerVersionContentInput, Runtime, State};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::eventually;

/// A role; nobody looks at it.
pub const ROLE: &str = "arn:aws:iam::000000000000:role/lambda";

/// Python that answers with the event.
pub const ECHO: &str = "def handler(event, context):\n    return event\n";

/// A zip of files with their contents, all executable.
pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(*name, SimpleFileOptions::default().unix_permissions(0o755)).expect("starts");
        zip.write_all(content).expect("writes");
    }
    zip.finish().expect("finishes").into_inner()
}

/// A Python package.
pub fn python(code: &str) -> Vec<u8> {
    zip(&[("handler.py", code.as_bytes())])
}

/// A custom runtime in Bash: `respond` sees the event in `$event` and the headers in `$headers`,
/// and writes the answer.
pub fn bash(respond: &str) -> Vec<u8> {
    zip(&[("bootstrap", &bootstrap(respond))])
}

/// The program of such a runtime.
pub fn bootstrap(respond: &str) -> Vec<u8> {
    let bootstrap = format!(
        r#"#!/bin/bash
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
headers=$(mktemp)
event=$(mktemp)
respond() {{
{respond}
}}
while true; do
  curl -sSf --noproxy '*' -D "$headers" -o "$event" "$api/next" || exit 1
  id=$(sed -n 's/^lambda-runtime-aws-request-id: *\([^[:space:]]*\).*/\1/Ip' "$headers")
  respond | curl -sSf --noproxy '*' -o /dev/null --data-binary @- "$api/$id/response"
done
"#
    );
    bootstrap.into_bytes()
}

/// A package for tests that run nothing; each `content` gives another one.
pub fn some(content: &str) -> Vec<u8> {
    zip(&[("bootstrap", content.as_bytes())])
}

/// A request that creates a function; name, runtime, handler, role and package are set.
pub fn creation(client: &Client, name: &str, runtime: Runtime, package: Vec<u8>) -> CreateFunctionFluentBuilder {
    client
        .create_function()
        .function_name(name)
        .runtime(runtime)
        .handler("handler.handler")
        .role(ROLE)
        .timeout(30)
        .code(FunctionCode::builder().zip_file(Blob::new(package)).build())
}

/// Creates a function and waits until it is `Active`.
pub async fn create(client: &Client, name: &str, runtime: Runtime, package: Vec<u8>) {
    creation(client, name, runtime, package).send().await.expect("created");
    active(client, name).await;
}

/// Creates a Python function and waits until it is `Active`.
pub async fn create_python(client: &Client, name: &str, code: &str) {
    create(client, name, Runtime::Python311, python(code)).await;
}

/// Creates a function that no test runs.
pub async fn create_some(client: &Client, name: &str) {
    create(client, name, Runtime::Providedal2023, some(name)).await;
}

/// Replaces the package and waits until that is done.
pub async fn update(client: &Client, name: &str, package: Vec<u8>) {
    client.update_function_code().function_name(name).zip_file(Blob::new(package)).send().await.expect("updated");
    active(client, name).await;
}

/// Waits until a function is `Active` and no update is going on.
pub async fn active(client: &Client, name: &str) {
    eventually("the function is active", || async {
        let found = client.get_function_configuration().function_name(name).send().await.expect("is there");
        assert_ne!(found.state(), Some(&State::Failed), "{:?}", found.state_reason());
        let ready =
            found.state() == Some(&State::Active) && found.last_update_status() == Some(&LastUpdateStatus::Successful);
        ready.then_some(())
    })
    .await;
}

/// Publishes an extension of fixtures/extensions as a layer; gives its ARN.
pub async fn extension(client: &Client, name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/extensions").join(name);
    let path = format!("extensions/{name}");
    let package = zip(&[(&path, &fs::read(folder.join(&path)).expect("a fixture"))]);
    let content = LayerVersionContentInput::builder().zip_file(Blob::new(package)).build();
    let published = client.publish_layer_version().layer_name(name).content(content).send().await;
    published.expect("published").layer_version_arn().expect("an ARN").to_owned()
}
