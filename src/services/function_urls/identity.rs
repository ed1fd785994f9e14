//! Who signed a request to a function's URL.

use serde::Serialize;

use crate::model::iam::caller::Caller;

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
    /// A caller with an access key.
    pub fn new(caller: &Caller, access_key: String) -> Self {
        Self {
            access_key,
            account_id: caller.account.to_string(),
            caller_id: caller.id.clone(),
            cognito: None,
            principal_org_id: None,
            user_arn: caller.arn.clone(),
            user_id: caller.id.clone(),
        }
    }
}
