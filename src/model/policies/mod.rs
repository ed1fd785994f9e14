//! Resource-based policies of functions, their versions and aliases, and of layer versions.

pub mod command;
pub mod decide;
pub mod document;
pub mod evaluation;
pub mod event;

use serde_json::{Map, Value, json};

use super::arn::{self, Arn};
use super::error::{ApiError, ErrorCode};
use super::names::{AliasName, FunctionKey, Region, RevisionId};
use super::qualifier::{Qualifier, Version};

/// Bytes a policy may have.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>, "Resource-based policy".
pub const MAX_SIZE: usize = 20_480;

/// What of a function a policy is attached to. `$LATEST` has none of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The function, unqualified.
    Function,
    /// `$LATEST.PUBLISHED`.
    LatestPublished,
    /// A published version.
    Version(u64),
    /// An alias.
    Alias(AliasName),
}

impl Target {
    /// What a qualifier stands for; `$LATEST` is the function itself.
    pub fn of(qualifier: Option<&Qualifier>) -> Self {
        match qualifier {
            None | Some(Qualifier::Version(Version::Latest)) => Self::Function,
            Some(Qualifier::Version(Version::LatestPublished)) => Self::LatestPublished,
            Some(Qualifier::Version(Version::Number(number))) => Self::Version(*number),
            Some(Qualifier::Alias(name)) => Self::Alias(name.clone()),
        }
    }

    /// The ARN that the policy's statements name.
    pub fn arn(&self, key: &FunctionKey) -> String {
        match self {
            Self::Function => arn::function(key),
            Self::LatestPublished => arn::qualified(key, &Version::LatestPublished),
            Self::Version(number) => arn::qualified(key, number),
            Self::Alias(name) => arn::qualified(key, name),
        }
    }
}

/// A policy. It has at least one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Version of the policy language.
    pub version: String,
    /// `Id` of the document.
    pub id: Option<String>,
    /// What is allowed and denied, in the order in which it was added.
    pub statements: Vec<Statement>,
    /// Changes with each change of the policy.
    pub revision: RevisionId,
}

/// One statement of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// `Sid`, one of its kind in the policy.
    pub sid: Option<String>,
    /// The whole statement as compact JSON, its members as AWS orders them.
    pub text: String,
}

impl Policy {
    /// An empty policy as AWS makes it for the first permission.
    pub fn new(revision: RevisionId) -> Self {
        Self { version: "2012-10-17".to_owned(), id: Some("default".to_owned()), statements: Vec::new(), revision }
    }

    /// The document, byte for byte.
    pub fn document(&self) -> String {
        let id = self.id.as_ref().map(|id| format!("\"Id\":{},", Value::from(id.as_str()))).unwrap_or_default();
        let statements: Vec<&str> = self.statements.iter().map(|statement| statement.text.as_str()).collect();
        let version = Value::from(self.version.as_str());
        format!("{{\"Version\":{version},{id}\"Statement\":[{}]}}", statements.join(","))
    }

    /// The statement with this id.
    pub fn statement(&self, sid: &str) -> Option<&Statement> {
        self.statements.iter().find(|statement| statement.sid.as_deref() == Some(sid))
    }

    /// The same with one more statement and another revision.
    ///
    /// # Errors
    /// The id is taken, or the policy gets too long.
    pub fn with(&self, statement: Statement, revision: RevisionId) -> Result<Self, ApiError> {
        if let Some(sid) = statement.sid.as_deref().filter(|sid| self.statement(sid).is_some()) {
            return Err(ApiError::conflict(format!(
                "The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the \
                 existing statement."
            )));
        }

        let mut policy = Self { revision, ..self.clone() };
        policy.statements.push(statement);
        policy.check_size()?;
        Ok(policy)
    }

