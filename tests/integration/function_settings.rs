//! Recursion and runtime management through the SDK.

use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use aws_sdk_lambda::types::{RecursiveLoop, UpdateRuntimeOn};
use serde_json::json;

use crate::support::functions::create_some;
use crate::support::http::Request;
use crate::support::{Options, Server};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:set";
const RUNTIME: &str =
    "arn:aws:lambda:us-east-1::runtime:8eeff65f6809a3ce81507fe733fe09b835899b99481ba22fd75b5a7338290ec1";

#[tokio::test(flavor = "multi_thread")]
async fn recursion_and_runtime_management_are_kept() {
    let mut server = Server::start(Options::any());
    let client = server.client();
    create_some(&client, "set").await;
    client.publish_version().function_name("set").send().await.expect("published");
    let found = client.get_function_recursion_config().function_name("set").send().await.expect("is there");
    assert_eq!(found.recursive_loop(), Some(&RecursiveLoop::Terminate));
    let put = client.put_function_recursion_config().function_name(FUNCTION).recursive_loop(RecursiveLoop::Allow);
    assert_eq!(put.send().await.expect("put").recursive_loop(), Some(&RecursiveLoop::Allow));
    let put = client.put_runtime_management_config().function_name("set").qualifier("1");
    let put = put.update_runtime_on(UpdateRuntimeOn::Manual).runtime_version_arn(RUNTIME).send().await.expect("put");
    assert_eq!((put.function_arn(), put.runtime_version_arn()), (&*format!("{FUNCTION}:1"), Some(RUNTIME)));

    server.kill();
    server.restart();
    let found = client.get_function_recursion_config().function_name("set").send().await.expect("is there");
    assert_eq!(found.recursive_loop(), Some(&RecursiveLoop::Allow));
    let found = client.get_runtime_management_config().function_name("set:1").send().await.expect("is there");
    assert_eq!(
        (found.update_runtime_on(), found.runtime_version_arn()),
        (Some(&UpdateRuntimeOn::Manual), Some(RUNTIME))
    );
    let shown = client.get_function_configuration().function_name("set").qualifier("1").send().await.expect("is there");
    assert_eq!(shown.runtime_version_config().and_then(|config| config.runtime_version_arn()), Some(RUNTIME));
    let latest = client.get_runtime_management_config().function_name("set").send().await.expect("is there");
    assert_eq!((latest.update_runtime_on(), latest.runtime_version_arn()), (Some(&UpdateRuntimeOn::Auto), None));
    assert_eq!(latest.function_arn(), Some(FUNCTION));
    let put = client.put_runtime_management_config().function_name("set:1").update_runtime_on(UpdateRuntimeOn::Auto);
    assert_eq!(put.send().await.expect("put").runtime_version_arn(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_cannot_be_are_refused() {
    let server = Server::start(Options::any());
    let client = server.client();
    create_some(&client, "set").await;
    let sequence = server.sequence();
    let error = client.get_function_recursion_config().function_name("nobody").send().await.expect_err("is not there");
    let nobody = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody";
    assert_eq!(error.message(), Some(nobody));
    let path = "/2024-08-31/functions/set/recursion-config";
    let answer = Request::json("PUT", path, &json!({ "RecursiveLoop": "x" })).send(server.port());
    assert_eq!((answer.status, answer.error()), (400, "ValidationException"));
    assert_eq!(
        answer.message(),
        "1 validation error detected: Value 'x' at 'recursiveLoop' failed to satisfy constraint: Member must satisfy enum \
         value set: [Terminate, Allow]"
    );
    let path = "/2021-07-20/functions/set/runtime-management-config";
    for (path, body, status, code) in [
        (path, json!({ "UpdateRuntimeOn": "Manual" }), 400, "InvalidParameterValueException"),
        (
            path,
            json!({ "UpdateRuntimeOn": "Auto", "RuntimeVersionArn": RUNTIME }),
            400,
            "InvalidParameterValueException",
        ),
        (path, json!({ "UpdateRuntimeOn": "Manual", "RuntimeVersionArn": "x" }), 400, "ValidationException"),
        (path, json!({}), 400, "ValidationException"),
        (&path.replace("set", "set:7"), json!({ "UpdateRuntimeOn": "Auto" }), 404, "ResourceNotFoundException"),
    ] {
        let answer = Request::json("PUT", path, &body).send(server.port());
        assert_eq!((answer.status, answer.error()), (status, code), "{path} {body}: {answer:?}");
    }
    assert_eq!(server.sequence(), sequence);
}
