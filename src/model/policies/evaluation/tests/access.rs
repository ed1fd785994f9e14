use super::*;
use crate::model::policies::evaluation::access::{Access, Allowance, Applicable, decide};

const USER: Principal<'_> = Principal::User(CARLOS);
const WORKER: Principal<'_> = Principal::RoleSession { role: ROLE, session: SESSION };
const GUEST: Principal<'_> = Principal::FederatedUser { user: Some(CARLOS), session: FEDERATED };
const ACTION: &str = "lambda:InvokeFunction";

/// A policy that allows the action, or denies it, or is about something else.
fn identity(effect: &str) -> Document {
    limiting(PolicyKind::Identity, effect)
}

fn limiting(kind: PolicyKind, effect: &str) -> Document {
    let (effect, action) = if effect == "Silent" { ("Allow", "s3:GetObject") } else { (effect, ACTION) };
    policy(kind, &json!({ "Effect": effect, "Action": action, "Resource": "*" }))
}

fn resource(effect: &str, principal: &Value) -> Document {
    policy(
        PolicyKind::Resource,
        &json!({ "Effect": effect, "Principal": principal, "Action": ACTION, "Resource": FUNCTION }),
    )
}

/// What comes out: the kinds of policy that allow, or the end of the error.
fn outcome(applicable: &Applicable<'_>, principal: Principal<'_>) -> String {
    let context = Context::of(&principal);
    let asked = request(principal, ACTION, FUNCTION, &context);
    match decide(applicable, &asked) {
        Access::Allowed(Allowance::Root) => "Root".to_owned(),
        Access::Allowed(Allowance::By(kind, _)) => format!("{kind:?}"),
        Access::Denied(denial) => {
            let message = denial.message(&asked);
            let start =
                format!("User: {} is not authorized to perform: {ACTION} on resource: {FUNCTION} ", principal.name());
            message.strip_prefix(&start).expect("AWS's words").to_owned()
        }
    }
}

const NONE: Applicable<'_> = Applicable {
    identity: &[],
    boundary: None,
    session: &[],
    resource: None,
    resource_kind: PolicyKind::Resource,
    resource_account: ACCOUNT,
};

const NO_IDENTITY: &str = "because no identity-based policy allows the lambda:InvokeFunction action";
const NO_RESOURCE: &str = "because no resource-based policy allows the lambda:InvokeFunction action";
const NO_BOUNDARY: &str = "because no permissions boundary allows the lambda:InvokeFunction action";
const NO_SESSION: &str = "because no session policy allows the lambda:InvokeFunction action";
const NO_TRUST: &str = "because no role trust policy allows the lambda:InvokeFunction action";

#[test]
fn nothing_is_allowed_by_itself() {
    assert_eq!(outcome(&NONE, USER), NO_IDENTITY);
    assert_eq!(outcome(&NONE, WORKER), NO_IDENTITY);
    assert_eq!(outcome(&NONE, Principal::Root(ROOT)), "Root");
    for outsider in [
        Principal::Anonymous,
        Principal::Service("s3.amazonaws.com"),
        Principal::Federated("accounts.google.com"),
        Principal::Root("arn:aws:iam::444455556666:root"),
        Principal::User("arn:aws:iam::444455556666:user/Bob"),
    ] {
        assert_eq!(outcome(&NONE, outsider), NO_RESOURCE, "{outsider:?}");
    }
    assert_eq!(outcome(&Applicable { resource_kind: PolicyKind::RoleTrust, ..NONE }, Principal::Root(ROOT)), NO_TRUST);
}

