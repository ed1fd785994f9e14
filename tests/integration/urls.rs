//! Function URLs through the SDK.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use aws_sdk_lambda::types::{Cors, FunctionUrlAuthType, InvokeMode};
use serde_json::json;

use crate::support::functions::{active, create_some};
use crate::support::http::Request;
use crate::support::{Options, Server};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:reached";

async fn create_with_alias(client: &Client) {
    create_some(client, "reached").await;
    client.publish_version().function_name("reached").send().await.expect("published");
    client.create_alias().function_name("reached").name("live").function_version("1").send().await.expect("created");
}

#[tokio::test(flavor = "multi_thread")]
async fn urls_of_a_function_and_its_alias_live_and_go_with_them() {
    let mut server = Server::start(Options::any());
    let client = server.client();
    create_with_alias(&client).await;
    let created = client.create_function_url_config().function_name("reached").auth_type(FunctionUrlAuthType::None);
    let created = created.send().await.expect("created");
    assert_eq!((created.function_arn(), created.invoke_mode()), (FUNCTION, None));
    let id = created.function_url().strip_prefix("http://").and_then(|url| url.split('.').next()).expect("an id");
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{id}");
    let url = format!("http://{id}.lambda-url.us-east-1.localhost:{}/", server.port());
    assert_eq!(created.function_url(), url);
    let cors = Cors::builder().allow_origins("*").allow_methods("GET").max_age(60).build();
    client
        .create_function_url_config()
        .function_name("reached")
        .qualifier("live")
        .auth_type(FunctionUrlAuthType::AwsIam)
        .invoke_mode(InvokeMode::ResponseStream)
        .cors(cors.clone())
        .send()
        .await
        .expect("created");

    server.kill();
    server.restart();
    let found = client.get_function_url_config().function_name("reached").send().await.expect("is there");
    assert_eq!((found.function_url(), found.auth_type()), (&*url, &FunctionUrlAuthType::None));
    assert_eq!((found.invoke_mode(), found.cors()), (Some(&InvokeMode::Buffered), None));
    assert_eq!(found.creation_time(), found.last_modified_time());
    assert!(found.creation_time().ends_with('Z') && found.creation_time().len() == 24, "{}", found.creation_time());

    // An update keeps what it is not given; empty CORS takes it away.
    let update = client.update_function_url_config().function_name("reached:live");
    let updated = update.auth_type(FunctionUrlAuthType::None).send().await.expect("updated");
    assert_eq!(updated.function_arn(), format!("{FUNCTION}:live"));
    assert_eq!((updated.cors(), updated.invoke_mode()), (Some(&cors), Some(&InvokeMode::ResponseStream)));
    assert_ne!(updated.creation_time(), updated.last_modified_time());
    let update = client.update_function_url_config().function_name("reached").qualifier("live");
    let updated = update.cors(Cors::builder().build()).send().await.expect("updated");
    assert_eq!((updated.cors(), updated.auth_type()), (None, &FunctionUrlAuthType::None));

    let listed = client.list_function_url_configs().function_name("reached").max_items(1).send().await.expect("listed");
    assert_eq!(listed.function_url_configs()[0].function_arn(), FUNCTION);
    let next = client.list_function_url_configs().function_name("reached").set_marker(listed.next_marker);
    let next = next.send().await.expect("listed");
    assert_eq!(next.function_url_configs()[0].function_arn(), format!("{FUNCTION}:live"));
    assert_eq!((next.function_url_configs().len(), next.next_marker()), (1, None));

    client.delete_alias().function_name("reached").name("live").send().await.expect("deleted");
    let listed = client.list_function_url_configs().function_name("reached").send().await.expect("listed");
    assert_eq!(listed.function_url_configs().len(), 1, "the alias's is gone with it");
    client.delete_function_url_config().function_name("reached").send().await.expect("deleted");
    let again = client.create_function_url_config().function_name("reached").auth_type(FunctionUrlAuthType::None);
    assert_ne!(again.send().await.expect("created").function_url(), url, "a new URL has another address");
    client.delete_function().function_name("reached").send().await.expect("deleted");
    create_some(&client, "reached").await;
    active(&client, "reached").await;
    let error = client.get_function_url_config().function_name("reached").send().await.expect_err("is gone");
    assert_eq!(error.message(), Some("The resource you requested does not exist."));
}

