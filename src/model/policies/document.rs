//! Policy documents as callers write them (`PutResourcePolicy`).
//!
//! AWS documents the operation since 2026-07 without its messages: the texts of this file are Larder's own. What is
//! checked is IAM's grammar as far as a function's policy can have it.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html>,
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::evaluation::document::{DOCUMENT, STATEMENT, unknown_member};
use super::evaluation::pattern::Pattern;
use super::{Policy, Statement};
use crate::model::error::{ApiError, ErrorCode};
use crate::model::names::RevisionId;

/// Versions of the policy language.
const VERSIONS: [&str; 2] = ["2012-10-17", "2008-10-17"];

/// A checked document, not yet attached to anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    version: String,
    id: Option<String>,
    statements: Vec<Statement>,
}

impl Document {
    /// Reads a document about `resource`, the ARN it is to be attached to.
    ///
    /// # Errors
    /// It is no policy, is about something else, or lets everybody in.
    pub fn parse(text: &str, resource: &str) -> Result<Self, ApiError> {
        let Ok(Value::Object(document)) = serde_json::from_str(text) else {
            return Err(malformed("it is not a JSON object"));
        };
        check_members(&document, &DOCUMENT)?;
        let version = match document.get("Version") {
            // IAM's default.
            None => "2008-10-17",
            Some(version) => version
                .as_str()
                .filter(|version| VERSIONS.contains(version))
                .ok_or_else(|| malformed("its Version is unknown"))?,
        };
        let id = document.get("Id").map(|id| id.as_str().ok_or_else(|| malformed("its Id is not a text")));
        let statements = match document.get("Statement") {
            Some(Value::Array(statements)) if !statements.is_empty() => statements.iter().collect(),
            Some(one @ Value::Object(_)) => vec![one],
            _ => return Err(malformed("it has no Statement")),
        };
        let statements: Vec<Statement> =
            statements.into_iter().map(|statement| parse_statement(statement, resource)).collect::<Result<_, _>>()?;
        let mut sids = HashSet::new();
        if let Some(sid) = statements.iter().filter_map(|one| one.sid.as_deref()).find(|sid| !sids.insert(*sid)) {
            return Err(malformed(&format!("the statement id {sid} is there twice")));
        }

        Ok(Self { version: version.to_owned(), id: id.transpose()?.map(str::to_owned), statements })
    }

    /// The policy of this document.
    pub fn into_policy(self, revision: RevisionId) -> Policy {
        Policy { version: self.version, id: self.id, statements: self.statements, revision }
    }
}

fn parse_statement(value: &Value, resource: &str) -> Result<Statement, ApiError> {
    let Value::Object(statement) = value else { return Err(malformed("a statement is not an object")) };
    check_members(statement, &STATEMENT)?;
    if !matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny")) {
        return Err(malformed("an Effect must be Allow or Deny"));
    }
    for (member, negated) in [("Principal", "NotPrincipal"), ("Action", "NotAction"), ("Resource", "NotResource")] {
        if statement.contains_key(member) == statement.contains_key(negated) {
            return Err(malformed(&format!("a statement has either {member} or {negated}")));
        }
    }

    if !texts(statement.get("Resource")).all(|named| is_about(named, resource)) {
        return Err(malformed(&format!("a Resource is not {resource}")));
    }
    if is_public(statement) {
        return Err(ApiError::new(
            ErrorCode::PublicPolicy,
            "The resource-based policy you tried to add to the Lambda resource would grant public access to it, which \
             isn't allowed.",
        ));
    }

    let sid = match statement.get("Sid") {
        None => None,
        Some(Value::String(sid)) => Some(sid.clone()),
        Some(_) => return Err(malformed("a Sid is not a text")),
    };
    Ok(Statement { sid, text: value.to_string() })
}

/// A text or a list of texts.
fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let one = value.and_then(Value::as_str);
    let list = value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    one.into_iter().chain(list)
}

