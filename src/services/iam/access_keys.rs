//! Access keys of users. A call that is signed with one is its user's, in the user's account.

use serde::Serialize;

use super::paging::{PAGING, PageEnd, listed};
use super::roles::named;
use super::users::{caller, change, existing};
use super::{MARKER, MAX_ITEMS, USER_IF_ANY, commit, texts};
use crate::model::credentials::secret_access_key;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::iam::AccessKey;
use crate::model::iam::command::{IamCommand, UserChange};
use crate::model::iam::decide::no_access_key;
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::page::{Order, Page};
use crate::protocol::shape::{Member, one_of, pattern};
use crate::protocol::xml;
use crate::protocol::xml::List;
use crate::services::Services;

/// The operations of this file.
pub const OPERATIONS: &[Operation<Services>] = &[
    operation!("CreateAccessKey" &[USER_IF_ANY] => create),
    operation!("DeleteAccessKey" &[USER_IF_ANY, KEY] => delete),
    operation!("GetAccessKeyLastUsed" &[KEY] => last_used),
    operation!("ListAccessKeys" &[USER_IF_ANY, MARKER, MAX_ITEMS] => list),
    operation!("UpdateAccessKey" &[USER_IF_ANY, KEY, STATUS] => update),
];

const KEY: Member = Member::body("AccessKeyId", pattern(16, 128, r"[\w]+")).required();
const STATUS: Member = Member::body("Status", one_of(&["Active", "Inactive", "Expired"])).required();

/// `AccessKeyMetadata`, and with its secret `AccessKey`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct KeyShown {
    user_name: String,
    access_key_id: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_access_key: Option<String>,
    create_date: String,
}

impl KeyShown {
    fn new(user_name: &str, key: &AccessKey) -> Self {
        Self {
            user_name: user_name.to_owned(),
            access_key_id: key.id.clone(),
            status: if key.active { "Active" } else { "Inactive" },
            secret_access_key: None,
            create_date: xml::time(key.created),
        }
    }
}

/// The user that a call is about: the named one, or the caller.
fn user_name(services: &Services, call: &Call) -> Result<String, ApiError> {
    let name = call.text_or_empty("UserName");
    if !name.is_empty() {
        return Ok(name.to_owned());
    }
    let state = services.ledger.state();
    let user = caller(&state, call)?.ok_or_else(|| {
        let message = "Must specify userName: the account's owner has no access keys of its own here.";
        ApiError::new(ErrorCode::ValidationError, message)
    })?;

    Ok(user.name.clone())
}

/// `CreateAccessKey`. The secret is told here and kept nowhere: it follows from the store's.
async fn create(services: &Services, call: Call) -> Answer {
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Result {
        access_key: KeyShown,
    }

    let name = user_name(services, &call)?;
    let command = IamCommand::ChangeUser(named(&call, name.clone()), UserChange::AddKey);
    let state = commit(services, &call, command).await?;
    let user = existing(&state, call.account(), &name)?;

    // Its newest is the one that was just made.
    let made = user.access_keys.last().ok_or_else(|| no_access_key(""))?;
    let secret_access_key = Some(secret_access_key(services.ledger.secret(), &made.id, ""));
    call.answer(&Result { access_key: KeyShown { secret_access_key, ..KeyShown::new(&user.name, made) } })
}

/// `ListAccessKeys`.
async fn list(services: &Services, call: Call) -> Answer {
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Result {
        access_key_metadata: List<KeyShown>,
        #[serde(flatten)]
        end: PageEnd,
    }

    let name = call.text_or_empty("UserName").to_owned();
    let state = services.ledger.state();
    let user = match name.as_str() {
        "" => caller(&state, &call)?,
        name => Some(existing(&state, call.account(), name)?),
    };
    let page = Page::of(&call, &PAGING)?;
    let mut keys: Vec<_> =
        user.into_iter().flat_map(|user| user.access_keys.iter().map(|key| (&user.name, key))).collect();
    keys.sort_by(|(_, one), (_, other)| one.id.cmp(&other.id));
    let shown = |(name, key): &(&String, &AccessKey)| KeyShown::new(name, key);
    let (access_key_metadata, end) =
        listed(page.take_sorted(keys.into_iter(), |(_, key)| key.id.clone(), Order::Ascending), shown);

    call.answer(&Result { access_key_metadata, end })
}

/// `UpdateAccessKey`.
async fn update(services: &Services, call: Call) -> Answer {
    let [id, status] = texts(&call, ["AccessKeyId", "Status"]);
    let name = user_name(services, &call)?;
    change(services, &call, name, UserChange::SetKey { id, active: status == "Active" }).await
}

/// `DeleteAccessKey`.
async fn delete(services: &Services, call: Call) -> Answer {
    let [id] = texts(&call, ["AccessKeyId"]);
    let name = user_name(services, &call)?;
    change(services, &call, name, UserChange::RemoveKey(id)).await
}

/// `GetAccessKeyLastUsed`. Uses are not noted: each key reads as one that was never used, as AWS shows it.
async fn last_used(services: &Services, call: Call) -> Answer {
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct LastUsed {
        service_name: &'static str,
        region: &'static str,
    }

    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Result {
        user_name: String,
        access_key_last_used: LastUsed,
    }

    let id = call.text_or_empty("AccessKeyId");
    let state = services.ledger.state();
    let user = state.user_of_key(id).filter(|user| user.key.account == *call.account());
    let user_name = user.ok_or_else(|| no_access_key(id))?.name.clone();

    call.answer(&Result { user_name, access_key_last_used: LastUsed { service_name: "N/A", region: "N/A" } })
}