#[test]
fn every_kind_restricts() {
    let (allow, silent) = (identity("Allow"), identity("Silent"));
    let boundary = limiting(PolicyKind::Boundary, "Silent");
    let session = limiting(PolicyKind::Session, "Silent");
    let all = Applicable { identity: &[&silent, &allow], ..NONE };
    assert_eq!(outcome(&all, USER), "Identity");
    assert_eq!(outcome(&Applicable { identity: &[&silent], ..NONE }, USER), NO_IDENTITY);
    assert_eq!(outcome(&Applicable { boundary: Some(&boundary), ..all }, USER), NO_BOUNDARY);
    assert_eq!(outcome(&Applicable { session: &[&session], ..all }, WORKER), NO_SESSION);
    let sessions = [&session, &limiting(PolicyKind::Session, "Allow")];
    assert_eq!(outcome(&Applicable { session: &sessions, ..all }, WORKER), "Identity");

    assert_eq!(outcome(&all, GUEST), NO_SESSION);
    assert_eq!(outcome(&Applicable { session: &sessions, ..all }, GUEST), "Identity");
}

#[test]
fn every_kind_denies() {
    let (allow, deny) = (identity("Allow"), identity("Deny"));
    let (boundary, session) = (limiting(PolicyKind::Boundary, "Deny"), limiting(PolicyKind::Session, "Deny"));
    let everybody = resource("Allow", &json!("*"));
    let all = Applicable { identity: &[&allow], resource: Some(&everybody), ..NONE };
    assert_eq!(outcome(&all, WORKER), "Resource");
    for (applicable, end) in [
        (Applicable { identity: &[&allow, &deny], ..all }, "with an explicit deny in an identity-based policy"),
        (Applicable { boundary: Some(&boundary), ..all }, "with an explicit deny in a permissions boundary"),
        (Applicable { session: &[&session], ..all }, "with an explicit deny in a session policy"),
        (
            Applicable { resource: Some(&resource("Deny", &json!({ "AWS": ROOT }))), ..all },
            "with an explicit deny in a resource-based policy",
        ),
        (
            Applicable { resource: Some(&resource("Deny", &json!("*"))), resource_kind: PolicyKind::RoleTrust, ..all },
            "with an explicit deny in the role trust policy",
        ),
    ] {
        assert_eq!(outcome(&applicable, WORKER), end);
    }
    let denied = Applicable { resource: Some(&resource("Deny", &json!("*"))), ..NONE };
    assert_eq!(outcome(&denied, Principal::Root(ROOT)), "with an explicit deny in a resource-based policy");
}