#[tokio::test(flavor = "multi_thread")]
async fn urls_that_cannot_be_are_refused_in_awss_words() {
    let server = Server::start(Options::any());
    create_with_alias(&server.client()).await;
    let (none, path) = (json!({ "AuthType": "NONE" }), "/2021-10-31/functions/reached/url");
    let pattern =
        r"failed to satisfy constraint: Member must satisfy regular expression pattern: ((?!^\d+$)^[0-9a-zA-Z-_]+$)";
    let qualifier = |value| format!("1 validation error detected: Value '{value}' at 'qualifier' {pattern}");
    let validation = "ValidationException";
    let not_found = "ResourceNotFoundException";
    let first = Request::json("POST", path, &none).send(server.port());
    assert_eq!(first.status, 201, "{first:?}");
    let sequence = server.sequence();
    let header = "x".repeat(1025);
    let cases = [
        (path.into(), &none, 409, "ResourceConflictException", format!(
            "Failed to create function url config for [functionArn = {FUNCTION}]. Error message:  FunctionUrlConfig \
             exists for this Lambda function"
        )),
        (format!("{path}?Qualifier=1"), &none, 400, validation, qualifier("1")),
        (format!("{path}?Qualifier=%24LATEST"), &none, 400, validation, qualifier("$LATEST")),
        (format!("{path}?Qualifier=nobody"), &none, 404, not_found, "Function does not exist".into()),
        (path.replace("reached", "nobody"), &none, 404, not_found, "Function does not exist".into()),
        (path.into(), &json!({}), 400, validation,
            "1 validation error detected: Value null at 'authType' failed to satisfy constraint: Member must not be null".into()),
        (path.into(), &json!({ "AuthType": "NONE", "InvokeMode": "x" }), 400, validation,
            "1 validation error detected: Value 'x' at 'invokeMode' failed to satisfy constraint: Member must satisfy enum \
             value set: [RESPONSE_STREAM, BUFFERED]".into()),
        (path.into(), &json!({ "AuthType": "NONE", "Cors": { "AllowMethods": ["GET", "OPTIONS"] } }), 400, validation,
            "1 validation error detected: Value '[GET, OPTIONS]' at 'cors.allowMethods' failed to satisfy constraint: Member \
             must satisfy constraint: [Member must have length less than or equal to 6, Member must have length greater than \
             or equal to 0, Member must satisfy regular expression pattern: .*, Member must not be null]".into()),
        (path.into(), &json!({ "AuthType": "NONE", "Cors": { "MaxAge": 86401 } }), 400, validation,
            "1 validation error detected: Value '86401' at 'cors.maxAge' failed to satisfy constraint: Member must have value \
             less than or equal to 86400".into()),
        (path.into(), &json!({ "AuthType": "NONE", "Cors": { "ExposeHeaders": [header] } }), 400, validation, format!(
            "1 validation error detected: Value '[{header}]' at 'cors.exposeHeaders' failed to satisfy constraint: Member \
             must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater \
             than or equal to 0, Member must satisfy regular expression pattern: .*, Member must not be null]"
        )),
    ];
    for (path, body, status, code, message) in cases {
        let answer = Request::json("POST", &path, body).send(server.port());
        assert_eq!((answer.status, answer.error(), answer.message()), (status, code, message), "{path} {body}");
    }
    for method in ["GET", "DELETE", "PUT"] {
        let missing = Request::json(method, &format!("{path}?Qualifier=live"), &json!({})).send(server.port());
        assert_eq!((missing.status, missing.message().as_str()), (404, "The resource you requested does not exist."));
    }
    let nobody = Request::new("GET", "/2021-10-31/functions/nobody/urls").send(server.port());
    assert_eq!((nobody.status, nobody.message().as_str()), (404, "Function does not exist"));
    assert_eq!(server.sequence(), sequence);
}
