//! Who signed a request to a function's URL.

use serde::Serialize;

use crate::model::credentials::RoleSession;
use crate::model::iam::User;
use crate::model::names::AccountId;

/// A caller, as events show it in `requestContext.authorizer.iam`.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-request-payload>.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    access_key: String,
    /// Its account.
    pub account_id: String,
    caller_id: String,
    /// Not supported by function URLs: always null.
    #[serde(rename = "cognitoIdentity")]
    cognito: Option<()>,
    principal_org_id: Option<()>,
    /// Its ARN.
    pub user_arn: String,
    user_id: String,
}

impl Identity {
    fn new(access_key: &str, account: &AccountId, arn: String, id: String) -> Self {
        Self {
            access_key: access_key.to_owned(),
            account_id: account.to_string(),
            caller_id: id.clone(),
            cognito: None,
            principal_org_id: None,
            user_arn: arn,
            user_id: id,
        }
    }

    /// An account itself.
    pub fn of_account(access_key: &str, account: &AccountId) -> Self {
        Self::new(access_key, account, format!("arn:aws:iam::{account}:root"), account.to_string())
    }

    /// A user.
    pub fn of_user(access_key: &str, user: &User) -> Self {
        Self::new(access_key, &user.key.account, user.arn(), user.id.clone())
    }

    /// A session of a role.
    pub fn of_session(access_key: &str, session: &RoleSession) -> Self {
        Self::new(access_key, &session.account, session.arn(), session.user_id())
    }
}
