//! Callers who are asked: signatures and policies, as far as `--authorize` says.

use std::process::Command;

use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use aws_sdk_lambda::types::Runtime;
use serde_json::{Value, json};

use crate::on_each_executor;
use crate::support::functions::{active, create_python, creation, python};
use crate::support::http::{Request, get};
use crate::support::invoke::invoke;
use crate::support::python::{Moto, script};
use crate::support::{Options, Server};

const ECHO: &str = "def handler(event, context):\n    return event\n";

#[tokio::test(flavor = "multi_thread")]
async fn all_callers_are_asked_for_signature_and_permission() {
    let server = Server::start(Options::any().with("LARDER_AUTHORIZE", "all"));
    let request_id = script("use_authorization.py", &[&server.url()]);
    let request_id = request_id.trim();

    let shown = why_denied(&server, &[request_id]);
    for line in [
        "who        arn:aws:iam::000000000000:user/zoe",
        "action     lambda:GetFunction",
        "decided by there is no identity-based policy",
        "aws:username = zoe",
    ] {
        assert!(shown.contains(line), "{line} is not in {shown}");
    }
    let listed: Value = serde_json::from_str(&why_denied(&server, &["--json"])).expect("is JSON");
    let decided: Vec<_> =
        listed.as_array().expect("a list").iter().map(|denied| denied["decided_by"].as_str()).collect();
    for statement in [
        "statement 1 of the identity-based policy arn:aws:iam::000000000000:policy/no-secrets denies it",
        "no statement of the permissions boundary allows it: arn:aws:iam::000000000000:policy/bound",
    ] {
        assert!(decided.contains(&Some(statement)), "{statement} is not in {decided:?}");
    }
    assert!(server.log().contains("refused: User: arn:aws:iam::000000000000:user/zoe"), "the log says it too");
}

/// What `larder why-denied` prints.
fn why_denied(server: &Server, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.arg("why-denied").args(arguments).args(["--endpoint", &server.url()]);
    let output = command.output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("is text")
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_of_resources_count_alone_where_only_they_are_asked() {
    let server = Server::start(Options::any().with("LARDER_AUTHORIZE", "resource"));
    let owner = server.client();
    create_python(&owner, "f", ECHO).await;
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
    let stranger = server.client_of("111111111111", "us-east-1");

    let refused = stranger.invoke().function_name(arn).send().await.expect_err("is refused").into_service_error();
    assert_eq!(refused.code(), Some("AccessDeniedException"));
    let message = "User: arn:aws:iam::111111111111:root is not authorized to perform: lambda:InvokeFunction on resource: \
                   arn:aws:lambda:us-east-1:000000000000:function:f because no resource-based policy allows the \
                   lambda:InvokeFunction action";
    assert_eq!(refused.message(), Some(message));
    let permission = owner.add_permission().function_name("f").statement_id("s").action("lambda:InvokeFunction");
    permission.principal("111111111111").send().await.expect("is added");
    stranger.invoke().function_name(arn).send().await.expect("may");

    // A policy that denies, as a whole: also its own account.
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Principal":"*","Action":"lambda:InvokeFunction","Resource":"{arn}"}}]}}"#
    );
    let path = format!("/2026-07-09/resource-policy/{}", arn.replace(':', "%3A"));
    let put = Request::json("PUT", &path, &json!({ "Policy": policy })).signed("test", "us-east-1").send(server.port());
    assert_eq!(put.status, 200, "{}", put.message());
    let refused = owner.invoke().function_name("f").send().await.expect_err("is refused");
    assert!(format!("{refused:?}").contains("with an explicit deny in a resource-based policy"), "{refused:?}");

    // Signatures are not looked at: tools without keys go on.
    assert_eq!(get(server.port(), "/2015-03-31/functions").status, 200);
}

/// Signs a call of its own with its environment's credentials, as AWS's clients do.
const CALLS_BACK: &str = r#"
import datetime, hashlib, hmac, os, urllib.error, urllib.parse, urllib.request

