//! Users: there are none, but the owner of the account.

use serde::Serialize;

use super::NAME;
use crate::api::Services;
use crate::api::shape::Member;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::time::Timestamp;
use crate::neighbours::query::{Answer, QueryCall, QueryOperation, query_operation};
use crate::neighbours::xml;

/// The operations of this file.
pub const OPERATIONS: &[QueryOperation] = &[query_operation!("GetUser" &[Member::body("UserName", NAME)] => get)];

/// `GetUser`. Without a name it is about the caller, who is the account's owner. AWS's answer about an
/// owner has neither name nor path; some tools read the account from its ARN.
async fn get(_services: &Services, call: QueryCall) -> Answer {
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Owner {
        user_id: String,
        arn: String,
        create_date: String,
    }
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Result {
        user: Owner,
    }
    let name = call.text("UserName");
    if !name.is_empty() {
        let message = format!("The user with name {name} cannot be found.");
        return Err(ApiError::new(ErrorCode::NoSuchEntity, message));
    }
    if call.session.is_some() {
        let message = "Must specify userName when calling with non-User credentials";
        return Err(ApiError::new(ErrorCode::ValidationError, message));
    }
    let account = call.account();
    let arn = format!("arn:aws:iam::{account}:root");
    let create_date = xml::time(Timestamp::default());
    call.answer(&Result { user: Owner { user_id: account.to_string(), arn, create_date } })
}
