//! Policy documents: what is one, and how answers show it.
//!
//! Texts and their order as in `LocalStack`'s snapshots of AWS's IAM (`test_iam_policies.snapshot.json` with 62
//! broken documents, `test_iam_roles.snapshot.json`).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use crate::model::error::{ApiError, ErrorCode};
use crate::model::policies::evaluation::operators::Operator;

/// What stays as it is in an encoded document (RFC 3986's unreserved characters).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const VERSION: &str = "2012-10-17";
const OLD_VERSION: &str = "2008-10-17";

const PARTITIONS: &[&str] =
    &["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc", "*"];

const IAM_RESOURCES: &[&str] = &[
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
];

/// A document as answers show it: percent-encoded.
pub fn encoded(document: &str) -> String {
    utf8_percent_encode(document, UNRESERVED).to_string()
}

fn malformed(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::MalformedPolicyDocument, message)
}

fn syntax() -> ApiError {
    malformed("Syntax errors in policy.")
}

/// Refuses what is no policy of permissions.
pub fn check(document: &str) -> Result<(), ApiError> {
    let document: Map<String, Value> = serde_json::from_str(document).map_err(|_| syntax())?;
    let statements = statements(&document)?;
    match document.get("Version").and_then(Value::as_str) {
        Some(VERSION) => {}
        None | Some(OLD_VERSION) => {
            return Err(malformed(format!("Policy document must be version {VERSION} or greater.")));
        }
        Some(_) => return Err(syntax()),
    }

    for statement in &statements {
        if statement.contains_key("Principal") || statement.contains_key("NotPrincipal") {
            return Err(malformed("Policy document should not specify a principal."));
        }
    }

    check_content(&statements)
}

/// What the statements say, after their form is known to be right.
fn check_content(statements: &[&Map<String, Value>]) -> Result<(), ApiError> {
    let of = |names: [&'static str; 2]| {
        move |statement: &&Map<String, Value>| -> Vec<String> {
            names.into_iter().filter_map(|name| statement.get(name)).flat_map(texts).collect()
        }
    };
    let actions = of(["Action", "NotAction"]);
    let resources = of(["Resource", "NotResource"]);
    if statements.iter().flat_map(resources).any(|resource| fails_legacy_parsing(&resource)) {
        return Err(malformed("The policy failed legacy parsing"));
    }
    if statements.iter().any(|statement| actions(statement).is_empty()) {
        return Err(malformed("Policy statement must contain actions."));
    }
    if statements.iter().any(|statement| resources(statement).is_empty()) {
        return Err(malformed("Policy statement must contain resources."));
    }
    statements.iter().flat_map(resources).try_for_each(|resource| check_resource(&resource))?;
    statements.iter().flat_map(actions).try_for_each(|action| check_action(&action))?;
    let sids: Vec<&str> = statements.iter().filter_map(|statement| statement.get("Sid")?.as_str()).collect();
    if sids.iter().enumerate().any(|(place, sid)| !sid.is_empty() && sids[..place].contains(sid)) {
        return Err(malformed("Statement IDs (SID) in a single policy must be unique."));
    }

    Ok(())
}

/// Refuses what is no policy of who may assume a role.
pub fn check_trust(document: &str) -> Result<(), ApiError> {
    let invalid = |_| malformed("This policy contains invalid Json");
    let document: Map<String, Value> = serde_json::from_str(document).map_err(invalid)?;
    for statement in statements(&document)? {
        for field in ["Resource", "NotResource"] {
            if statement.contains_key(field) {
                return Err(malformed(format!("Has prohibited field {field}")));
            }
        }
        if !statement.contains_key("Principal") && !statement.contains_key("NotPrincipal") {
            return Err(malformed("Missing required field Principal"));
        }
        let actions = statement.get("Action").into_iter().flat_map(texts);
        if actions.into_iter().any(|action| !action.to_ascii_lowercase().starts_with("sts:")) {
            return Err(malformed("AssumeRole policy may only specify STS AssumeRole actions."));
        }
    }

    Ok(())
}

/// The statements of a document whose form is right.
fn statements(document: &Map<String, Value>) -> Result<Vec<&Map<String, Value>>, ApiError> {
    const FIELDS: [&str; 3] = ["Version", "Id", "Statement"];
    let has_known_fields = document.keys().all(|field| FIELDS.contains(&field.as_str()));
    if !has_known_fields || !is_text(document.get("Id")) || !is_text(document.get("Version")) {
        return Err(syntax());
    }
    let statements: Vec<&Map<String, Value>> = match document.get("Statement") {
        Some(Value::Object(statement)) => vec![statement],
        Some(Value::Array(list)) if !list.is_empty() => {
            list.iter().map(Value::as_object).collect::<Option<_>>().ok_or_else(syntax)?
        }
        _ => return Err(syntax()),
    };

    if statements.iter().all(|statement| is_well_formed(statement)) { Ok(statements) } else { Err(syntax()) }
}

