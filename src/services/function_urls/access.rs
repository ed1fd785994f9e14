//! Who may call a function's URL.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html>: since November 2026 everybody needs both grants,
//! `lambda:InvokeFunctionUrl` and `lambda:InvokeFunction`.

use axum::http::request::Parts;
use chrono::DateTime;

use super::identity::Identity;
use super::target::Target;
use crate::clock;
use crate::model::credentials::{self, RoleSession};
use crate::model::error::{ApiError, ErrorCode};
use crate::model::iam::permissions::Permissions;
use crate::model::policies::evaluation::access::{self, Access, Applicable};
use crate::model::policies::evaluation::document::{Document, PolicyKind};
use crate::model::policies::evaluation::request::{Context, Principal, Request};
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
        (parts, body): (&Parts, &[u8]),
        (state, store_secret): (&State, &[u8]),
    ) -> Result<Option<Identity>, ApiError> {
        if !self.authorize {
            return Ok(None);
        }
        if target.url.auth_type == "NONE" {
            return if self.may(target, &Principal::Anonymous, &[], None) { Ok(None) } else { Err(forbidden()) };
        }

        let signed = Signed::of(parts).map_err(refusal)?;
        check_scope(&signed, target)?;
        let (caller, secret) = caller(&signed, state, store_secret)?;
        let now = i64::try_from(clock::now().0).ok().and_then(DateTime::from_timestamp_millis).unwrap_or_default();
        signed.verify((parts, body), &secret, now).map_err(refusal)?;

        let Permissions { identity, boundary } = &caller.permissions;
        let identity: Vec<_> = identity.iter().collect();
        let may = self.may(target, &caller.principal(), &identity, boundary.as_ref());
        if may { Ok(Some(caller.identity)) } else { Err(forbidden()) }
    }

    /// Whether policies allow somebody all that calling a URL takes.
    fn may(
        self,
        target: &Target,
        principal: &Principal<'_>,
        identity: &[&Document],
        boundary: Option<&Document>,
    ) -> bool {
        let resource = target.policy.as_deref().map(Document::from);
        let arn = target.arn();
        let context = Context::of(principal)
            .with("lambda:FunctionUrlAuthType", &target.url.auth_type)
            .with("lambda:InvokedViaFunctionUrl", "true")
            .with("aws:CurrentTime", clock::now().iso());
        let applicable = Applicable {
            identity,
            boundary,
            session: &[],
            resource: resource.as_ref(),
            resource_kind: PolicyKind::Resource,
            resource_account: target.key.scope.account.as_str(),
        };
        let needed = &["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"][..if self.single_grant { 1 } else { 2 }];

        needed.iter().all(|action| {
            let request = Request { principal: *principal, action, resource: &arn, context: &context };
            match access::decide(&applicable, &request) {
                Access::Allowed(_) => true,
                Access::Denied(denial) => {
                    tracing::info!("a caller of a function URL was refused: {}", denial.message(&request));
                    false
                }
            }
        })
    }
}

/// Somebody who signed.
struct Caller {
    identity: Identity,
    permissions: Permissions,
    /// ARN of the role, of a session.
    role: Option<String>,
}

impl Caller {
    fn principal(&self) -> Principal<'_> {
        let arn = self.identity.user_arn.as_str();
        match &self.role {
            Some(role) => Principal::RoleSession { role, session: arn },
            None if arn.ends_with(":root") => Principal::Root(arn),
            None => Principal::User(arn),
        }
    }
}

/// Whose key signed, and its secret.
fn caller(signed: &Signed, state: &State, store_secret: &[u8]) -> Result<(Caller, String), ApiError> {
    let Signed { access_key_id, session_token, .. } = signed;
    let given_out = || credentials::secret_access_key(store_secret, access_key_id, session_token);
    if let Some(user) = state.user_of_key(access_key_id) {
        if !user.access_keys.iter().any(|key| key.id == *access_key_id && key.active) {
            let message = "The security token included in the request is invalid.";
            return Err(ApiError::new(ErrorCode::UnrecognizedClient, message));
        }
        let identity = Identity::of_user(access_key_id, user);
        return Ok((Caller { identity, permissions: Permissions::of_user(state, user), role: None }, given_out()));
    }
    if let Some(session) = RoleSession::of_token(session_token) {
        let known = state.role(&session.account, &session.role_name);
        let permissions = known.map_or_else(Permissions::of_account, |role| Permissions::of_role(state, role));
        let unknown = || format!("arn:aws:iam::{}:role/{}", session.account, session.role_name);
        let role = Some(known.map_or_else(unknown, |role| role.arn()));
        let identity = Identity::of_session(access_key_id, &session);
        return Ok((Caller { identity, permissions, role }, given_out()));
    }

    let identity = Identity::of_account(access_key_id, &sigv4::account_of(access_key_id));
    let is_given_out = credentials::account_of(access_key_id).is_some();
    let secret = if is_given_out { given_out() } else { WELL_KNOWN_SECRET.to_owned() };
    Ok((Caller { identity, permissions: Permissions::of_account(), role: None }, secret))
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

fn forbidden() -> ApiError {
    ApiError::new(ErrorCode::AccessDenied, FORBIDDEN)
}
