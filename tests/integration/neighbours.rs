//! STS and IAM beside Lambda: by boto3 as deployment tools use them, and by raw HTTP.

use crate::support::http::Request;
use crate::support::python::script;
use crate::support::{Options, Server};

#[test]
fn roles_and_policies_live_on_after_a_kill() {
    let mut server = Server::start(Options::any());
    let run = |server: &Server, part: &str| {
        let output = script("use_neighbours.py", &[&server.url(), part]);
        assert!(output.contains("all as expected"), "{output}");
    };
    run(&server, "make");
    server.kill();
    server.restart();
    run(&server, "check");
    run(&server, "remove");
    let kinds: Vec<_> =
        server.events().iter().map(|event| event["kind"].as_str().expect("a kind").to_owned()).collect();
    for kind in [
        "RolePut",
        "RoleDeleted",
        "PolicyPut",
        "PolicyDeleted",
        "InstanceProfilePut",
        "InstanceProfileDeleted",
        "UserPut",
        "UserDeleted",
        "GroupPut",
        "GroupDeleted",
    ] {
        assert!(kinds.iter().any(|found| found == kind), "no {kind} in {kinds:?}");
    }
}

/// A form, as an unsigned caller sends it.
fn form(server: &Server, fields: &str) -> (u16, String) {
    let request = Request::new("POST", "/").body(fields.as_bytes().to_vec());
    let answer = request.header("content-type", "application/x-www-form-urlencoded").send(server.port());
    assert_eq!(answer.header("content-type"), "text/xml");
    assert_eq!(answer.header("x-amzn-requestid").len(), 36);
    (answer.status, String::from_utf8(answer.body).expect("is text"))
}

#[test]
fn unsigned_forms_find_their_service() {
    let server = Server::start(Options::any());
    let (status, body) = form(&server, "Action=GetCallerIdentity&Version=2011-06-15");
    assert_eq!(status, 200);
    assert!(
        body.starts_with("<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"),
        "{body}"
    );
    assert!(body.contains("<Account>000000000000</Account>"), "{body}");

    // {"alg":"none"}.{"sub":"me","aud":"here","iss":"them"}.
    let token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSIsImF1ZCI6ImhlcmUiLCJpc3MiOiJ0aGVtIn0.";
    let role = "arn:aws:iam::123456789012:role/web";
    let assume = |token: &str| {
        format!(
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={role}&RoleSessionName=web&WebIdentityToken={token}"
        )
    };
    let (status, body) = form(&server, &assume(token));
    assert_eq!(status, 200, "{body}");
    for part in ["<SubjectFromWebIdentityToken>me<", "<Audience>here<", "<Provider>them<", ":assumed-role/web/web<"] {
        assert!(body.contains(part), "no {part} in {body}");
    }
    let (status, body) = form(&server, &assume("nonsense"));
    assert_eq!(status, 400);
    assert!(body.contains("<Code>InvalidIdentityToken</Code>"), "{body}");

    let (status, body) = form(&server, "Action=SimulatePrincipalPolicy&Version=2010-05-08");
    assert_eq!(status, 400);
    assert!(body.contains("<Type>Sender</Type><Code>InvalidAction</Code>"), "{body}");
    assert!(body.contains("SimulatePrincipalPolicy") && body.contains("--upstream iam=URL"), "{body}");
}