/// Whether a `Resource` names what the policy is attached to, perhaps by wildcards, or a version or alias of it.
fn is_about(named: &str, resource: &str) -> bool {
    Pattern::new(named).of_resource().matches(resource)
        || named.strip_prefix(resource).is_some_and(|rest| rest.starts_with(':'))
}

/// Whether a statement allows everybody without any condition.
fn is_public(statement: &Map<String, Value>) -> bool {
    let everybody = |principal: &Value| {
        principal == "*" || principal.get("AWS").is_some_and(|aws| texts(Some(aws)).any(|principal| principal == "*"))
    };
    let unconditional = statement.get("Condition").and_then(Value::as_object).is_none_or(Map::is_empty);
    statement.get("Effect").is_some_and(|effect| effect == "Allow")
        && statement.get("Principal").is_some_and(everybody)
        && unconditional
}

fn check_members(object: &Map<String, Value>, known: &[&str]) -> Result<(), ApiError> {
    unknown_member(object, known).map_or(Ok(()), |member| Err(malformed(&format!("the member {member} is unknown"))))
}

fn malformed(reason: &str) -> ApiError {
    ApiError::invalid_parameter(format!("The provided policy document is invalid: {reason}."))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

    fn parse(statement: &Value) -> Result<Document, ErrorCode> {
        let document = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
        Document::parse(&document, ARN).map_err(|error| error.code)
    }

    fn allow(more: &Value) -> Value {
        let mut statement =
            json!({ "Effect": "Allow", "Principal": { "AWS": "1" }, "Action": "lambda:*", "Resource": ARN });
        for (member, value) in more.as_object().expect("an object") {
            statement[member] = value.clone();
        }
        statement
    }

    #[test]
    fn a_document_keeps_its_order_and_loses_its_spaces() {
        let text = format!(
            r#"{{ "Statement": [ {{ "Resource": "{ARN}", "Effect": "Deny", "Action": ["a"], "Principal": "*" }} ] }}"#
        );
        let policy = Document::parse(&text, ARN).expect("a policy").into_policy(RevisionId(uuid::Uuid::nil()));
        let statement = format!(r#"{{"Resource":"{ARN}","Effect":"Deny","Action":["a"],"Principal":"*"}}"#);
        assert_eq!(policy.document(), format!(r#"{{"Version":"2008-10-17","Statement":[{statement}]}}"#));
    }

    #[test]
    fn resources_are_the_function_and_its_qualified_arns() {
        for resource in [ARN, "arn:aws:lambda:us-east-1:000000000000:function:f:*", "*", "arn:aws:lambda:*:function:?"]
        {
            assert!(parse(&allow(&json!({ "Resource": resource }))).is_ok(), "{resource}");
        }
        for resource in ["arn:aws:lambda:us-east-1:000000000000:function:g", "arn:aws:s3:::b", &format!("{ARN}f")] {
            let refused = parse(&allow(&json!({ "Resource": [ARN, resource] })));
            assert_eq!(refused, Err(ErrorCode::InvalidParameterValue), "{resource}");
        }
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        for statement in [
            json!([]),
            json!("x"),
            json!([allow(&json!({ "Effect": "Maybe" }))]),
            json!([allow(&json!({ "NotAction": "a" }))]),
            json!([allow(&json!({ "Extra": 1 }))]),
            json!([allow(&json!({ "Sid": "a" })), allow(&json!({ "Sid": "a" }))]),
        ] {
            assert_eq!(parse(&statement), Err(ErrorCode::InvalidParameterValue), "{statement}");
        }
    }

    #[test]
    fn everybody_is_let_in_under_conditions_only() {
        let condition = json!({ "StringEquals": { "aws:PrincipalOrgID": "o-1234567890" } });
        for everybody in [json!("*"), json!({ "AWS": "*" }), json!({ "AWS": ["1", "*"] })] {
            assert_eq!(parse(&allow(&json!({ "Principal": everybody }))), Err(ErrorCode::PublicPolicy));
            assert!(parse(&allow(&json!({ "Principal": everybody, "Condition": condition }))).is_ok());
            assert!(parse(&allow(&json!({ "Principal": everybody, "Effect": "Deny" }))).is_ok());
        }
    }
}
