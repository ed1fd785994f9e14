//! Code-signing configurations, the functions that have them, and what they refuse.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use aws_sdk_lambda::types::{AllowedPublishers, CodeSigningPolicies, CodeSigningPolicy, Runtime};
use serde_json::{Value, json};

use crate::support::functions::{ROLE, active, create_some, creation, some, zip};
use crate::support::http::{Answer, Request};
use crate::support::{Options, Server};

const CONFIGS: &str = "/2020-04-22/code-signing-configs";
const PROFILE: &str = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/test";

async fn create(client: &Client, policy: CodeSigningPolicy) -> String {
    let publishers = AllowedPublishers::builder().signing_profile_version_arns(PROFILE).build().expect("whole");
    let policies = CodeSigningPolicies::builder().untrusted_artifact_on_deployment(policy).build();
    let create = client.create_code_signing_config().allowed_publishers(publishers).code_signing_policies(policies);
    let created = create.tags("team", "red").send().await.expect("created");
    created.code_signing_config().expect("a configuration").code_signing_config_arn().to_owned()
}

fn refused(answer: &Answer) -> (u16, String, String) {
    (answer.status, answer.error().to_owned(), answer.message())
}

#[tokio::test(flavor = "multi_thread")]
async fn configurations_live_and_are_attached() {
    let mut server = Server::start(Options::any());
    let client = server.client();
    create_some(&client, "f").await;
    let arn = create(&client, CodeSigningPolicy::Enforce).await;
    let id = arn.rsplit(':').next().expect("an id").to_owned();
    let digits = id.strip_prefix("csc-").expect("a prefix");
    assert!(digits.len() == 17 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    // An enforced configuration may be attached to what was not signed.
    let attached = client.put_function_code_signing_config().function_name("f").code_signing_config_arn(&arn);
    let attached = attached.send().await.expect("attached");
    assert_eq!((attached.function_name(), attached.code_signing_config_arn()), ("f", arn.as_str()));
    client.update_code_signing_config().code_signing_config_arn(&arn).description("new").send().await.expect("updated");

    server.kill();
    server.restart();
    let found = Request::new("GET", &format!("{CONFIGS}/{arn}")).send(server.port()).json();
    let found = &found["CodeSigningConfig"];
    assert!(found["LastModified"].as_str().is_some_and(|time| time.ends_with("+0000")), "{found}");
    assert_eq!(
        (&found["Description"], &found["AllowedPublishers"], &found["CodeSigningPolicies"]),
        (
            &json!("new"),
            &json!({ "SigningProfileVersionArns": [PROFILE] }),
            &json!({ "UntrustedArtifactOnDeployment": "Enforce" })
        )
    );
    let of_function = client.get_function_code_signing_config().function_name("f").send().await.expect("is there");
    assert_eq!(of_function.code_signing_config_arn(), arn);
    let listed = client.list_code_signing_configs().send().await.expect("listed");
    assert_eq!(listed.code_signing_configs().len(), 1);
    let users = client.list_functions_by_code_signing_config().code_signing_config_arn(&arn);
    let users = users.send().await.expect("listed");
    assert_eq!(users.function_arns(), ["arn:aws:lambda:us-east-1:000000000000:function:f"]);
    let tags = client.list_tags().resource(&arn).send().await.expect("listed");
    assert_eq!(tags.tags().and_then(|tags| tags.get("team")).map(String::as_str), Some("red"));

    let used = client.delete_code_signing_config().code_signing_config_arn(&arn).send().await.expect_err("is used");
    assert!(used.into_service_error().is_resource_conflict_exception());
    client.delete_function_code_signing_config().function_name("f").send().await.expect("detached");
    client.delete_function_code_signing_config().function_name("f").send().await.expect("nothing to detach");
    let path = "/2020-06-30/functions/f/code-signing-config";
    assert_eq!(Request::new("GET", path).send(server.port()).json(), json!({}));
    client.delete_code_signing_config().code_signing_config_arn(&arn).send().await.expect("deleted");
    let gone = Request::new("GET", &format!("{CONFIGS}/{arn}")).send(server.port());
    let message = format!("The Lambda code signing configuration {arn} can not be found.");
    assert_eq!(refused(&gone), (404, "ResourceNotFoundException".into(), message));
    let attach = Request::json("PUT", path, &json!({ "CodeSigningConfigArn": arn })).send(server.port());
    let message = format!(
        "The code signing configuration cannot be found. Check that the provided configuration is not deleted: {arn}."
    );
    assert_eq!(refused(&attach), (404, "CodeSigningConfigNotFoundException".into(), message));
}

#[tokio::test(flavor = "multi_thread")]
async fn enforced_signing_refuses_unsigned_code() {
    let server = Server::start(Options::any());
    let client = server.client();
    let (enforce, warn) =
        (create(&client, CodeSigningPolicy::Enforce).await, create(&client, CodeSigningPolicy::Warn).await);
    let creation = |name: &str, arn: &str, package: Vec<u8>| {
        creation(&client, name, Runtime::Providedal2023, package).code_signing_config_arn(arn)
    };
    let error = creation("f", &enforce, some("f")).send().await.expect_err("is refused").into_service_error();
    assert!(error.is_code_verification_failed_exception(), "{error:?}");
    let message = "Lambda cannot deploy the function. The function or layer might be signed using a signature that the \
                   client is not configured to accept. Check the provided signature for f.";
    assert_eq!(error.message(), Some(message));
    let signed = |content: &str| {
        zip(&[("bootstrap", content.as_bytes()), ("META_INF/aws_signer_signature_v1.0.SF", b"signature")])
    };
    creation("f", &enforce, signed("f")).send().await.expect("created");
    active(&client, "f").await;
    let update = client.update_function_code().function_name("f").zip_file(some("new").into());
    assert!(update.send().await.expect_err("is refused").into_service_error().is_code_verification_failed_exception());
    client.update_function_code().function_name("f").zip_file(signed("new").into()).send().await.expect("updated");
    creation("warned", &warn, some("warned")).send().await.expect("created");
    let listed = client.list_functions_by_code_signing_config().code_signing_config_arn(&warn);
    assert_eq!(listed.send().await.expect("listed").function_arns().len(), 1);
    client.delete_function().function_name("warned").send().await.expect("deleted");
    client.delete_code_signing_config().code_signing_config_arn(&warn).send().await.expect("is free again");
    let missing = creation("g", &warn, some("g")).send().await.expect_err("is gone").into_service_error();
    assert!(missing.is_code_signing_config_not_found_exception(), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_not_signed_and_publishers_are_checked() {
    let server = Server::start(Options::any());
    let arn = create(&server.client(), CodeSigningPolicy::Warn).await;
    let image = |more: &[(&str, &str)]| {
        let mut body = json!({
            "FunctionName": "image", "Role": ROLE, "PackageType": "Image",
            "Code": { "ImageUri": "000000000000.dkr.ecr.us-east-1.amazonaws.com/image:latest" },
        });
        for (name, value) in more {
            body[*name] = Value::from(*value);
        }
        Request::json("POST", "/2015-03-31/functions", &body).send(server.port())
    };
    let message = "Code signing is not supported for functions created with container images.";
    let unsupported = (400, "InvalidParameterValueException".to_owned(), message.to_owned());
    assert_eq!(refused(&image(&[("CodeSigningConfigArn", &arn)])), unsupported);
    assert_eq!(image(&[]).status, 201);
    let path = "/2020-06-30/functions/image/code-signing-config";
    assert_eq!(refused(&Request::new("GET", path).send(server.port())), unsupported);
    let attach = Request::json("PUT", path, &json!({ "CodeSigningConfigArn": arn })).send(server.port());
    assert_eq!(refused(&attach), unsupported);
    for publishers in [json!([]), json!(vec![PROFILE; 21]), json!(["no-arn"])] {
        let body = json!({ "AllowedPublishers": { "SigningProfileVersionArns": publishers } });
        let answer = Request::json("POST", CONFIGS, &body).send(server.port());
        assert_eq!((answer.status, answer.error()), (400, "ValidationException"), "{body}");
    }
}
