//! Tags of functions and code-signing configurations.

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::functions::{create_some, creation, some};
use crate::support::http::{Answer, Request};
use crate::support::{Options, Server};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

fn tag(server: &Server, arn: &str, tags: &serde_json::Value) -> Answer {
    let path = format!("/2017-03-31/tags/{}", arn.replace(':', "%3A"));
    Request::json("POST", &path, &json!({ "Tags": tags })).send(server.port())
}

fn list(server: &Server, arn: &str) -> Answer {
    Request::new("GET", &format!("/2017-03-31/tags/{arn}")).send(server.port())
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_are_tagged_and_untagged() {
    let mut server = Server::start(Options::any());
    let client = server.client();
    create_some(&client, "f").await;
    let revision = |client: aws_sdk_lambda::Client| async move {
        let found = client.get_function_configuration().function_name("f").send().await.expect("is there");
        found.revision_id().expect("a revision").to_owned()
    };
    let created = revision(client.clone()).await;
    client.tag_resource().resource(FUNCTION).tags("a", "1").tags("b", "2").send().await.expect("tagged");
    client.tag_resource().resource(FUNCTION).tags("b", "3").tags("c", "").send().await.expect("tagged");
    assert_ne!(revision(client.clone()).await, created);
    client.untag_resource().resource(FUNCTION).tag_keys("a").tag_keys("none").send().await.expect("untagged");
    server.kill();
    server.restart();
    let found = client.list_tags().resource(FUNCTION).send().await.expect("listed");
    let found: BTreeMap<_, _> = found.tags().expect("tags").clone().into_iter().collect();
    assert_eq!(found, BTreeMap::from([("b".to_owned(), "3".to_owned()), ("c".to_owned(), String::new())]));
    let shown = client.get_function().function_name("f").send().await.expect("is there");
    assert_eq!(shown.tags().map(std::collections::HashMap::len), Some(2));
    client.untag_resource().resource(FUNCTION).tag_keys("b").tag_keys("c").send().await.expect("untagged");
    assert_eq!(list(&server, FUNCTION).json(), json!({ "Tags": {} }));
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_have_rules() {
    let server = Server::start(Options::any());
    let client = server.client();
    create_some(&client, "f").await;
    let many = |count: usize| json!((0..count).map(|n| (n.to_string(), "x".to_owned())).collect::<BTreeMap<_, _>>());
    let refused = |answer: &Answer| (answer.status, answer.error().to_owned(), answer.message());
    let invalid = |message: &str| (400, "InvalidParameterValueException".to_owned(), message.to_owned());
    let too_many = invalid("Number of tags exceeds resource tag limit.");
    assert_eq!(refused(&tag(&server, FUNCTION, &many(51))), too_many);
    assert_eq!(tag(&server, FUNCTION, &many(50)).status, 204);
    assert_eq!(tag(&server, FUNCTION, &many(50)).status, 204, "the same tags again");
    assert_eq!(refused(&tag(&server, FUNCTION, &json!({ "more": "x" }))), too_many);
    let reserved = tag(&server, FUNCTION, &json!({ "aws:x": "x" }));
    assert_eq!(reserved.error(), "InvalidParameterValueException");
    let error = creation(&client, "g", aws_sdk_lambda::types::Runtime::Providedal2023, some("g"));
    let error = error.tags("aws:x", "x").send().await.expect_err("is refused").into_service_error();
    assert!(error.is_invalid_parameter_value_exception(), "{error:?}");
    let nothing = invalid("An error occurred and the request cannot be processed.");
    assert_eq!(refused(&tag(&server, FUNCTION, &json!({}))), nothing);
    let untag = Request::new("DELETE", &format!("/2017-03-31/tags/{FUNCTION}")).send(server.port());
    assert_eq!(
        untag.message(),
        "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must not be null"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_there_and_can_have_tags_is_tagged() {
    let server = Server::start(Options::any());
    create_some(&server.client(), "f").await;
    let arn = |end: &str| format!("arn:aws:lambda:us-east-1:000000000000:{end}");
    let of = |end: &str| {
        let answer = list(&server, &arn(end));
        (answer.status, answer.error().to_owned(), answer.message())
    };
    let qualified = "Tags on function aliases and versions are not supported. Please specify a function ARN.";
    for end in ["function:f:1", "function:f:live", "function:f:$LATEST", "function:nobody:1"] {
        assert_eq!(of(end), (400, "InvalidParameterValueException".into(), qualified.into()), "{end}");
    }
    let uuid = "01234567-89ab-cdef-0123-456789abcdef";
    let csc = "code-signing-config:csc-0123456789abcdef0";
    for (end, message) in [
        ("function:nobody".to_owned(), format!("Function not found: {}", arn("function:nobody"))),
        ("capacity-provider:p".to_owned(), format!("Capacity provider not found: {}", arn("capacity-provider:p"))),
        (
            format!("event-source-mapping:{uuid}"),
            format!("Event source mapping not found: {}", arn(&format!("event-source-mapping:{uuid}"))),
        ),
        (csc.to_owned(), format!("The Lambda code signing configuration {} can not be found.", arn(csc))),
    ] {
        assert_eq!(of(&end), (404, "ResourceNotFoundException".into(), message));
    }
    assert_eq!(of("capacity-provider:p:x").1, "ValidationException");
    assert_eq!(list(&server, "f").error(), "ValidationException");
    let other = list(&server, "arn:aws:lambda:us-east-1:111111111111:function:f");
    assert_eq!((other.status, other.error()), (403, "AccessDeniedException"));
    let elsewhere = list(&server, "arn:aws:lambda:eu-west-1:000000000000:function:f");
    assert_eq!(elsewhere.message(), "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')");
}