fn is_text(value: Option<&Value>) -> bool {
    value.is_none_or(Value::is_string)
}

fn is_well_formed(statement: &Map<String, Value>) -> bool {
    const FIELDS: [&str; 9] =
        ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition", "Principal", "NotPrincipal"];
    let one_of = |one: &str, other: &str| !(statement.contains_key(one) && statement.contains_key(other));
    let are_texts = |name: &str| match statement.get(name) {
        None | Some(Value::String(_)) => true,
        Some(Value::Array(list)) => list.iter().all(Value::is_string),
        Some(_) => false,
    };
    statement.keys().all(|field| FIELDS.contains(&field.as_str()))
        && is_text(statement.get("Sid"))
        && matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny"))
        && one_of("Action", "NotAction")
        && one_of("Resource", "NotResource")
        && ["Action", "NotAction", "Resource", "NotResource"].into_iter().all(are_texts)
        && statement.get("Condition").is_none_or(is_condition)
}

/// Operators with keys with values.
fn is_condition(condition: &Value) -> bool {
    let is_scalar = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
    let is_value = |value: &Value| match value {
        Value::Array(list) => list.iter().all(is_scalar),
        value => is_scalar(value),
    };
    let is_operator = |name: &str| Operator::parse(name).is_some();
    condition.as_object().is_some_and(|operators| {
        operators
            .iter()
            .all(|(name, keys)| is_operator(name) && keys.as_object().is_some_and(|keys| keys.values().all(is_value)))
    })
}

/// A text or a list of texts.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        value => value.as_str().map(str::to_owned).into_iter().collect(),
    }
}

/// An ARN of a service that lacks a part.
fn fails_legacy_parsing(resource: &str) -> bool {
    let parts: Vec<&str> = resource.split(':').collect();
    parts[0] == "arn"
        && PARTITIONS.contains(&parts.get(1).copied().unwrap_or_default())
        && (3..6).contains(&parts.len())
}

fn check_resource(resource: &str) -> Result<(), ApiError> {
    if resource == "*" {
        return Ok(());
    }
    let mut parts: Vec<&str> = resource.splitn(6, ':').collect();
    if parts.len() < 2 {
        return Err(malformed(format!("Resource {resource} must be in ARN format or \"*\".")));
    }
    if !PARTITIONS.contains(&parts[1]) {
        let partition = parts[1].to_owned();
        parts[0] = "arn";
        parts.resize(6, "*");
        let resource = parts.join(":");
        return Err(malformed(format!("Partition \"{partition}\" is not valid for resource \"{resource}\".")));
    }

    let [_, _, service, region, _, path] = parts[..] else {
        return Err(malformed("Resource vendor must be fully qualified and cannot contain regexes."));
    };
    let is_iam_path =
        || path.starts_with('*') || path == "root" || IAM_RESOURCES.iter().any(|kind| path.starts_with(kind));
    match service {
        "iam" if !region.is_empty() => {
            Err(malformed(format!("IAM resource {resource} cannot contain region information.")))
        }
        "s3" if !matches!(region, "" | "*") => {
            Err(malformed(format!("Resource {resource} can not contain region information.")))
        }
        "iam" if !is_iam_path() => Err(malformed(format!(
            "IAM resource path must either be \"*\", root, or start with {}.",
            IAM_RESOURCES.join(", ")
        ))),
        _ => Ok(()),
    }
}

