//! `AddPermission` and `RemovePermission`: statements of a queue's policy. Recorded in `LocalStack`'s
//! `test_sqs_permission_lifecycle` (2023-11), where nothing else is said.

use serde_json::{Value, json};

use super::command::Permission;
use super::{QueueKey, invalid_value};
use crate::model::arn;
use crate::model::error::{ApiError, ErrorCode};

/// Actions of a permission at most.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_AddPermission.html>
const MAX_ACTIONS: usize = 7;

/// What others than the owner may be let do.
const GRANTED: [&str; 9] = [
    "*",
    "ChangeMessageVisibility",
    "DeleteMessage",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "SendMessage",
];

/// What only the owner may do.
const OWNERS: [&str; 9] = [
    "AddPermission",
    "CreateQueue",
    "DeleteQueue",
    "ListQueueTags",
    "ListQueues",
    "RemovePermission",
    "SetQueueAttributes",
    "TagQueue",
    "UntagQueue",
];

/// A queue's policy with another statement.
pub fn added(policy: Option<&str>, queue: &QueueKey, permission: &Permission) -> Result<String, ApiError> {
    check(permission)?;
    let mut document = document(policy, queue);
    let mut statements = statements(&mut document);
    let label = permission.label.as_str();
    if statements.iter().any(|statement| statement["Sid"] == label) {
        return Err(invalid_value(label, "Label", "Already exists."));
    }
    let partition = arn::partition(&queue.scope.region);
    let accounts = permission.accounts.iter().map(|account| format!("arn:{partition}:iam::{account}:root"));
    let actions = permission.actions.iter().map(|action| format!("SQS:{action}"));
    statements.push(json!({
        "Sid": label,
        "Effect": "Allow",
        "Principal": { "AWS": one_or_many(accounts) },
        "Action": one_or_many(actions),
        "Resource": queue.arn(),
    }));

    document["Statement"] = statements.into();
    Ok(document.to_string())
}

/// A queue's policy without a statement; none when it was the last.
pub fn removed(policy: Option<&str>, queue: &QueueKey, label: &str) -> Result<Option<String>, ApiError> {
    let mut document = document(policy, queue);
    let mut statements = statements(&mut document);
    let before = statements.len();
    statements.retain(|statement| statement["Sid"] != label);
    if statements.len() == before {
        return Err(invalid_value(label, "Label", "can't find label."));
    }

    if statements.is_empty() {
        return Ok(None);
    }
    document["Statement"] = statements.into();
    Ok(Some(document.to_string()))
}

fn check(permission: &Permission) -> Result<(), ApiError> {
    let Permission { label, accounts, actions } = permission;
    // The rule is documented, the text is a guess.
    let is_label = (1..=80).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !is_label {
        let reason = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
        return Err(invalid_value(label, "Label", reason));
    }
    if actions.is_empty() {
        return Err(ApiError::new(ErrorCode::MissingParameter, "The request must contain the parameter Actions."));
    }
    let is_account = |account: &String| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    if accounts.is_empty() || !accounts.iter().all(is_account) {
        return Err(invalid_value(&format!("[{}]", accounts.join(", ")), "PrincipalId", "Unable to verify."));
    }
    if actions.len() > MAX_ACTIONS {
        let message = format!("{} Actions were found, maximum allowed is {MAX_ACTIONS}.", actions.len());
        return Err(ApiError::new(ErrorCode::OverLimit, message));
    }

    match actions.iter().find(|action| !GRANTED.contains(&action.as_str())) {
        None => Ok(()),
        Some(action) => Err(not_granted(action)),
    }
}

/// The error for an action that nobody can be let do. Texts of moto and `LocalStack`, which follow AWS's.
fn not_granted(action: &str) -> ApiError {
    let reason = if OWNERS.contains(&action) {
        "Only the queue owner is allowed to invoke this action."
    } else {
        "Please refer to the appropriate WSDL for a list of valid actions. "
    };
    invalid_value(&format!("SQS:{action}"), "ActionName", reason)
}

/// A policy as JSON, or the one that a queue gets with its first permission.
fn document(policy: Option<&str>, queue: &QueueKey) -> Value {
    policy.and_then(|policy| serde_json::from_str(policy).ok()).filter(Value::is_object).unwrap_or_else(
        || json!({ "Version": "2008-10-17", "Id": format!("{}/SQSDefaultPolicy", queue.arn()), "Statement": [] }),
    )
}

/// Takes the statements out of a policy, which may have one without a list.
fn statements(document: &mut Value) -> Vec<Value> {
    match document["Statement"].take() {
        Value::Array(statements) => statements,
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

fn one_or_many(texts: impl Iterator<Item = String>) -> Value {
    let mut texts: Vec<Value> = texts.map(Value::String).collect();
    if texts.len() == 1 { texts.remove(0) } else { texts.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::names::Scope;

    fn queue() -> QueueKey {
        let scope = Scope { account: "111111111111".into(), region: "us-east-1".into() };
        QueueKey { scope, name: "q".into() }
    }

    fn permission(label: &str, accounts: &[&str], actions: &[&str]) -> Permission {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Permission { label: label.to_owned(), accounts: owned(accounts), actions: owned(actions) }
    }

    #[test]
    fn statements_come_and_go() {
        let accounts = ["668614515564", "111111111111"];
        let first = added(None, &queue(), &permission("one", &accounts, &["ReceiveMessage"])).expect("is added");
        assert_eq!(
            first,
            r#"{"Version":"2008-10-17","Id":"arn:aws:sqs:us-east-1:111111111111:q/SQSDefaultPolicy","Statement":[{"Sid":"one","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::668614515564:root","arn:aws:iam::111111111111:root"]},"Action":"SQS:ReceiveMessage","Resource":"arn:aws:sqs:us-east-1:111111111111:q"}]}"#
        );
        let again = added(Some(&first), &queue(), &permission("one", &accounts[1..], &["SendMessage"]));
        let message = again.expect_err("is refused").message.unwrap_or_default();
        assert_eq!(message, "Value one for parameter Label is invalid. Reason: Already exists.");

        let both = added(Some(&first), &queue(), &permission("two", &accounts[1..], &["*"])).expect("is added");
        let second = removed(Some(&both), &queue(), "one").expect("is removed").expect("has another");
        assert_eq!(removed(Some(&second), &queue(), "two"), Ok(None));
        let missing = removed(Some(&second), &queue(), "one").expect_err("is refused");
        assert!(missing.message.unwrap_or_default().ends_with("Reason: can't find label."));
    }

    #[test]
    fn actions_are_those_that_can_be_granted() {
        let eight = ["SendMessage"; 8];
        let refused = |permission| added(None, &queue(), &permission).expect_err("is refused");
        assert_eq!(refused(permission("l", &["111111111111"], &eight)).code, ErrorCode::OverLimit);
        let owners = refused(permission("l", &["111111111111"], &["DeleteQueue"])).message.unwrap_or_default();
        assert!(owners.ends_with("Only the queue owner is allowed to invoke this action."), "{owners}");
        let unknown = refused(permission("l", &["111111111111"], &["Nonsense"])).message.unwrap_or_default();
        assert!(unknown.starts_with("Value SQS:Nonsense for parameter ActionName is invalid."), "{unknown}");
        assert!(added(None, &queue(), &permission("l", &["me"], &["*"])).is_err());
    }
}
