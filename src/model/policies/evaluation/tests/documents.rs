use super::*;

/// The grants of function URLs, as `AddPermission` writes them.
#[test]
fn function_urls_need_two_grants() {
    let document = policy(
        PolicyKind::Resource,
        &json!([
            { "Sid": "url", "Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunctionUrl",
              "Resource": FUNCTION, "Condition": { "StringEquals": { "lambda:FunctionUrlAuthType": "NONE" } } },
            { "Sid": "invoke", "Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunction",
              "Resource": FUNCTION, "Condition": { "Bool": { "lambda:InvokedViaFunctionUrl": "true" } } },
        ]),
    );
    let via_url = |auth: &str| {
        Context::default().with("lambda:FunctionUrlAuthType", auth).with("lambda:InvokedViaFunctionUrl", "true")
    };
    let says =
        |action: &str, context: &Context| says(&document, &request(Principal::Anonymous, action, FUNCTION, context));
    assert_eq!(says("lambda:InvokeFunctionUrl", &via_url("NONE")), '1');
    assert_eq!(says("lambda:InvokeFunctionUrl", &via_url("AWS_IAM")), '-');
    assert_eq!(says("lambda:InvokeFunctionUrl", &Context::default()), '-');
    assert_eq!(says("lambda:InvokeFunction", &via_url("NONE")), '1');
    assert_eq!(says("lambda:InvokeFunction", &Context::default()), '-');

    let context = via_url("NONE");
    let verdict = evaluate(&[&document], &request(Principal::Anonymous, "lambda:InvokeFunction", FUNCTION, &context));
    let Verdict::Allowed(decider) = verdict else { panic!("{verdict:?}") };
    assert_eq!((decider.policy, decider.statement, decider.sid, decider.doubt), (0, 1, Some("invoke"), None));
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_AccessPolicyLanguage_Interplay.html>.
#[test]
fn explicit_and_implicit_denies_differ() {
    let document = policy(
        PolicyKind::Identity,
        &json!([
            { "Sid": "AllowGetList", "Effect": "Allow", "Action": ["iam:Get*", "iam:List*"], "Resource": "*" },
            { "Sid": "DenyReports", "Effect": "Deny", "Action": "iam:*Report", "Resource": "*" },
        ]),
    );
    let context = Context::default();
    for (action, said) in [
        ("iam:GetUser", '1'),
        ("IAM:listusers", '1'),
        ("iam:GetOrganizationsAccessReport", '0'),
        ("iam:CreatePolicy", '-'),
        ("s3:GetObject", '-'),
    ] {
        assert_eq!(says(&document, &request(Principal::User(CARLOS), action, "*", &context)), said, "{action}");
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notaction.html> and `…_notresource.html`.
#[test]
fn exceptions_are_everything_else() {
    let allow = policy(
        PolicyKind::Identity,
        &json!({ "Effect": "Allow", "NotAction": ["iam:*", "organizations:*"], "Resource": "*" }),
    );
    let deny = policy(
        PolicyKind::Identity,
        &json!({ "Effect": "Deny", "Action": "s3:*", 
                 "NotResource": ["arn:aws:s3:::HRBucket/Payroll", "arn:aws:s3:::HRBucket/Payroll/*"] }),
    );
    let context = Context::default();
    let says =
        |document, action, resource| says(document, &request(Principal::User(CARLOS), action, resource, &context));
    assert_eq!(says(&allow, "lambda:InvokeFunction", FUNCTION), '1');
    assert_eq!(says(&allow, "iam:CreateUser", "*"), '-');
    assert_eq!(says(&deny, "s3:GetObject", "arn:aws:s3:::HRBucket/Payroll/2026"), '-');
    assert_eq!(says(&deny, "s3:GetObject", "arn:aws:s3:::HRBucket/Other"), '0');
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>.
#[test]
fn variables_name_what_belongs_to_who_asks() {
    let statement =
        json!({ "Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::mybucket/${aws:username}/*" });
    let document = policy(PolicyKind::Identity, &statement);
    let carlos = Principal::User(CARLOS);
    let context = Context::of(&carlos);
    let of = |resource| request(carlos, "s3:GetObject", resource, &context);
    assert_eq!(says(&document, &of("arn:aws:s3:::mybucket/carlossalazar/a")), '1');
    assert_eq!(says(&document, &of("arn:aws:s3:::mybucket/david/a")), '-');

    let session = Principal::RoleSession { role: ROLE, session: SESSION };
    let nameless = Context::of(&session);
    assert_eq!(says(&document, &request(session, "s3:GetObject", "arn:aws:s3:::mybucket//a", &nameless)), '-');

    // What is excepted is unknown then, so nothing is allowed and everything denied.
    for (effect, said) in [("Allow", '-'), ("Deny", '0')] {
        let except =
            json!({ "Effect": effect, "Action": "s3:*", "NotResource": "arn:aws:s3:::mybucket/${aws:username}" });
        let except = policy(PolicyKind::Identity, &except);
        assert_eq!(says(&except, &request(session, "s3:GetObject", "arn:aws:s3:::mybucket/a", &nameless)), said);
    }

    // The older language has none.
    let old = Document::parse(&json!({ "Statement": statement }).to_string(), PolicyKind::Identity);
    assert_eq!(says(&old, &of("arn:aws:s3:::mybucket/carlossalazar/a")), '-');
    assert_eq!(says(&old, &of("arn:aws:s3:::mybucket/${aws:username}/a")), '1');
}

#[test]
fn conditions_are_all_met() {
    let document = policy(
        PolicyKind::Identity,
        &json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {
            "StringEquals": { "aws:PrincipalTag/job-category": ["iamuser-admin", "iamuser-root"], "s3:x": "y" },
            "DateGreaterThan": { "aws:CurrentTime": "2020-04-01T00:00:00Z" },
            "IpAddress": { "aws:SourceIp": ["203.0.113.0/24", "2001:DB8:1234:5678::/64"] },
            "NumericLessThanEquals": { "s3:max-keys": 10 },
            "Bool": { "aws:SecureTransport": true },
        } }),
    );
    let met = || {
        Context::default()
            .with("aws:principaltag/JOB-category", "iamuser-root")
            .with("s3:x", "y")
            .with("aws:CurrentTime", "2026-01-01T00:00:00Z")
            .with("aws:SourceIp", "2001:db8:1234:5678::9")
            .with("s3:max-keys", "9")
            .with("aws:SecureTransport", "true")
    };
    let says = |context: &Context| says(&document, &request(Principal::User(CARLOS), "s3:ListBucket", "*", context));
    assert_eq!(says(&met()), '1');
    for (key, value) in [
        ("aws:PrincipalTag/job-category", "other"),
        ("s3:x", "z"),
        ("aws:CurrentTime", "2019-01-01T00:00:00Z"),
        ("aws:SourceIp", "198.51.100.1"),
        ("s3:max-keys", "11"),
        ("aws:SecureTransport", "false"),
    ] {
        assert_eq!(says(&met().with(key, value)), '-', "{key}");
    }
}

/// What cannot be read lets nobody in, and keeps out whom it may be about.
#[test]
fn flaws_fail_closed() {
    let context = Context::default().with("k", "v");
    let asked = request(Principal::User(CARLOS), "s3:GetObject", "arn:aws:s3:::b/k", &context);
    let elsewhere = request(Principal::User(CARLOS), "sqs:SendMessage", "arn:aws:sqs:us-east-1:1:q", &context);
    for (member, value) in [
        ("Condition", json!({ "StringEqual": { "k": "v" } })),
        ("Condition", json!({ "StringEquals": { "k": null } })),
        ("Condition", json!({ "StringEquals": { "k": [] } })),
        ("Condition", json!({ "StringEquals": "k" })),
        ("Condition", json!({ "NumericEquals": { "k": "1" } })),
        ("Condition", json!({ "NullIfExists": { "k": "true" } })),
        ("Condition", json!([])),
        ("Conditions", json!({})),
        ("Principal", json!("*")),
        ("NotResource", json!("*")),
        ("Sid", json!(1)),
        ("Resource", json!("arn:aws:${aws:username}:::b/k")),
        ("Resource", json!([])),
        ("Resource", Value::Null),
    ] {
        for (effect, said) in [("Allow", '-'), ("Deny", '0')] {
            let mut statement = json!({ "Effect": effect, "Action": "s3:*", "Resource": "arn:aws:s3:::b/*" });
            statement[member] = value.clone();
            let document = policy(PolicyKind::Identity, &statement);
            assert_eq!(says(&document, &asked), said, "{statement}");
            assert_eq!(says(&document, &elsewhere), '-', "{statement} is about something else");
        }
    }
}

#[test]
fn what_is_no_policy_denies_and_says_why() {
    let context = Context::default();
    let asked = request(Principal::User(CARLOS), "s3:GetObject", "*", &context);
    for (text, doubt) in [
        ("", "it is no JSON object: EOF while parsing a value at line 1 column 0"),
        ("{}", "it has no Statement"),
        (r#"{"Version":"2012-10-18","Statement":[]}"#, "its Version is unknown"),
        (r#"{"Version":"2012-10-17","Statements":[]}"#, "the member Statements is unknown"),
        (r#"{"Statement":[1]}"#, "a statement is no object"),
        (r#"{"Statement":{"Effect":"allow","Action":"s3:*","Resource":"*"}}"#, "its Effect is neither Allow nor Deny"),
        (r#"{"Statement":{"Effect":"Deny","Resource":"*"}}"#, "it has no Action"),
        (r#"{"Statement":{"Effect":"Deny","Action":"*"}}"#, "it has no Resource"),
        (
            r#"{"Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Is":{"k":1}}}}"#,
            "the operator Is is unknown",
        ),
    ] {
        let document = Document::parse(text, PolicyKind::Identity);
        let Verdict::Denied(decider) = evaluate(&[&document], &asked) else { panic!("{text} does not deny") };
        assert_eq!(decider.doubt, Some(doubt), "{text}");
    }
    let nothing = Document::parse(r#"{"Statement":[]}"#, PolicyKind::Identity);
    assert_eq!(evaluate(&[&nothing], &asked), Verdict::Silent);
    assert_eq!(evaluate(&[], &asked), Verdict::Silent);
}

#[test]
fn policies_of_resources_name_principals() {
    let statement = json!({ "Effect": "Deny", "Action": "*", "Resource": "*" });
    let context = Context::default();
    let asked = request(Principal::Anonymous, "lambda:InvokeFunction", FUNCTION, &context);
    assert_eq!(says(&policy(PolicyKind::Resource, &statement), &asked), '0');
    let named = json!({ "Effect": "Allow", "Principal": { "Service": "s3.amazonaws.com" }, "Action": "lambda:*" });
    let document = policy(PolicyKind::Resource, &named);
    assert_eq!(says(&document, &asked), '-');
    let service = request(Principal::Service("s3.amazonaws.com"), "lambda:InvokeFunction", FUNCTION, &context);
    assert_eq!(says(&document, &service), '1');
}