def handler(event, context):
    method, path = event
    endpoint = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
    time = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{time[:8]}/us-east-1/lambda/aws4_request"
    headers = {"host": endpoint.netloc, "x-amz-date": time, "x-amz-security-token": os.environ["AWS_SESSION_TOKEN"]}
    names = ";".join(headers)
    empty = hashlib.sha256(b"").hexdigest()
    canonical = "\n".join([method, path, "", *(f"{name}:{value}" for name, value in headers.items()), "", names, empty])
    text = "\n".join(["AWS4-HMAC-SHA256", time, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"]).encode()
    for part in [*scope.split("/"), text]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    credential = os.environ["AWS_ACCESS_KEY_ID"] + "/" + scope
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={key.hex()}"
    request = urllib.request.Request(endpoint.geturl() + path, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return [answer.status, answer.read().decode()]
    except urllib.error.HTTPError as error:
        return [error.code, error.read().decode()]
"#;

on_each_executor! {
async fn a_function_may_what_its_role_may(executor) {
    let server = Server::start(Options::new(executor).with("LARDER_AUTHORIZE", "all"));
    let client = server.client();
    let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"lambda:GetFunction","Resource":"*"}}"#;
    script("make_role.py", &[&server.url(), "limited", policy]);
    for name in ["limited", "unknown"] {
        let role = format!("arn:aws:iam::000000000000:role/{name}");
        let creation = creation(&client, name, Runtime::Python311, python(CALLS_BACK));
        creation.role(role).send().await.expect("created");
        active(&client, name).await;
    }

    let call = async |function: &str, method: &str, path: &str| {
        invoke(&client, function, json!([method, path])).await.response()
    };
    let get = "/2015-03-31/functions/limited";
    assert_eq!(call("limited", "GET", get).await[0], 200);
    let refused = call("limited", "DELETE", get).await;
    assert_eq!(refused[0], 403);
    let text = "User: arn:aws:sts::000000000000:assumed-role/limited/limited is not authorized to perform: \
                lambda:DeleteFunction on resource: arn:aws:lambda:us-east-1:000000000000:function:limited because no \
                identity-based policy allows the lambda:DeleteFunction action";
    assert!(refused[1].as_str().expect("a text").contains(text), "{refused}");
    // Of a role that nobody made here nothing is known.
    assert_eq!(call("unknown", "DELETE", get).await[0], 204);
}
}

#[test]
fn only_who_signs_gets_the_keys_of_an_upstream() {
    let moto = Moto::start_verifying();
    let options = Options::any().with("LARDER_UPSTREAM", moto.url()).with("LARDER_UPSTREAM_CA", moto.file("ca.pem"));
    let options = options.with("LARDER_UPSTREAM_CREDENTIALS", moto.file("credentials"));
    let options = options.with("LARDER_UPSTREAM_PROFILE", "upstream").with("LARDER_AUTHORIZE", "all");
    let server = Server::start(options);
    assert_eq!(script("use_passing.py", &[&server.url()]).trim(), "all of it");
}

#[test]
fn keys_of_a_file_are_their_accounts_own() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let keys = "[dev]\naws_access_key_id = AKIADEV\naws_secret_access_key = s3cret\naws_account_id = 123456789012\n";
    std::fs::write(file.path(), keys).expect("writes");
    let options = Options::any().with("LARDER_AUTHORIZE", "all").with("LARDER_CREDENTIALS", file.path().display());
    let server = Server::start(options);
    let who = |key: &str, secret: &str| script("who_am_i.py", &[&server.url(), key, secret]);

    assert_eq!(who("AKIADEV", "s3cret").trim(), "arn:aws:iam::123456789012:root");
    assert_eq!(who("AKIADEV", "other").trim(), "SignatureDoesNotMatch");
    assert_eq!(who("test", "test").trim(), "InvalidClientTokenId", "the field's examples count no more");

    std::fs::write(file.path(), "[dev]\n").expect("writes");
    let options = Options::any().with("LARDER_CREDENTIALS", file.path().display());
    let refused = Server::try_start(options).expect_err("has no keys");
    assert!(refused.contains("no profile has an access key in it"), "{refused}");
}
