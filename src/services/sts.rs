//! The Security Token Service: who a caller is, and credentials of roles.
//!
//! Unless callers are asked (`super::access`), any role may be assumed. What the credentials mean is in
//! themselves (`model::credentials`): nothing of this is stored.

mod needs;
mod web_identity;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::web_identity::WebIdentity;
use crate::clock;
use crate::model::credentials;
use crate::model::credentials::session::{self, RoleSession, Session, UserSession};
use crate::model::error::{ApiError, ErrorCode};
use crate::model::names::AccountId;
use crate::model::time::Timestamp;
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::codec::Dialect;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::service::Service;
use crate::protocol::shape::{Kind, Member, length, pattern};
use crate::protocol::violations::check_showing_values;
use crate::protocol::{sigv4, xml};
use crate::services::Services;

/// STS.
pub static SERVICE: Service<Services> = Service {
    dialect: Dialect::Query { namespace: "https://sts.amazonaws.com/doc/2011-06-15/" },
    check: check_showing_values,
    admit,
    tables: &[OPERATIONS],
};

fn admit(services: &Services, call: &Call) -> Result<(), ApiError> {
    services.access.admit(call, || needs::of_call(&services.ledger.state(), call))
}

static OPERATIONS: &[Operation<Services>] = &[
    operation!("AssumeRole" ASSUME_ROLE => assume_role),
    operation!("AssumeRoleWithWebIdentity" ASSUME_ROLE_WITH_WEB_IDENTITY => assume_role_with_web_identity),
    operation!("GetAccessKeyInfo" GET_ACCESS_KEY_INFO => get_access_key_info),
    operation!("GetCallerIdentity" &[] => get_caller_identity),
    operation!("GetSessionToken" GET_SESSION_TOKEN => get_session_token),
];

/// How long credentials last if the caller does not say.
///
/// Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>, and for
/// `GetSessionToken` twelve hours.
const ASSUMED_S: u64 = 3600;
const SESSION_S: u64 = 43_200;

