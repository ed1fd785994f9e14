//! Resource-based policies of functions, statement by statement and as documents.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::FunctionUrlAuthType;
use serde_json::{Value, json};

use crate::support::functions::create_some;
use crate::support::http::{Answer, Request};
use crate::support::{Options, Server};

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

/// A server with the function `f`, its version 1 and an alias `live`.
async fn stage() -> (Server, Client) {
    let server = Server::start(Options::any());
    let client = server.client();
    create_some(&client, "f").await;
    client.publish_version().function_name("f").send().await.expect("published");
    client.create_alias().function_name("f").name("live").function_version("1").send().await.expect("an alias");
    (server, client)
}

fn add(server: &Server, function: &str, query: &str, more: &Value) -> Answer {
    let mut body = json!({ "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com" });
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    Request::json("POST", &format!("/2015-03-31/functions/{function}/policy{query}"), &body).send(server.port())
}

fn call(server: &Server, method: &str, path: &str) -> Answer {
    Request::new(method, &format!("/2015-03-31/functions/{path}")).send(server.port())
}

/// Status, code and message of a refusal.
fn refused(answer: &Answer) -> (u16, &str, String) {
    (answer.status, answer.error(), answer.message())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_one_text_and_survives_a_kill() {
    let (mut server, client) = stage().await;
    let added = client.add_permission().function_name("f").statement_id("first").principal("s3.amazonaws.com");
    let added = added.action("lambda:InvokeFunction").source_arn("arn:aws:s3:::b").source_account("000000000000");
    let added = added.send().await.expect("added");
    let first = format!(
        r#"{{"Sid":"first","Effect":"Allow","Principal":{{"Service":"s3.amazonaws.com"}},"Action":"lambda:InvokeFunction","Resource":"{ARN}","Condition":{{"StringEquals":{{"AWS:SourceAccount":"000000000000"}},"ArnLike":{{"AWS:SourceArn":"arn:aws:s3:::b"}}}}}}"#
    );
    assert_eq!(added.statement(), Some(first.as_str()));
    let url = client.add_permission().function_name("f").statement_id("url").principal("*").qualifier("live");
    let url = url.action("lambda:InvokeFunctionUrl").function_url_auth_type(FunctionUrlAuthType::None);
    url.send().await.expect("added");
    let via = add(&server, "f", "?Qualifier=live", &json!({ "StatementId": "via", "InvokedViaFunctionUrl": true }));
    assert_eq!(via.status, 201, "{via:?}");
    let statement: Value = serde_json::from_str(via.json()["Statement"].as_str().expect("a text")).expect("JSON");
    assert_eq!(statement["Condition"], json!({ "Bool": { "lambda:InvokedViaFunctionUrl": "true" } }));
    assert_eq!(statement["Resource"], json!(format!("{ARN}:live")));

    server.kill();
    server.restart();
    let client = server.client();
    let policy = client.get_policy().function_name("f").send().await.expect("a policy");
    let document = format!(r#"{{"Version":"2012-10-17","Id":"default","Statement":[{first}]}}"#);
    assert_eq!(policy.policy(), Some(document.as_str()));
    let found = client.get_function_configuration().function_name("f").send().await.expect("is there");
    assert_eq!(found.revision_id(), policy.revision_id(), "a policy's change is one of the function, too");
    client.publish_version().function_name("f").send().await.expect("the same version");
    let alias = client.get_policy().function_name("f:live").send().await.expect("a policy");
    assert_ne!(alias.revision_id(), policy.revision_id());

    let remove = client.remove_permission().function_name("f").statement_id("first");
    let remove = remove.set_revision_id(policy.revision_id().map(str::to_owned));
    remove.send().await.expect("removed");
    let gone = refused(&call(&server, "GET", "f/policy")).2;
    assert_eq!(gone, "The resource you requested does not exist.");
    client.delete_alias().function_name("f").name("live").send().await.expect("deleted");
    client.create_alias().function_name("f").name("live").function_version("1").send().await.expect("anew");
    assert_eq!(call(&server, "GET", "f/policy?Qualifier=live").status, 404, "a policy goes with its alias");
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_awss() {
    let (server, _client) = stage().await;
    assert_eq!(add(&server, "f", "", &json!({})).status, 201);
    let not_found = |message: &str| (404, "ResourceNotFoundException", message.to_owned());
    let invalid = |message: &str| (400, "InvalidParameterValueException", message.to_owned());
    let wrong_revision = (
        412,
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. \
         Call the GetPolicy API to retrieve the latest Revision Id"
            .to_owned(),
    );
    let (none, wrong) = (json!({}), json!({ "RevisionId": "wrong" }));
    let latest = "We currently do not support adding policies for $LATEST.";
    assert_eq!(refused(&add(&server, "f", "?Qualifier=$LATEST", &none)), invalid(latest));
    assert_eq!(refused(&add(&server, "g", "", &none)), not_found(&format!("Function not found: {}g", &ARN[..47])));
    assert_eq!(refused(&add(&server, "f:9", "", &none)), not_found(&format!("Function not found: {ARN}:9")));
    assert_eq!(refused(&add(&server, "f:no", "", &none)), not_found(&format!("Cannot find alias arn: {ARN}:no")));
    assert_eq!(refused(&add(&server, "f", "?Qualifier=live", &wrong)), wrong_revision);
    let taken = "The statement id (s) provided already exists. Please provide a new statement id, or remove the \
                 existing statement.";
    let conflict = (409, "ResourceConflictException", taken.to_owned());
    assert_eq!(refused(&add(&server, "f", "", &none)), conflict);
    let nobody = add(&server, "f", "", &json!({ "StatementId": "t", "Principal": "nobody" }));
    let principal = "The provided principal was invalid. Please check the principal and try again.";
    assert_eq!(refused(&nobody), invalid(principal));
    let sid = refused(&add(&server, "f", "", &json!({ "StatementId": "s.1" }))).2;
    assert!(sid.ends_with(
        "'statementId' failed to satisfy constraint: Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)"
    ));

    let no_policy = "No policy is associated with the given resource.";
    let removed = |path: &str| refused_owned(&call(&server, "DELETE", path));
    assert_eq!(removed("g/policy/s").2, format!("No policy found for: {}g", &ARN[..47]));
    assert_eq!(removed("f/policy/s?Qualifier=1").2, no_policy);
    assert_eq!(removed("f/policy/t").2, "Statement t is not found in resource policy.");
    assert_eq!(removed("f/policy/s?RevisionId=wrong").2, wrong_revision.2);

    let long = |index: usize| json!({ "StatementId": format!("l{index}"), "SourceArn": format!("arn:aws:s3:::{}", "x".repeat(9_975)) });
    assert_eq!(add(&server, "f", "", &long(0)).status, 201);
    let (status, code, message) = refused_owned(&add(&server, "f", "", &long(1)));
    assert_eq!((status, code.as_str()), (400, "PolicyLengthExceededException"));
    assert!(message.starts_with("The final policy size (20") && message.ends_with("bigger than the limit (20480)."));
}

fn refused_owned(answer: &Answer) -> (u16, String, String) {
    let (status, code, message) = refused(answer);
    (status, code.to_owned(), message)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_and_its_statements_are_one_policy() {
    let (server, client) = stage().await;
    let path = |arn: &str| format!("/2026-07-09/resource-policy/{}", arn.replace(':', "%3A"));
    let put = |arn: &str, body: &Value| Request::json("PUT", &path(arn), body).send(server.port());
    let get = |arn: &str| Request::new("GET", &path(arn)).send(server.port());
    let statement = |sid: &str, effect: &str| json!({ "Sid": sid, "Effect": effect, "Principal": { "AWS": "arn:aws:iam::111111111111:root" }, "Action": "lambda:*", "Resource": format!("{ARN}:*") });
    let document = |statement: &Value| json!({ "Policy": json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string() });

    assert_eq!(add(&server, "f", "", &json!({})).status, 201);
    let written = document(&statement("mine", "Deny"));
    let answer = put(ARN, &written);
    assert_eq!((answer.status, &answer.json()["Policy"]), (200, &written["Policy"]), "{answer:?}");
    assert_eq!(get(ARN).json(), answer.json());
    let policy = client.get_policy().function_name("f").send().await.expect("the same policy");
    assert_eq!(policy.policy(), written["Policy"].as_str());
    assert_eq!(policy.revision_id(), answer.json()["RevisionId"].as_str());

    assert_eq!(add(&server, "f", "", &json!({})).status, 201, "a statement is appended");
    let mut stale = document(&statement("other", "Allow"));
    stale["RevisionId"] = answer.json()["RevisionId"].clone();
    let refusal = put(ARN, &stale);
    assert_eq!((refusal.status, refusal.error()), (412, "PreconditionFailedException"));
    let statements = get(ARN).json()["Policy"].as_str().map(|text| text.matches("\"Sid\"").count());
    assert_eq!(statements, Some(2));
    assert_eq!(get(&format!("{ARN}:1")).status, 404, "a version has its own policy");

    let mut everybody = statement("all", "Allow");
    everybody["Principal"] = json!("*");
    let public = put(ARN, &document(&everybody));
    assert_eq!((public.status, public.error()), (400, "PublicPolicyException"), "{public:?}");
    let broken = put(ARN, &json!({ "Policy": "{" }));
    assert_eq!((broken.status, broken.error()), (400, "InvalidParameterValueException"));
    let elsewhere = get("arn:aws:lambda:us-east-1:999999999999:function:f");
    assert_eq!((elsewhere.status, elsewhere.error()), (403, "AccessDeniedException"));
    assert_eq!(get("arn:aws:lambda:us-east-1:000000000000:layer:l").error(), "ValidationException");

    let delete = || Request::new("DELETE", &path(ARN)).send(server.port());
    assert_eq!(delete().status, 204);
    assert_eq!((delete().status, get(ARN).status), (404, 404));
}
