//! Identity and Access Management: roles, users, groups, policies and instance profiles, as far as functions and the
//! tools that deploy them need. [`super::access`] says where they are enforced.

mod access_keys;
mod document;
mod found_policy;
mod groups;
mod held_policies;
mod instance_profiles;
mod linked_roles;
mod needs;
mod paging;
mod policies;
mod policy_entities;
mod policy_versions;
mod roles;
mod tags;
mod user_credentials;
mod users;

use std::sync::Arc;

use crate::model::error::ApiError;
use crate::model::iam::command::IamCommand;
use crate::model::state::State;
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::codec::Dialect;
use crate::protocol::service::Service;
use crate::protocol::shape::{Kind, Member, length, pattern};
use crate::protocol::violations::check_hiding_values;
use crate::protocol::xml::Nothing;
use crate::services::Services;

/// IAM.
pub static SERVICE: Service<Services> = Service {
    dialect: Dialect::Query { namespace: "https://iam.amazonaws.com/doc/2010-05-08/" },
    check: check_hiding_values,
    admit,
    tables: &[
        access_keys::OPERATIONS,
        groups::OPERATIONS,
        held_policies::OPERATIONS,
        instance_profiles::OPERATIONS,
        linked_roles::OPERATIONS,
        policies::OPERATIONS,
        policy_entities::OPERATIONS,
        policy_versions::OPERATIONS,
        roles::OPERATIONS,
        user_credentials::OPERATIONS,
        users::OPERATIONS,
    ],
};

fn admit(services: &Services, call: &Call) -> Result<(), ApiError> {
    services.access.admit(call, || needs::of_call(&services.ledger.state(), call))
}

// Kinds of the service model (botocore 1.44.5). Characters of names are checked by `check_name`, whose
// words are other than those of patterns.
const ROLE_NAME: Kind = length(1, 64);
const NAME: Kind = length(1, 128);
const USER_NAME: Kind = length(1, 64);
const PATH: Kind = pattern(1, 512, r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)");
const POLICY_PATH: Kind = pattern(1, 512, r"((/[A-Za-z0-9\.,\+@=_-]+)*)/");
const PATH_PREFIX: Kind = pattern(1, 512, r"\u002F[\u0021-\u007F]*");
const DOCUMENT: Kind = pattern(1, 131_072, r"[\u0009\u000A\u000D\u0020-\u00FF]+");
const ROLE_DESCRIPTION: Kind = pattern(0, 1000, r"[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*");
const POLICY_DESCRIPTION: Kind = length(0, 1000);
const ARN: Kind = length(20, 2048);
const SESSION_DURATION: Kind = Kind::Integer(3600, 43_200);
const VERSION_ID: Kind = Kind::Text { length: None, pattern: Some(r"v[1-9][0-9]*(\.[A-Za-z0-9-]*)?"), values: &[] };

const ROLE: Member = Member::body("RoleName", ROLE_NAME).required();
const USER: Member = Member::body("UserName", NAME).required();
const USER_IF_ANY: Member = Member::body("UserName", NAME);
const GROUP: Member = Member::body("GroupName", NAME).required();
const POLICY: Member = Member::body("PolicyArn", ARN).required();
const MARKER: Member = Member::body("Marker", pattern(1, 320, r"[\u0020-\u00FF]+"));
const MAX_ITEMS: Member = Member::body("MaxItems", Kind::Integer(1, 1000));

/// Refuses a name with other characters than names have.
///
/// Source: the text as AWS's users report it; IAM has it in place of the model's pattern.
fn check_name(member: &str, name: &str) -> Result<(), ApiError> {
    if name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_+=,.@-".contains(letter)) {
        return Ok(());
    }
    let message = format!(
        "The specified value for {member} is invalid. It must contain only alphanumeric characters and/or the \
         following: +=,.@_-"
    );
    Err(ApiError::new(crate::model::error::ErrorCode::ValidationError, message))
}

/// Texts of a call.
fn texts<const N: usize>(call: &Call, names: [&str; N]) -> [String; N] {
    names.map(|name| call.text_or_empty(name).to_owned())
}

/// Commits a command; returns the state after it.
async fn commit(services: &Services, call: &Call, command: IamCommand) -> Result<Arc<State>, ApiError> {
    Ok(services.commit(command, call.origin(), None).await?.state)
}

/// Commits a command of which there is nothing to tell.
async fn done(services: &Services, call: &Call, command: IamCommand) -> Answer {
    commit(services, call, command).await?;
    call.answer(&Nothing {})
}

/// Whether something is in the part of the tree that a caller asks for.
fn is_below(path: &str, prefix: Option<&str>) -> bool {
    prefix.is_none_or(|prefix| path.starts_with(prefix))
}
