//! What else users sign in with: nothing, as nobody signs in here. Tools that delete a user ask for all of it first.

use serde::Serialize;

use super::paging::{PAGING, PageEnd, listed};
use super::users::existing;
use super::{MARKER, MAX_ITEMS, NAME, USER_IF_ANY};
use crate::model::error::{ApiError, ErrorCode};
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::page::{Order, Page};
use crate::protocol::shape::Member;
use crate::protocol::xml::List;
use crate::services::Services;

/// The operations of this file.
pub const OPERATIONS: &[Operation<Services>] = &[
    operation!("DeleteLoginProfile" &[USER_IF_ANY] => no_login_profile),
    operation!("GetLoginProfile" &[USER_IF_ANY] => no_login_profile),
    operation!("ListMFADevices" LISTED => none),
    operation!("ListSSHPublicKeys" LISTED => none),
    operation!("ListServiceSpecificCredentials" &[USER_IF_ANY, Member::body("ServiceName", NAME)] => none),
    operation!("ListSigningCertificates" LISTED => none),
];

const LISTED: &[Member] = &[USER_IF_ANY, MARKER, MAX_ITEMS];

/// An empty listing, under whichever of its names the caller looks for.
async fn none(services: &Services, call: Call) -> Answer {
    #[derive(Debug, Serialize)]
    struct Result {
        #[serde(rename = "MFADevices", skip_serializing_if = "Option::is_none")]
        mfa_devices: Option<List<()>>,
        #[serde(rename = "SSHPublicKeys", skip_serializing_if = "Option::is_none")]
        ssh_public_keys: Option<List<()>>,
        #[serde(rename = "ServiceSpecificCredentials", skip_serializing_if = "Option::is_none")]
        service_specific_credentials: Option<List<()>>,
        #[serde(rename = "Certificates", skip_serializing_if = "Option::is_none")]
        certificates: Option<List<()>>,
        #[serde(flatten)]
        end: PageEnd,
    }

    check_user(services, &call)?;
    let operation = call.operation;
    let (_, end) = listed(
        Page::of(&call, &PAGING)?.take_sorted(std::iter::empty::<String>(), Clone::clone, Order::Ascending),
        Clone::clone,
    );
    let empty = |name: &str| operation.ends_with(name).then(|| List::from(Vec::new()));

    call.answer(&Result {
        mfa_devices: empty("MFADevices"),
        ssh_public_keys: empty("SSHPublicKeys"),
        service_specific_credentials: empty("ServiceSpecificCredentials"),
        certificates: empty("SigningCertificates"),
        end,
    })
}

/// `GetLoginProfile` and `DeleteLoginProfile`.
async fn no_login_profile(services: &Services, call: Call) -> Answer {
    check_user(services, &call)?;
    let message = format!("Login Profile for User {} cannot be found.", call.text_or_empty("UserName"));
    Err(ApiError::new(ErrorCode::NoSuchEntity, message))
}

fn check_user(services: &Services, call: &Call) -> Result<(), ApiError> {
    match call.text_or_empty("UserName") {
        "" => Ok(()),
        name => existing(&services.ledger.state(), call.account(), name).map(drop),
    }
}
