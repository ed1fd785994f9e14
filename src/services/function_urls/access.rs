//! Who may call a function's URL.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html>: since November 2026 everybody needs both grants,
//! `lambda:InvokeFunctionUrl` and `lambda:InvokeFunction`.

use axum::http::request::Parts;
use chrono::DateTime;
use serde_json::Value;

use super::identity::Identity;
use super::target::Target;
use crate::clock;
use crate::model::credentials::{self, RoleSession};
use crate::model::error::{ApiError, ErrorCode};
use crate::model::policies::Policy;
use crate::model::state::State;
use crate::protocol::sigv4;
use crate::protocol::sigv4::verification::{Failure, Signed};

/// What AWS answers to whom nobody let in.
const FORBIDDEN: &str = "Forbidden. For troubleshooting Function URL authorization issues, see: \
                         https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html";

/// The secret of access keys that Larder did not give out: that of the field's examples.
const WELL_KNOWN_SECRET: &str = "test";

/// How callers of function URLs are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Whether they are judged at all.
    pub authorize: bool,
    /// Whether the older of both grants is enough, as it was for accounts before November 2026.
    pub single_grant: bool,
}

impl Rules {
    /// Who calls, where that was asked and may.
    pub fn admit(
        self,
        target: &Target,
        (parts, path, body): (&Parts, &str, &[u8]),
        (state, store_secret): (&State, &[u8]),
    ) -> Result<Option<Identity>, ApiError> {
        if !self.authorize {
            return Ok(None);
        }
        if target.url.auth_type == "NONE" {
            let is_granted = self.is_granted(target.policy.as_deref(), None, "NONE");
            return if is_granted { Ok(None) } else { Err(forbidden()) };
        }

        let signed = Signed::of(parts).map_err(refusal)?;
        check_scope(&signed, target)?;
        let (identity, secret) = caller(&signed, state, store_secret)?;
        let now = i64::try_from(clock::now().0).ok().and_then(DateTime::from_timestamp_millis).unwrap_or_default();
        signed.verify((parts, path, body), &secret, now).map_err(refusal)?;

        // An account's own callers are let in by it; those of another by the function's policy too.
        let is_own = identity.account_id == target.key.scope.account.as_str();
        if is_own || self.is_granted(target.policy.as_deref(), Some(&identity), "AWS_IAM") {
            Ok(Some(identity))
        } else {
            Err(forbidden())
        }
    }

    fn is_granted(self, policy: Option<&Policy>, caller: Option<&Identity>, auth_type: &str) -> bool {
        let Some(policy) = policy else { return false };
        let statements: Vec<Value> = policy
            .statements
            .iter()
            .filter_map(|statement| serde_json::from_str::<Value>(&statement.text).ok())
            .filter(|statement| is_about(&statement["Principal"], caller))
            .collect();
        let allows = |action: &str, key: &str, value: &str| {
            let concerned = statements
                .iter()
                .filter(|statement| has(&statement["Action"], action) && holds(&statement["Condition"], key, value));
            let effects: Vec<_> = concerned.map(|statement| statement["Effect"].as_str()).collect();
            effects.contains(&Some("Allow")) && !effects.contains(&Some("Deny"))
        };

        allows("lambda:InvokeFunctionUrl", "lambda:FunctionUrlAuthType", auth_type)
            && (self.single_grant || allows("lambda:InvokeFunction", "lambda:InvokedViaFunctionUrl", "true"))
    }
}

/// Whose key signed, and its secret.
fn caller(signed: &Signed, state: &State, store_secret: &[u8]) -> Result<(Identity, String), ApiError> {
    let Signed { access_key_id, session_token, .. } = signed;
    let account = sigv4::account_of(access_key_id);
    let given_out = || credentials::secret_access_key(store_secret, access_key_id, session_token);
    if let Some(user) = state.user_of_key(access_key_id) {
        let is_active = user.access_keys.iter().any(|key| key.id == *access_key_id && key.active);
        return if is_active { Ok((Identity::of_user(access_key_id, user), given_out())) } else { Err(unknown_key()) };
    }
    if let Some(session) = RoleSession::of_token(session_token) {
        return Ok((Identity::of_session(access_key_id, &session), given_out()));
    }

    let is_given_out = credentials::account_of(access_key_id).is_some();
    let secret = if is_given_out { given_out() } else { WELL_KNOWN_SECRET.to_owned() };
    Ok((Identity::of_account(access_key_id, &account), secret))
}

/// Whether a signature is for Lambda, where the function is.
fn check_scope(signed: &Signed, target: &Target) -> Result<(), ApiError> {
    let region = target.key.scope.region.as_str();
    if signed.service != "lambda" {
        return Err(invalid("Credential should be scoped to correct service: 'lambda'. "));
    }
    if signed.region != region {
        return Err(invalid(&format!("Credential should be scoped to a valid region, not '{}'. ", signed.region)));
    }
    Ok(())
}

fn refusal(failure: Failure) -> ApiError {
    match failure {
        Failure::Missing => forbidden(),
        Failure::Incomplete(message) => ApiError::new(ErrorCode::IncompleteSignature, message),
        Failure::Expired(message) => invalid(&message),
        Failure::Mismatch => invalid(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details.",
        ),
    }
}

fn invalid(message: &str) -> ApiError {
    ApiError::new(ErrorCode::InvalidSignature, message)
}

fn unknown_key() -> ApiError {
    ApiError::new(ErrorCode::UnrecognizedClient, "The security token included in the request is invalid.")
}

fn forbidden() -> ApiError {
    ApiError::new(ErrorCode::AccessDenied, FORBIDDEN)
}

/// Whether a statement's principal is everybody, or the caller.
fn is_about(principal: &Value, caller: Option<&Identity>) -> bool {
    let is_caller = |text: &str| {
        text == "*"
            || caller.is_some_and(|caller| {
                let root = format!("arn:aws:iam::{}:root", caller.account_id);
                text == caller.account_id || text == root || text == caller.user_arn
            })
    };
    texts(principal).chain(texts(&principal["AWS"])).any(is_caller)
}

/// Whether a statement's actions have one.
fn has(actions: &Value, action: &str) -> bool {
    texts(actions).any(|text| text == "*" || text == "lambda:*" || text.eq_ignore_ascii_case(action))
}

/// Whether a statement's conditions are none, or only that a key has a value.
fn holds(condition: &Value, key: &str, value: &str) -> bool {
    let Some(operators) = condition.as_object() else { return true };
    let mut conditions = operators.values().filter_map(Value::as_object).flatten();
    conditions.all(|(name, wanted)| name.eq_ignore_ascii_case(key) && texts(wanted).any(|text| text == value))
}

/// A text, or those of a list.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let list = value.as_array().into_iter().flatten();
    value.as_str().into_iter().chain(list.filter_map(Value::as_str))
}