fn check_action(action: &str) -> Result<(), ApiError> {
    if action == "*" {
        return Ok(());
    }
    let Some((vendor, name)) = action.split_once(':') else {
        return Err(malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."));
    };
    if name.contains(':') {
        return Err(malformed("Actions/Condition can contain only one colon."));
    }
    if vendor.is_empty() || !vendor.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-') {
        return Err(malformed(format!("Vendor {vendor} is not valid")));
    }

    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(document: &Value) -> String {
        let error = check(&document.to_string()).expect_err("is refused");
        assert_eq!(error.code, ErrorCode::MalformedPolicyDocument);
        error.message.unwrap_or_default()
    }

    fn with(statement: &Value) -> Value {
        json!({ "Version": VERSION, "Statement": statement })
    }

    fn statement(field: &str, value: &Value) -> Value {
        let mut statement = json!({ "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::b" });
        statement[field] = value.clone();
        with(&statement)
    }

    #[test]
    fn policies_are_taken() {
        for (field, value) in [
            ("Resource", json!("*")),
            ("Resource", json!(["arn:aws:s3:::b/${aws:username}/*", "arn:aws:iam::*:role/x", "arn:aws:logs:*:*:*"])),
            ("Action", json!("*")),
            ("Action", json!(["lambda:Get*", "aws-portal:ViewAccount"])),
            ("Sid", json!("a")),
            ("Condition", json!({ "ForAnyValue:StringLikeIfExists": { "aws:x": ["a", true, 1] } })),
        ] {
            check(&statement(field, &value).to_string()).unwrap_or_else(|error| panic!("{field} {value}: {error}"));
        }
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}]}"#;
        check_trust(trust).expect("is a trust policy");
    }

    #[test]
    fn what_is_no_policy_is_refused_in_awss_words() {
        let syntax = "Syntax errors in policy.";
        assert_eq!(check("This is no JSON").expect_err("is refused").message.as_deref(), Some(syntax));
        let old = "Policy document must be version 2012-10-17 or greater.";
        let whole = statement("Sid", &json!("x"))["Statement"].clone();
        assert_eq!(refused(&json!({ "Statement": whole })), old);
        assert_eq!(refused(&json!({ "Version": "2008-10-17", "Statement": whole })), old);
        assert_eq!(refused(&json!({ "Version": "2013-10-17", "Statement": whole })), syntax);
        for statements in [json!(null), json!([]), json!(["x"])] {
            assert_eq!(refused(&with(&statements)), syntax, "{statements}");
        }
        let arn = |resource: &str| format!("Resource {resource} must be in ARN format or \"*\".");
        let partition = |name: &str, arn: &str| format!("Partition \"{name}\" is not valid for resource \"{arn}\".");
        let vendor = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";

        for (field, value, says) in [
            ("More", json!("x"), syntax),
            ("Effect", json!("invalid"), syntax),
            ("Action", json!("invalid"), vendor),
            ("Action", json!("a a:ListBucket"), "Vendor a a is not valid"),
            ("Action", json!("s3:List:Bucket"), "Actions/Condition can contain only one colon."),
            ("Action", json!([]), "Policy statement must contain actions."),
            ("Action", json!([[]]), syntax),
            ("NotAction", json!("s3:x"), syntax),
            ("Resource", json!("invalid resource"), arn("invalid resource").as_str()),
            ("Resource", json!([""]), arn("").as_str()),
            ("Resource", json!([]), "Policy statement must contain resources."),
            ("Resource", json!({}), syntax),
            ("Resource", json!("a:bsdf"), partition("bsdf", "arn:bsdf:*:*:*:*").as_str()),
            ("Resource", json!("a:b:c:d:e:f:g:h"), partition("b", "arn:b:c:d:e:f:g:h").as_str()),
            ("Resource", json!("aws:s3:::b"), partition("s3", "arn:s3:::b:*").as_str()),
            ("Resource", json!("arn:aws:s3::b"), "The policy failed legacy parsing"),
            ("Resource", json!("arn:aws"), "Resource vendor must be fully qualified and cannot contain regexes."),
            ("Resource", json!("arn:aws:s3:r::b"), "Resource arn:aws:s3:r::b can not contain region information."),
            ("Resource", json!("arn:aws:iam:r::b"), "IAM resource arn:aws:iam:r::b cannot contain region information."),
            ("Condition", json!([]), syntax),
            ("Condition", json!({ "x": { "a": "1" } }), syntax),
            ("Condition", json!({ "DateGreaterThan": "b" }), syntax),
            ("Sid", json!({}), syntax),
        ] {
            assert_eq!(refused(&statement(field, &value)), says, "{field} {value}");
        }

        assert_eq!(refused(&with(&json!([whole, whole]))), "Statement IDs (SID) in a single policy must be unique.");
    }

    #[test]
    fn trust_policies_have_rules_of_their_own() {
        let refused = |statement: Value| check_trust(&with(&statement).to_string()).expect_err("is refused").message;
        let base = json!({ "Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole" });
        let changed = |field: &str, value: &str| {
            let mut changed = base.clone();
            changed[field] = value.into();
            changed
        };
        assert_eq!(refused(changed("Resource", "*")).as_deref(), Some("Has prohibited field Resource"));
        let actions = "AssumeRole policy may only specify STS AssumeRole actions.";
        assert_eq!(refused(changed("Action", "s3:Get")).as_deref(), Some(actions));
        let message = check_trust("{").expect_err("is refused").message;

        assert_eq!(message.as_deref(), Some("This policy contains invalid Json"));
    }

    #[test]
    fn documents_are_shown_encoded() {
        assert_eq!(encoded(r#"{"a": "b*"}"#), "%7B%22a%22%3A%20%22b%2A%22%7D");
    }
}