    /// The same without a statement, under another revision; `None` when no statement is left.
    ///
    /// # Errors
    /// No statement has this id.
    pub fn without(&self, sid: &str, revision: RevisionId) -> Result<Option<Self>, ApiError> {
        if self.statement(sid).is_none() {
            let message = format!("Statement {sid} is not found in resource policy.");
            return Err(ApiError::new(ErrorCode::ResourceNotFound, message));
        }
        let mut policy = Self { revision, ..self.clone() };
        policy.statements.retain(|statement| statement.sid.as_deref() != Some(sid));
        Ok((!policy.statements.is_empty()).then_some(policy))
    }

    /// Refuses a policy beyond its size. The text is that of errors reported by users of AWS, such as
    /// <https://github.com/serverless/serverless/issues/7411>.
    pub fn check_size(&self) -> Result<(), ApiError> {
        let size = self.document().len();
        if size <= MAX_SIZE {
            return Ok(());
        }
        Err(ApiError::new(
            ErrorCode::PolicyLengthExceeded,
            format!("The final policy size ({size}) is bigger than the limit ({MAX_SIZE})."),
        ))
    }

    /// Whether a statement allows `account` what the policy is about. Conditions are about organizations,
    /// which Larder does not know: they count as met.
    pub fn allows_account(&self, account: &str) -> bool {
        let allows = |statement: &Statement| {
            let parsed: Value = serde_json::from_str(&statement.text).unwrap_or_default();
            let principal = &parsed["Principal"];
            let root = format!(":iam::{account}:root");
            parsed["Effect"] == "Allow"
                && (principal == "*" || principal["AWS"].as_str().is_some_and(|arn| arn.ends_with(&root)))
        };
        self.statements.iter().any(allows)
    }
}

/// What a caller grants by one statement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grant {
    /// `StatementId`.
    pub sid: String,
    /// The action, such as `lambda:InvokeFunction`.
    pub action: String,
    /// A service, an account id, an ARN, or `*`.
    pub principal: String,
    /// `SourceAccount`.
    pub source_account: Option<String>,
    /// `FunctionUrlAuthType`.
    pub url_auth_type: Option<String>,
    /// `PrincipalOrgID`, of a layer `OrganizationId`.
    pub organization: Option<String>,
    /// `EventSourceToken`.
    pub event_source_token: Option<String>,
    /// `InvokedViaFunctionUrl`.
    pub via_url: Option<bool>,
    /// `SourceArn`.
    pub source_arn: Option<String>,
}

impl Grant {
    /// The statement about `resource`. Members and conditions are ordered as recorded in
    /// `test_add_lambda_permission_fields`; where the token and `Bool` go between them is a guess.
    ///
    /// # Errors
    /// The principal is none.
    pub fn statement(&self, resource: &str, region: &Region) -> Result<Statement, ApiError> {
        let mut statement = json!({
            "Sid": self.sid,
            "Effect": "Allow",
            "Principal": principal(&self.principal, region)?,
            "Action": self.action,
            "Resource": resource,
        });
        let conditions = self.conditions();
        if !conditions.is_empty() {
            statement["Condition"] = conditions.into();
        }
        Ok(Statement { sid: Some(self.sid.clone()), text: statement.to_string() })
    }

    fn conditions(&self) -> Map<String, Value> {
        let equal = [
            ("AWS:SourceAccount", &self.source_account),
            ("lambda:FunctionUrlAuthType", &self.url_auth_type),
            ("aws:PrincipalOrgID", &self.organization),
            ("lambda:EventSourceToken", &self.event_source_token),
        ];
        let equal: Map<String, Value> = equal
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), Value::from(value.as_deref()?))))
            .collect();
        let mut conditions = Map::new();
        if !equal.is_empty() {
            conditions.insert("StringEquals".into(), equal.into());
        }
        if let Some(via_url) = self.via_url {
            conditions.insert("Bool".into(), json!({ "lambda:InvokedViaFunctionUrl": via_url.to_string() }));
        }
        if let Some(arn) = &self.source_arn {
            conditions.insert("ArnLike".into(), json!({ "AWS:SourceArn": arn }));
        }

        conditions
    }
}

/// Ends of the names of service principals; `.amazon.com` is Alexa's.
const SERVICES: [&str; 3] = [".amazonaws.com", ".amazonaws.com.cn", ".amazon.com"];