/// The table of <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html>,
/// "Resource-based policies and implicit denies in other policy types (same account)".
#[test]
fn the_closer_a_resource_names_somebody_the_less_do_others_restrict() {
    let boundary = limiting(PolicyKind::Boundary, "Silent");
    let session = limiting(PolicyKind::Session, "Silent");
    let session_allows = limiting(PolicyKind::Session, "Allow");
    let free = NONE;
    let bounded = Applicable { boundary: Some(&boundary), session: &[&session_allows], ..NONE };
    let in_session = Applicable { session: &[&session], ..NONE };
    for (named, principal, unbounded, with_boundary, with_session) in [
        (CARLOS, USER, "Resource", "Resource", "Resource"),
        (ROLE, WORKER, "Resource", NO_BOUNDARY, NO_SESSION),
        (SESSION, WORKER, "Resource", "Resource", "Resource"),
        (CARLOS, GUEST, NO_SESSION, NO_BOUNDARY, NO_SESSION),
        (FEDERATED, GUEST, "Resource", "Resource", "Resource"),
        ("*", WORKER, "Resource", "Resource", "Resource"),
        // An account hands on by policies of its own.
        (ROOT, USER, NO_IDENTITY, NO_IDENTITY, NO_IDENTITY),
        (ROOT, Principal::Root(ROOT), "Resource", "Resource", "Resource"),
    ] {
        let document = resource("Allow", &json!({ "AWS": named }));
        for (applicable, expected) in [(free, unbounded), (bounded, with_boundary), (in_session, with_session)] {
            let applicable = Applicable { resource: Some(&document), ..applicable };
            assert_eq!(outcome(&applicable, principal), expected, "{named} {principal:?}");
        }
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html>.
#[test]
fn both_accounts_have_to_allow() {
    let allow = identity("Allow");
    let boundary = limiting(PolicyKind::Boundary, "Silent");
    let elsewhere = Applicable { resource_account: "999999999999", ..NONE };
    for named in [ROOT, ROLE, SESSION, "*"] {
        let document = resource("Allow", &json!({ "AWS": named }));
        let granted = Applicable { resource: Some(&document), ..elsewhere };
        assert_eq!(outcome(&granted, WORKER), NO_IDENTITY, "{named}");
        assert_eq!(outcome(&Applicable { identity: &[&allow], ..granted }, WORKER), "Identity", "{named}");
        let bounded = Applicable { identity: &[&allow], boundary: Some(&boundary), ..granted };
        assert_eq!(outcome(&bounded, WORKER), NO_BOUNDARY, "{named}");
    }
    assert_eq!(outcome(&Applicable { identity: &[&allow], ..elsewhere }, WORKER), NO_RESOURCE);
    let document = resource("Allow", &json!({ "AWS": ROOT }));
    assert_eq!(outcome(&Applicable { resource: Some(&document), ..elsewhere }, Principal::Root(ROOT)), "Resource");
}

#[test]
fn a_role_trusts_somebody() {
    let allow = identity("Allow");
    let trust = |principal: &Value| {
        policy(PolicyKind::RoleTrust, &json!({ "Effect": "Allow", "Principal": principal, "Action": ACTION }))
    };
    let role = Applicable { identity: &[&allow], resource_kind: PolicyKind::RoleTrust, ..NONE };
    assert_eq!(outcome(&role, USER), NO_TRUST);
    let (account, user) = (trust(&json!({ "AWS": ROOT })), trust(&json!({ "AWS": CARLOS })));
    assert_eq!(outcome(&Applicable { resource: Some(&account), ..role }, USER), "Identity");
    assert_eq!(outcome(&Applicable { resource: Some(&account), identity: &[], ..role }, USER), NO_IDENTITY);
    assert_eq!(outcome(&Applicable { resource: Some(&user), identity: &[], ..role }, USER), "RoleTrust");
    let service = trust(&json!({ "Service": "lambda.amazonaws.com" }));
    let lambda = Principal::Service("lambda.amazonaws.com");
    assert_eq!(outcome(&Applicable { resource: Some(&service), identity: &[], ..role }, lambda), "RoleTrust");
}

/// Carlos, of <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html>.
#[test]
fn carlos_saves_his_files() {
    let own = policy(
        PolicyKind::Identity,
        &json!([
            { "Sid": "AllowS3ListRead", "Effect": "Allow", "Resource": "arn:aws:s3:::*",
              "Action": ["s3:GetBucketLocation", "s3:ListAllMyBuckets"] },
            { "Sid": "AllowS3Self", "Effect": "Allow", "Action": "s3:*",
              "Resource": ["arn:aws:s3:::carlossalazar/*", "arn:aws:s3:::carlossalazar"] },
            { "Sid": "DenyS3Logs", "Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::*log*" },
        ]),
    );
    let bucket = policy(
        PolicyKind::Resource,
        &json!({ "Effect": "Allow", "Principal": { "AWS": CARLOS }, "Action": "s3:*",
                 "Resource": ["arn:aws:s3:::carlossalazar/*", "arn:aws:s3:::carlossalazar"] }),
    );
    let applicable = Applicable { identity: &[&own], resource: Some(&bucket), ..NONE };
    let context = Context::of(&USER);
    let asked = |resource| request(USER, "s3:PutObject", resource, &context);
    let Access::Denied(denial) = decide(&applicable, &asked("arn:aws:s3:::carlossalazar-logs/a")) else {
        panic!("logs are denied");
    };
    assert_eq!(denial.explicit.and_then(|decider| decider.sid), Some("DenyS3Logs"));
    assert!(matches!(decide(&applicable, &asked("arn:aws:s3:::carlossalazar/a")), Access::Allowed(_)));
}
