//! Layers: their versions, who may use them, and functions that do.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::publish_layer_version::PublishLayerVersionOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{AccountUsage, Architecture, LayerVersionContentInput, Runtime};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::on_each_executor;
use crate::support::functions::{active, create_some, creation, python, some, zip};
use crate::support::http::{self, Answer, Request};
use crate::support::invoke::invoke;
use crate::support::{Options, Server};

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:layer";

/// Publishes a version.
async fn publish(client: &Client, layer: &str, package: Vec<u8>) -> PublishLayerVersionOutput {
    let content = LayerVersionContentInput::builder().zip_file(Blob::new(package)).build();
    client.publish_layer_version().layer_name(layer).content(content).send().await.expect("published")
}

fn get(server: &Server, path: &str) -> Answer {
    Request::new("GET", &format!("/2018-10-31/layers{path}")).send(server.port())
}

/// The refusal of a configuration with these layers.
fn refusal(server: &Server, layers: &Value) -> (u16, String, String) {
    let path = "/2015-03-31/functions/f/configuration";
    let answer = Request::json("PUT", path, &json!({ "Layers": layers })).send(server.port());
    (answer.status, answer.error().to_owned(), answer.message())
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_numbered_found_and_listed() {
    let mut server = Server::start(Options::any());
    let client = server.client();
    let package = some("layer");
    let content = LayerVersionContentInput::builder().zip_file(Blob::new(package.clone())).build();
    let first = client.publish_layer_version().layer_name("l").content(content).description("one");
    let first = first.compatible_runtimes(Runtime::Python312).compatible_architectures(Architecture::Arm64);
    let first = first.license_info("MIT").send().await.expect("published");
    assert_eq!((first.version(), first.layer_version_arn()), (1, Some(format!("{ARN}:l:1").as_str())));
    let shown = first.content().expect("content");
    assert_eq!(shown.code_sha256(), Some(STANDARD.encode(Sha256::digest(&package)).as_str()));
    let path = shown.location().and_then(|location| location.strip_prefix(&server.url())).expect("of the server");
    assert_eq!(http::get(server.port(), path).body, package);
    publish(&client, "l", some("second")).await;
    publish(&client, "m", some("other")).await;
    client.delete_layer_version().layer_name("l").version_number(2).send().await.expect("deleted");
    client.delete_layer_version().layer_name("l").version_number(2).send().await.expect("gone already");

    server.kill();
    server.restart();
    let client = server.client();
    assert_eq!(publish(&client, &format!("{ARN}:l"), some("third")).await.version(), 3, "2 is not given again");
    let found = client.get_layer_version_by_arn().arn(format!("{ARN}:l:1")).send().await.expect("is there");
    assert_eq!((found.description(), found.license_info()), (Some("one"), Some("MIT")));
    let twice_encoded = ARN.replace(':', "%253A");
    assert_eq!(get(&server, &format!("/{twice_encoded}%253Al/versions/1")).status, 200);
    let numbers = |query: &str| -> Vec<u64> {
        let list = get(&server, &format!("/l/versions{query}")).json();
        list["LayerVersions"].as_array().expect("a list").iter().filter_map(|one| one["Version"].as_u64()).collect()
    };
    assert_eq!(numbers(""), [3, 1]);
    assert_eq!(numbers("?CompatibleRuntime=python3.12"), [1]);
    assert_eq!(numbers("?CompatibleRuntime=python3.12&CompatibleArchitecture=x86_64"), [] as [u64; 0]);
    let page = get(&server, "/l/versions?MaxItems=1").json();
    let marker = page["NextMarker"].as_str().expect("a marker");
    assert_eq!(numbers(&format!("?Marker={marker}")), [1]);
    let layers = get(&server, "?CompatibleArchitecture=arm64").json();
    assert_eq!(layers["Layers"].as_array().map(Vec::len), Some(1));
    assert_eq!(layers["Layers"][0]["LatestMatchingVersion"]["Version"], 1, "the newest that matches");
    assert_eq!(get(&server, "").json()["Layers"][1]["LayerArn"], format!("{ARN}:m"));
    for (path, status, message) in [
        ("/l/versions/0", 400, "Layer Version Cannot be less than 1"),
        ("/l/versions/2", 404, "The resource you requested does not exist."),
        ("/l/versions/2/policy", 404, "Layer version arn:aws:lambda:us-east-1:000000000000:layer:l:2 does not exist."),
        ("/l/versions/1/policy", 404, "No policy is associated with the given resource."),
    ] {
        let answer = get(&server, path);
        assert_eq!((answer.status, answer.message().as_str()), (status, message), "{path}");
    }
    let settings = client.get_account_settings().send().await.expect("settings");
    let usage = settings.account_usage().map(AccountUsage::total_code_size);
    let size = [package, some("third"), some("other")].concat().len();
    assert_eq!(usage, i64::try_from(size).ok(), "layers count");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_accounts_need_permission() {
    let server = Server::start(Options::any());
    let (client, other) = (server.client(), server.client_of("111111111111", "us-east-1"));
    publish(&client, "l", some("shared")).await;
    create_some(&other, "f").await;
    let arn = format!("{ARN}:l:1");
    let denied = format!(
        "User: arn:aws:iam::111111111111:root is not authorized to perform: lambda:GetLayerVersion on resource: {arn} \
         because no resource-based policy allows the lambda:GetLayerVersion action"
    );
    let error = other.get_layer_version_by_arn().arn(&arn).send().await.expect_err("is not shared");
    assert!(format!("{error:?}").contains(&denied), "{error:?}");
    let update = || other.update_function_configuration().function_name("f").layers(&arn).send();
    assert!(format!("{:?}", update().await.expect_err("is not shared")).contains("AccessDeniedException"));

    let add = client.add_layer_version_permission().layer_name("l").version_number(1).statement_id("s");
    let add = add.action("lambda:GetLayerVersion").principal("111111111111");
    let added = add.clone().send().await.expect("added");
    let statement = format!(
        r#"{{"Sid":"s","Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::111111111111:root"}},"Action":"lambda:GetLayerVersion","Resource":"{arn}"}}"#
    );
    assert_eq!(added.statement(), Some(statement.as_str()));
    let conflict = add.clone().revision_id("wrong").send().await.expect_err("is taken").into_service_error();
    assert!(conflict.is_resource_conflict_exception());
    let wrong = add.statement_id("t").revision_id("wrong").send().await.expect_err("is wrong").into_service_error();
    assert!(wrong.is_precondition_failed_exception());
    let policy = client.get_layer_version_policy().layer_name("l").version_number(1).send().await.expect("a policy");
    assert_eq!(policy.revision_id(), added.revision_id());
    let document = format!(r#"{{"Version":"2012-10-17","Id":"default","Statement":[{statement}]}}"#);
    assert_eq!(policy.policy(), Some(document.as_str()));
    other.get_layer_version_by_arn().arn(&arn).send().await.expect("is shared");
    update().await.expect("is shared");
    active(&other, "f").await;

    let remove = client.remove_layer_version_permission().layer_name("l").version_number(1);
    remove.clone().statement_id("t").send().await.expect_err("is not there");
    remove.statement_id("s").send().await.expect("removed");
    assert_eq!(get(&server, "/l/versions/1/policy").status, 404);
    assert!(update().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_refer_to_layers_that_are_there() {
    let server = Server::start(Options::any().with("LAMBDA_LIMITS_CODE_SIZE_UNZIPPED", 1_000));
    let client = server.client();
    for (layer, bytes) in [("l", 400), ("l", 400), ("m", 400), ("n", 400)] {
        publish(&client, layer, zip(&[("file", &vec![0; bytes])])).await;
    }
    let content = LayerVersionContentInput::builder().zip_file(Blob::new(some("far"))).build();
    let far = server.client_of("000000000000", "eu-west-1").publish_layer_version().layer_name("far").content(content);
    let far = far.send().await.expect("published");
    creation(&client, "f", Runtime::Python312, zip(&[("handler.py", &[b'#'; 300])])).send().await.expect("created");
    active(&client, "f").await;
    let arns = |names: &[&str]| json!(names.iter().map(|name| format!("{ARN}:{name}")).collect::<Vec<_>>());
    let invalid = |message: &str| (400, "InvalidParameterValueException".to_owned(), message.to_owned());
    assert_eq!(
        refusal(&server, &arns(&["l:1", "l:2"])),
        invalid(&format!(
            "Two different versions of the same layer are not allowed to be referenced in the same function. \
             {ARN}:l:1 and {ARN}:l:2 are versions of the same layer."
        ))
    );
    assert_eq!(refusal(&server, &arns(&["l:9"])), invalid(&format!("Layer version {ARN}:l:9 does not exist.")));
    assert_eq!(
        refusal(&server, &json!([far.layer_version_arn()])),
        invalid("Layers are not in the same region as the function. Layers are expected to be in region us-east-1.")
    );
    assert_eq!(refusal(&server, &arns(&["a:1"; 6])), invalid("Cannot reference more than 5 layers."));
    assert_eq!(
        refusal(&server, &arns(&["l:1", "m:1", "n:1"])),
        invalid("Layers consume more than the available size of 1000 bytes")
    );
    assert_eq!(
        refusal(&server, &arns(&["l:1", "m:1"])),
        invalid(
            "Function code combined with layers exceeds the maximum allowed size of 1000 bytes. \
             The actual size is 1100 bytes."
        )
    );
    let without_version = refusal(&server, &arns(&["l"]));
    assert_eq!(without_version.1, "ValidationException");
    assert!(without_version.2.ends_with(", Member must not be null]"), "{without_version:?}");

    let update = client.update_function_configuration().function_name("f").layers(format!("{ARN}:l:2"));
    let updated = update.send().await.expect("updated");
    let layer = updated.layers().first().map(|layer| (layer.arn().unwrap_or_default().to_owned(), layer.code_size()));
    let size = zip(&[("file", &[0; 400])]).len();
    assert_eq!(layer, Some((format!("{ARN}:l:2"), i64::try_from(size).expect("small"))));
    active(&client, "f").await;
    client.delete_layer_version().layer_name("l").version_number(2).send().await.expect("deleted");
    let found = client.get_function_configuration().function_name("f").send().await.expect("is there");
    assert_eq!(found.layers().len(), 1, "a function keeps its layer");
    let body = json!({ "ZipFile": STANDARD.encode(zip(&[("handler.py", &[b'#'; 700])])) });
    let code = Request::json("PUT", "/2015-03-31/functions/f/code", &body).send(server.port());
    assert_eq!(code.status, 400, "the layer counts with new code, too: {code:?}");
    let cleared = client.update_function_configuration().function_name("f").set_layers(Some(vec![]));
    assert!(cleared.send().await.expect("cleared").layers().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_of_other_accounts_come_from_the_library() {
    let library = tempfile::tempdir().expect("a folder");
    let place = library.path().join("580247275435/LambdaInsightsExtension");
    std::fs::create_dir_all(&place).expect("made");
    let package = some("insights");
    std::fs::write(place.join("14.zip"), &package).expect("written");
    std::fs::write(place.join("15.zip"), "no zip").expect("written");
    let mut server = Server::start(Options::any().with("LARDER_LAYER_LIBRARY", library.path().display()));
    let client = server.client();
    let theirs = "arn:aws:lambda:us-east-1:580247275435:layer:LambdaInsightsExtension";
    let with = |arn: String| creation(&client, "f", Runtime::Python312, some("code")).layers(arn).send();
    let broken = with(format!("{theirs}:15")).await.expect_err("no zip");
    assert!(format!("{broken:?}").contains("Could not unzip uploaded file"), "{broken:?}");
    let absent = with(format!("{theirs}:13")).await.expect_err("is in no library");
    assert!(format!("{absent:?}").contains("is not authorized to perform: lambda:GetLayerVersion"), "{absent:?}");

    let created = with(format!("{theirs}:14")).await.expect("created");
    assert_eq!(created.layers()[0].code_size(), i64::try_from(package.len()).expect("small"));
    // It is in the store now: neither the library nor this account is needed again.
    drop(library);
    server.kill();
    server.restart();
    let other = server.client_of("111111111111", "us-east-1");
    creation(&other, "g", Runtime::Python312, some("code"))
        .layers(format!("{theirs}:14"))
        .send()
        .await
        .expect("created");
}

on_each_executor! {
    async fn a_function_finds_its_layers_in_opt(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let library = |text: &str| format!("text = {text:?}\n").into_bytes();
        let (lower, upper) = (library("lower"), library("upper"));
        publish(&client, "a", zip(&[("python/a.py", lower.as_slice()), ("python/b.py", lower.as_slice())])).await;
        publish(&client, "b", zip(&[("python/b.py", upper.as_slice()), ("data/file", b"x")])).await;
        let code = "
import os, a, b
def handler(event, context):
    return [a.text, b.text, sorted(os.listdir('/opt'))]
";
        let function = creation(&client, "f", Runtime::Python311, python(code));
        function.layers(format!("{ARN}:a:1")).layers(format!("{ARN}:b:1")).send().await.expect("created");
        active(&client, "f").await;
        // What was deleted goes on working where it is used.
        client.delete_layer_version().layer_name("a").version_number(1).send().await.expect("deleted");
        let found = invoke(&client, "f", json!({})).await.response();
        assert_eq!(found, json!(["lower", "upper", ["data", "python"]]));
    }

    async fn modules_of_node_find_packages_of_layers_however_they_are_imported(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let package: &[u8] = br#"{"name":"both","exports":{"import":"./module.mjs","require":"./common.cjs"}}"#;
        let layer = zip(&[
            ("nodejs/node_modules/both/package.json", package),
            ("nodejs/node_modules/both/module.mjs", b"export default 'module';"),
            ("nodejs/node_modules/both/common.cjs", b"module.exports = 'common';"),
            ("nodejs/node20/node_modules/old/index.js", b"exports.name = 'old';"),
        ]);
        publish(&client, "packages", layer).await;
        let module: &[u8] = b"
            import both from 'both';
            import { name } from 'old';
            const missing = await import('nowhere').catch((error) => error.code);
            export const handler = async () => [both, name, missing, (await import('old')).name];";
        let common: &[u8] = b"
            const both = require('both');
            exports.handler = async () => [both, (await import('both')).default];";
        for (name, file, code, expected) in [
            ("module", "handler.mjs", module, json!(["module", "old", "ERR_MODULE_NOT_FOUND", "old"])),
            ("common", "handler.js", common, json!(["common", "module"])),
        ] {
            let function = creation(&client, name, Runtime::Nodejs20x, zip(&[(file, code)]));
            function.layers(format!("{ARN}:packages:1")).send().await.expect("created");
            active(&client, name).await;
            assert_eq!(invoke(&client, name, json!({})).await.response(), expected, "{name}");
        }
    }
}