/// The `Principal` member.
fn principal(text: &str, region: &Region) -> Result<Value, ApiError> {
    if text == "*" {
        return Ok(text.into());
    }
    if SERVICES.iter().any(|end| text.ends_with(end)) {
        return Ok(json!({ "Service": text }));
    }
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(json!({ "AWS": format!("arn:{}:iam::{text}:root", arn::partition(region)) }));
    }
    let is_somebody = |arn: &Arn<'_>| matches!(arn.service, "iam" | "sts") && arn.partition.starts_with("aws");
    if Arn::parse(text).is_some_and(|arn| is_somebody(&arn)) {
        return Ok(json!({ "AWS": text }));
    }

    Err(ApiError::invalid_parameter("The provided principal was invalid. Please check the principal and try again."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(principal: &str) -> Result<String, ApiError> {
        let grant = Grant { sid: "s".into(), action: "a".into(), principal: principal.into(), ..Grant::default() };
        grant.statement("r", &"us-east-1".into()).map(|statement| statement.text)
    }

    #[test]
    fn principals_are_told_apart() {
        for (given, shown) in [
            ("s3.amazonaws.com", r#"{"Service":"s3.amazonaws.com"}"#),
            ("alexa-appkit.amazon.com", r#"{"Service":"alexa-appkit.amazon.com"}"#),
            ("123456789012", r#"{"AWS":"arn:aws:iam::123456789012:root"}"#),
            ("arn:aws:iam::123456789012:role/r", r#"{"AWS":"arn:aws:iam::123456789012:role/r"}"#),
            ("*", r#""*""#),
        ] {
            let expected = format!(r#"{{"Sid":"s","Effect":"Allow","Principal":{shown},"Action":"a","Resource":"r"}}"#);
            assert_eq!(statement(given), Ok(expected));
        }
        for invalid in ["invalid", "1234", "arn:aws:s3:::bucket"] {
            assert_eq!(statement(invalid).map_err(|error| error.code), Err(ErrorCode::InvalidParameterValue));
        }
    }

    #[test]
    fn conditions_stand_in_awss_order() {
        let grant = Grant {
            sid: "s".into(),
            action: "a".into(),
            principal: "*".into(),
            source_account: Some("123456789012".into()),
            url_auth_type: Some("NONE".into()),
            organization: Some("o-1234567890".into()),
            event_source_token: Some("t".into()),
            via_url: Some(true),
            source_arn: Some("arn:aws:s3:::b".into()),
        };
        let statement = grant.statement("r", &"us-east-1".into()).expect("a statement");
        assert!(statement.text.ends_with(concat!(
            r#""Condition":{"StringEquals":{"AWS:SourceAccount":"123456789012","lambda:FunctionUrlAuthType":"NONE","#,
            r#""aws:PrincipalOrgID":"o-1234567890","lambda:EventSourceToken":"t"},"#,
            r#""Bool":{"lambda:InvokedViaFunctionUrl":"true"},"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::b"}}}"#,
        )));
    }

    #[test]
    fn a_policy_ends_with_its_last_statement_and_has_a_size() {
        let revision = RevisionId(uuid::Uuid::nil());
        let one = |sid: &str, text: &str| Statement { sid: Some(sid.into()), text: text.into() };
        let policy = Policy::new(revision).with(one("a", "{}"), revision).expect("fits");
        assert_eq!(policy.document(), r#"{"Version":"2012-10-17","Id":"default","Statement":[{}]}"#);
        assert_eq!(policy.with(one("a", "{}"), revision).map_err(|e| e.code), Err(ErrorCode::ResourceConflict));
        let room = MAX_SIZE - policy.document().len();
        assert!(policy.with(one("b", &"x".repeat(room - 1)), revision).is_ok());
        let error = policy.with(one("b", &"x".repeat(room)), revision).expect_err("one byte too much");
        assert_eq!(error.message.as_deref(), Some("The final policy size (20481) is bigger than the limit (20480)."));
        assert_eq!(policy.without("a", revision), Ok(None));
    }
}
