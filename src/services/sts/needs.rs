//! Which permissions STS's operations take.
//!
//! Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html>.

use super::web_identity::WebIdentity;
use crate::model::credentials;
use crate::model::policies::evaluation::document::{Document, PolicyKind};
use crate::model::state::State;
use crate::protocol::call::Call;
use crate::services::access::Need;
use crate::services::access::need::tags;

/// What stands for the trust policy of a role that is not there: nobody may assume it.
const NOBODY: &str = r#"{"Version":"2012-10-17","Statement":[]}"#;

/// What a call takes. Who somebody is, and a session of their own, everybody may ask for.
pub fn of_call(state: &State, call: &Call) -> Vec<Need> {
    match call.operation {
        "AssumeRole" => {
            let assume = assumes(state, call, "sts:AssumeRole");
            let tagged = call.input.contains_key("Tags").then(|| assumes(state, call, "sts:TagSession"));
            [assume].into_iter().chain(tagged).collect()
        }
        "GetAccessKeyInfo" => vec![Need::new("sts:GetAccessKeyInfo", "*")],
        _ => Vec::new(),
    }
}

/// What `AssumeRoleWithWebIdentity` takes: the role's trust.
pub fn with_web_identity(state: &State, identity: &WebIdentity<'_>, role_arn: &str, session_name: &str) -> Need {
    let need =
        of_role(state, "sts:AssumeRoleWithWebIdentity", role_arn).with("sts:RoleSessionName", Some(session_name));
    identity.keys().into_iter().fold(need, |need, (key, values)| match values.as_slice() {
        [value] => need.with(&key, Some(value)),
        _ => need.with_many(&key, values),
    })
}

/// The permission to begin a session of a role, with what the call says of the session.
fn assumes(state: &State, call: &Call, action: &str) -> Need {
    of_role(state, action, call.text_or_empty("RoleArn"))
        .with("sts:ExternalId", call.text("ExternalId"))
        .with("sts:RoleSessionName", call.text("RoleSessionName"))
        .with_many("sts:TransitiveTagKeys", call.texts("TransitiveTagKeys").unwrap_or_default())
        .with_tags(tags(call.input.get("Tags")))
}

/// The permission for a role, which its trust policy has to give, too.
fn of_role(state: &State, action: &str, arn: &str) -> Need {
    let role = credentials::role(arn).and_then(|(account, name)| state.role(&account, name));
    let trust = Document::parse(role.map_or(NOBODY, |role| role.trust_policy.as_str()), PolicyKind::RoleTrust);
    Need::new(action, arn)
        .with_trust(trust.named(format!("of {arn}")))
        .on_tagged(role.iter().flat_map(|role| &role.tags))
}