const ARN: Kind = length(20, 2048);
const SESSION_NAME: Kind = pattern(2, 64, r"[\w+=,.@-]*");
const SESSION_POLICY: Kind = length(1, 100_000);
const POLICY_ARNS: Kind = Kind::List { length: None, item: &Kind::Structure(&[Member::body("arn", ARN)]) };
const DURATION: Kind = Kind::Integer(900, 43_200);
const SESSION_TAG: Kind = Kind::Structure(&[
    Member::body("Key", pattern(1, 128, r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+")).required(),
    Member::body("Value", pattern(0, 256, r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*")).required(),
]);

const ASSUME_ROLE: &[Member] = &[
    Member::body("RoleArn", ARN).required(),
    Member::body("RoleSessionName", SESSION_NAME).required(),
    Member::body("Policy", SESSION_POLICY),
    Member::body("PolicyArns", POLICY_ARNS),
    Member::body("DurationSeconds", DURATION),
    Member::body("Tags", Kind::List { length: Some((0, 50)), item: &SESSION_TAG }),
    Member::body("TransitiveTagKeys", Kind::List { length: Some((0, 50)), item: &length(1, 128) }),
    Member::body("ExternalId", pattern(2, 1224, r"[\w+=,.@:\/-]*")),
];

const ASSUME_ROLE_WITH_WEB_IDENTITY: &[Member] = &[
    Member::body("RoleArn", ARN).required(),
    Member::body("RoleSessionName", SESSION_NAME).required(),
    Member::body("WebIdentityToken", length(4, 20_000)).required(),
    Member::body("ProviderId", length(4, 2048)),
    Member::body("Policy", SESSION_POLICY),
    Member::body("PolicyArns", POLICY_ARNS),
    Member::body("DurationSeconds", DURATION),
];

const GET_ACCESS_KEY_INFO: &[Member] = &[Member::body("AccessKeyId", pattern(16, 128, r"[\w]*")).required()];

const GET_SESSION_TOKEN: &[Member] = &[
    Member::body("DurationSeconds", Kind::Integer(900, 129_600)),
    Member::body("SerialNumber", pattern(9, 256, r"[\w+=/:,.@-]*")),
    Member::body("TokenCode", pattern(6, 6, r"[\d]*")),
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AssumeRoleRequest {
    role_arn: String,
    role_session_name: String,
    duration_seconds: Option<u64>,
    policy: Option<String>,
    #[serde(default)]
    policy_arns: Vec<PolicyArn>,
    #[serde(default)]
    tags: Vec<SessionTag>,
    #[serde(default)]
    transitive_tag_keys: Vec<String>,
    web_identity_token: Option<String>,
    provider_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SessionTag {
    key: String,
    value: String,
}

#[derive(Debug, Deserialize)]
struct PolicyArn {
    arn: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct AssumedRoleUser {
    assumed_role_id: String,
    arn: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct WithCredentials {
    credentials: Credentials,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject_from_web_identity_token: Option<String>,
    assumed_role_user: AssumedRoleUser,
    #[serde(skip_serializing_if = "Option::is_none")]
    packed_policy_size: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct CallerIdentity {
    arn: String,
    user_id: String,
    account: String,
}

/// `GetCallerIdentity`. Credentials that neither a role nor a user stands behind are the account's own.
async fn get_caller_identity(services: &Services, call: Call) -> Answer {
    let account = call.account();
    let state = services.ledger.state();
    if let Some(user) = call.user(&state) {
        let arn = user.arn();
        let user_id = user.id.clone();
        return call.answer(&CallerIdentity { arn, user_id, account: account.to_string() });
    }

    let session = call.role_session();
    call.answer(&CallerIdentity {
        arn: session.map_or_else(|| format!("arn:aws:iam::{account}:root"), RoleSession::arn),
        user_id: session.map_or_else(|| account.to_string(), RoleSession::user_id),
        account: account.to_string(),
    })
}

/// `AssumeRole`.
async fn assume_role(services: &Services, mut call: Call) -> Answer {
    let mut request: AssumeRoleRequest = call.parse()?;
    check_tags(&request)?;
    let handed_on = call.role_session().map(|session| session.transitive_tags.clone()).unwrap_or_default();
    if request.tags.iter().any(|tag| handed_on.iter().any(|key| key.eq_ignore_ascii_case(&tag.key))) {
        // As in `LocalStack`'s recordings of AWS.
        return Err(ApiError::new(
            ErrorCode::InvalidQueryValue,
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from \
             the calling session.",
        ));
    }

    request.transitive_tag_keys.extend(handed_on);
    let assumed = assumed(services, &request)?;
    call.answer(&assumed)
}

/// `AssumeRoleWithWebIdentity`. Who made the token is not verified; what it says is told, and asked of the role's trust
/// policy where callers are.
async fn assume_role_with_web_identity(services: &Services, mut call: Call) -> Answer {
    let request: AssumeRoleRequest = call.parse()?;
    let claims = claims(request.web_identity_token.as_deref().unwrap_or_default()).ok_or_else(|| {
        ApiError::new(
            ErrorCode::InvalidIdentityToken,
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
        )
    })?;
    let claim = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    let issuer = request.provider_id.clone().or_else(|| claim("iss")).unwrap_or_default();
    let identity = WebIdentity { issuer: &issuer, claims: &claims };
    services.access.admit_federated(&call, &identity.provider(&request.role_arn), || {
        needs::with_web_identity(&services.ledger.state(), &identity, &request.role_arn, &request.role_session_name)
    })?;
    let mut assumed = assumed(services, &request)?;
    assumed.subject_from_web_identity_token = claim("sub");
    assumed.provider = request.provider_id.or_else(|| claim("iss"));
    assumed.audience = claim("aud");

    call.answer(&assumed)
}

/// `GetSessionToken`.
async fn get_session_token(services: &Services, mut call: Call) -> Answer {
    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Request {
        duration_seconds: Option<u64>,
    }

    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Result {
        credentials: Credentials,
    }

    let request: Request = call.parse()?;
    let expires = ends_in(request.duration_seconds.unwrap_or(SESSION_S));
    let state = services.ledger.state();
    let session = call.user(&state).map(|user| {
        let account = user.key.account.clone();
        Session::User(UserSession { account, name: user.name.clone(), expires: Some(expires) })
    });
    let credentials = credentials(services, call.account(), session.as_ref(), expires);
    call.answer(&Result { credentials })
}

/// `GetAccessKeyInfo`.
async fn get_access_key_info(_services: &Services, call: Call) -> Answer {
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Result {
        account: String,
    }
    call.answer(&Result { account: sigv4::account_of(call.text_or_empty("AccessKeyId")).to_string() })
}

fn assumed(services: &Services, request: &AssumeRoleRequest) -> Result<WithCredentials, ApiError> {
    let AssumeRoleRequest { role_arn, role_session_name, .. } = request;
    let duration_s = request.duration_seconds.unwrap_or(ASSUMED_S);
    // The text as in `LocalStack`'s snapshots of AWS's STS.
    let (account, name) = credentials::role(role_arn)
        .ok_or_else(|| ApiError::new(ErrorCode::ValidationError, format!("{role_arn} is invalid")))?;
    let state = services.ledger.state();
    let role = state.role(&account, name);

    // A role that Larder was never told of may be assumed too: functions run with such roles.
    let longest = role.map_or(u64::MAX, |role| u64::from(role.max_session_duration_s));
    if duration_s > longest {
        return Err(ApiError::new(
            ErrorCode::ValidationError,
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }

    let expires = ends_in(duration_s);
    let role_id = role.map_or_else(|| credentials::derived_role_id(&account, name), |role| role.id.clone());
    let session = RoleSession {
        role_name: name.to_owned(),
        role_id,
        session_name: role_session_name.clone(),
        account: account.clone(),
        tags: request.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect(),
        transitive_tags: request.transitive_tag_keys.clone(),
        policies: session_policies(request),
        expires: Some(expires),
    };
    let assumed_role_user = AssumedRoleUser { assumed_role_id: session.user_id(), arn: session.arn() };
    Ok(WithCredentials {
        credentials: credentials(services, &account, Some(&Session::Role(session)), expires),
        subject_from_web_identity_token: None,
        assumed_role_user,
        // In percent of what is allowed; AWS's packing is not known, so this is a guess.
        packed_policy_size: request.policy.as_ref().map(|policy| (policy.len() * 100).div_ceil(2048).min(100)),
        provider: None,
        audience: None,
    })
}

/// What the caller wants the session to be able to do at most.
fn session_policies(request: &AssumeRoleRequest) -> Vec<String> {
    let managed = request.policy_arns.iter().filter_map(|policy| policy.arn.clone());
    request.policy.iter().cloned().chain(managed).collect()
}

fn ends_in(duration_s: u64) -> Timestamp {
    Timestamp(clock::now().0.saturating_add(duration_s * 1000))
}

fn credentials(services: &Services, account: &AccountId, session: Option<&Session>, expires: Timestamp) -> Credentials {
    let credentials::Credentials { access_key_id, secret_access_key, session_token } =
        session::credentials(account, session, &rand::random(), services.ledger.secret());
    Credentials { access_key_id, secret_access_key, session_token, expiration: xml::time(expires) }
}

/// Texts as in `LocalStack`'s snapshots of AWS's STS (`tests/aws/services/sts`).
fn check_tags(request: &AssumeRoleRequest) -> Result<(), ApiError> {
    let keys: Vec<String> = request.tags.iter().map(|tag| tag.key.to_lowercase()).collect();
    let refused = |message: &str| Err(ApiError::new(ErrorCode::InvalidQueryValue, message));
    if request.transitive_tag_keys.iter().any(|key| !keys.contains(&key.to_lowercase())) {
        return refused("The specified transitive tag key must be included in the requested tags.");
    }
    if (1..keys.len()).any(|place| keys[..place].contains(&keys[place])) {
        return refused("Duplicate tag keys found. Please note that Tag keys are case insensitive.");
    }

    Ok(())
}

/// The claims of a JSON web token.
fn claims(token: &str) -> Option<Value> {
    let [_, claims, _] = token.split('.').collect::<Vec<_>>().try_into().ok()?;
    let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&claims).ok().filter(Value::is_object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_its_claims() {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let token = format!("{}.{}.x", part("{}"), part("{\"sub\":\"me\"}"));
        assert_eq!(claims(&token).expect("are claims")["sub"], "me");
        assert_eq!(claims("nonsense"), None);
    }
}
