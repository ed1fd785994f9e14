//! Who may call a function's URL.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html>: since November 2026 everybody needs both grants,
//! `lambda:InvokeFunctionUrl` and `lambda:InvokeFunction`.

use axum::http::request::Parts;

use super::identity::Identity;
use super::target::Target;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::policies::evaluation::request::Principal;
use crate::model::state::State;
use crate::protocol::sigv4::verification::{Failure, Signed};
use crate::services::access::{Access, Asked, Judged, Need};

/// What AWS answers to whom nobody let in.
const FORBIDDEN: &str = "Forbidden. For troubleshooting Function URL authorization issues, see: \
                         https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html";

/// The permissions that calling a URL takes.
const NEEDED: [&str; 2] = ["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"];

/// Who calls, where that was asked, if they may.
///
/// # Errors
/// They may not, as AWS answers.
pub fn admit(
    access: &Access,
    target: &Target,
    request: (&Parts, &[u8]),
    (state, request_id): (&State, &str),
) -> Result<Option<Identity>, ApiError> {
    if access.judged == Judged::Nothing {
        return Ok(None);
    }
    if target.url.auth_type == "NONE" {
        let everybody = Asked { request_id, principal: Principal::Anonymous, caller: None };
        return if may(access, target, &everybody) { Ok(None) } else { Err(forbidden()) };
    }

    let signed = Signed::of(request.0).map_err(refusal)?;
    check_scope(&signed, target).map_err(refusal)?;
    let caller = access.signer(state, &signed, request).map_err(refusal)?;
    let asked = Asked { request_id, principal: caller.principal(), caller: Some(&caller) };
    if !may(access, target, &asked) {
        return Err(forbidden());
    }
    Ok(Some(Identity::new(&caller, signed.access_key_id)))
}

/// Whether policies allow somebody all that calling a URL takes.
fn may(access: &Access, target: &Target, asked: &Asked<'_>) -> bool {
    let arn = target.arn();
    let needed = if access.single_grant { &NEEDED[..1] } else { &NEEDED };

    needed.iter().all(|action| {
        let need = Need::new(*action, &arn)
            .with_policy(target.policy.clone())
            .with("lambda:FunctionUrlAuthType", Some(&target.url.auth_type))
            .with("lambda:InvokedViaFunctionUrl", Some("true"));
        access.refuses(asked, &need).is_none()
    })
}

/// Whether a signature is for Lambda, where the function is.
fn check_scope(signed: &Signed, target: &Target) -> Result<(), Failure> {
    signed.check_service("lambda")?;
    if signed.region == target.key.scope.region.as_str() {
        return Ok(());
    }
    Err(Failure::Scope(format!("Credential should be scoped to a valid region, not '{}'. ", signed.region)))
}

fn refusal(failure: Failure) -> ApiError {
    match failure {
        Failure::Missing => forbidden(),
        failure => Access::refusal(failure, false),
    }
}

fn forbidden() -> ApiError {
    ApiError::new(ErrorCode::AccessDenied, FORBIDDEN)
}
