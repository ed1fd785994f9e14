//! Who may call what: signatures are verified and policies asked, as far as the user wants that.
//!
//! Sources: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>, and for the
//! actions, resources and condition keys of operations
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/>.

mod keys;
pub mod need;
mod passing;
mod refusals;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use axum::http::request::Parts;
use chrono::{DateTime, Utc};

pub use self::keys::Keys;
pub use self::need::Need;
use crate::clock;
use crate::desk::denials::{Denials, Denied};
use crate::model::error::ApiError;
use crate::model::iam::caller::Caller;
use crate::model::policies::evaluation::access::{self, Applicable};
use crate::model::policies::evaluation::request::{Context, Principal, Request};
use crate::model::state::State;
use crate::protocol::call::Call;
use crate::protocol::sigv4;
use crate::protocol::sigv4::verification::{Failure, Signed};

/// Whose calls are judged; each judges what those before it do, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Judged {
    /// Nobody's.
    Nothing,
    /// Those of function URLs.
    Urls,
    /// What policies of resources say: callers are whom they say they are.
    Resources,
    /// All: callers sign, and need permissions.
    All,
}

/// How callers are judged.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Whose calls are.
    pub judged: Judged,
    /// Whether of the two grants that everybody needs at a function URL the older one is enough, as it was for accounts
    /// before November 2026.
    pub single_grant: bool,
    /// A file with the keys of accounts, as AWS's clients have it.
    pub credentials: Option<PathBuf>,
}

/// Judges callers.
#[derive(Debug)]
pub struct Access {
    /// What is judged.
    pub judged: Judged,
    /// Whether one grant is enough at function URLs.
    pub single_grant: bool,
    /// Who was refused lately, and why.
    pub denials: Arc<Denials>,
    keys: Keys,
}

/// A call, for the record of those who were refused.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Its id.
    pub request_id: &'a str,
    /// Who calls.
    pub principal: Principal<'a>,
    /// Who calls, if it is somebody.
    pub caller: Option<&'a Caller>,
}

impl Access {
    /// Judges by rules, with the secrets of keys.
    pub fn new(rules: &Rules, keys: Keys) -> Self {
        Self { judged: rules.judged, single_grant: rules.single_grant, denials: Arc::default(), keys }
    }

    /// Who makes a call to a service; `None` where nobody is asked.
    ///
    /// # Errors
    /// There is no signature, or one that does not count.
    pub fn caller(
        &self,
        state: &State,
        service: &str,
        operation: &str,
        (parts, body): (&Parts, &[u8]),
    ) -> Result<Option<Caller>, Failure> {
        if self.judged < Judged::Resources || is_for_everybody(service, operation) {
            return Ok(None);
        }
        if self.judged == Judged::Resources {
            let caller = sigv4::caller(&parts.headers);
            let token = parts.headers.get("x-amz-security-token").and_then(|value| value.to_str().ok());
            let known = Caller::of_key(state, &caller.scope.account, &caller.access_key_id, token.unwrap_or_default());
            let known = known.unwrap_or_else(|| Caller::root(&caller.scope.account));
            return Ok(Some(known.with_all_rights()));
        }

        let signed = Signed::of(parts)?;
        signed.check_service(service)?;
        self.signer(state, &signed, (parts, body)).map(Some)
    }

    /// Who signed a request; the signature is verified.
    ///
    /// # Errors
    /// It does not count.
    pub fn signer(&self, state: &State, signed: &Signed, request: (&Parts, &[u8])) -> Result<Caller, Failure> {
        self.signer_who(state, signed, |secret, now| signed.verify(request, secret, now))
    }

    /// The same with a way to verify the signature by a secret, at a time.
    fn signer_who(
        &self,
        state: &State,
        signed: &Signed,
        verify: impl FnOnce(&str, DateTime<Utc>) -> Result<(), Failure>,
    ) -> Result<Caller, Failure> {
        let (caller, secret) = self.keys.find(state, signed).ok_or(Failure::Unknown)?;
        let now = clock::now();
        let in_millis = i64::try_from(now.0).ok().and_then(DateTime::from_timestamp_millis).unwrap_or_default();
        verify(&secret, in_millis)?;
        if keys::expires(signed).is_some_and(|end| end <= now) {
            return Err(Failure::Over);
        }

        Ok(caller)
    }

    /// The answer to who may not come in by a signature; with the codes of the query protocol, or of the others.
    pub fn refusal(failure: Failure, as_query: bool) -> ApiError {
        refusals::of_signature(failure, as_query)
    }

    /// Whether who makes a call may do all that it takes.
    ///
    /// # Errors
    /// They may not, in AWS's words.
    pub fn admit(&self, call: &Call, needs: impl FnOnce() -> Vec<Need>) -> Result<(), ApiError> {
        let Some(caller) = &call.caller else { return Ok(()) };
        let asked = Asked { request_id: &call.request_id, principal: caller.principal(), caller: Some(caller) };
        let refused = needs().into_iter().find_map(|need| self.refuses(&asked, &need));
        refused.map_or(Ok(()), |message| Err(refusals::of_policies(message, call.has_query_codes())))
    }

    /// Whether somebody for whom an identity provider vouches may begin a session of a role.
    ///
    /// # Errors
    /// They may not, in AWS's words.
    pub fn admit_federated(&self, call: &Call, provider: &str, need: impl FnOnce() -> Need) -> Result<(), ApiError> {
        if self.judged < Judged::Resources {
            return Ok(());
        }
        let asked = Asked { request_id: &call.request_id, principal: Principal::Federated(provider), caller: None };
        let refused = self.refuses(&asked, &need());
        // AWS tells no more to somebody whom it does not know.
        let message = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
        refused.map_or(Ok(()), |_| Err(refusals::of_policies(message.to_owned(), call.has_query_codes())))
    }

    /// What somebody is told who may not do something; `None` where they may.
    pub fn refuses(&self, asked: &Asked<'_>, need: &Need) -> Option<String> {
        let Asked { request_id, principal, caller } = asked;
        let context = caller.map_or_else(|| Context::of(principal), Caller::context);
        let context = need.add_to(context).with("aws:CurrentTime", clock::now().iso());
        let request =
            Request { principal: *principal, action: &need.action, resource: &need.resource, context: &context };
        let lists = caller.map(|caller| {
            let permissions = &caller.permissions;
            (permissions.identity.iter().collect::<Vec<_>>(), permissions.session.iter().collect::<Vec<_>>())
        });
        let (identity, session) = lists.unwrap_or_default();
        let applicable = Applicable {
            identity: &identity,
            boundary: caller.and_then(|caller| caller.permissions.boundary.as_ref()),
            session: &session,
            resource: need.policy.as_deref(),
            resource_kind: need.kind,
            resource_account: need.account(caller.map(|caller| caller.account.as_str())),
        };

        let access::Access::Denied(denial) = access::decide(&applicable, &request) else { return None };
        let message = denial.message(&request);
        let decided_by = applicable.decided_by(&denial);
        tracing::info!(decided_by, "refused: {message}");
        self.denials.note(Denied {
            request_id: (*request_id).to_owned(),
            time: clock::now().iso(),
            caller: principal.name().to_owned(),
            action: need.action.clone(),
            resource: need.resource.clone(),
            decided_by,
            context: context.shown(),
            message: message.clone(),
        });
        Some(message)
    }
}

/// Operations that callers without credentials make: the token they bring is their credential.
fn is_for_everybody(service: &str, operation: &str) -> bool {
    service == "sts" && operation == "AssumeRoleWithWebIdentity"
}
