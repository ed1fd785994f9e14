//! Versions of managed policies.

use serde::{Deserialize, Serialize};

use super::found_policy::Found;
use super::paging::{PAGING, PageEnd, listed};
use super::policies::{LIST_OF_POLICY, changed};
use super::{DOCUMENT, POLICY, VERSION_ID, commit, document, done, texts};
use crate::model::error::ErrorCode;
use crate::model::iam::command::PolicyChange;
use crate::model::iam::decide::{no_policy_version, version_number};
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::page::Page;
use crate::protocol::shape::{Kind, Member};
use crate::protocol::xml;
use crate::protocol::xml::List;
use crate::services::Services;

/// The operations of this file.
pub const OPERATIONS: &[Operation<Services>] = &[
    operation!("CreatePolicyVersion" CREATE => create),
    operation!("DeletePolicyVersion" NAMED => delete),
    operation!("GetPolicyVersion" NAMED => get),
    operation!("ListPolicyVersions" LIST_OF_POLICY => list),
    operation!("SetDefaultPolicyVersion" NAMED => set_default),
];

const CREATE: &[Member] =
    &[POLICY, Member::body("PolicyDocument", DOCUMENT).required(), Member::body("SetAsDefault", Kind::Boolean)];
const NAMED: &[Member] = &[POLICY, Member::body("VersionId", VERSION_ID).required()];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateRequest {
    policy_arn: String,
    policy_document: String,
    #[serde(default)]
    set_as_default: bool,
}

/// `PolicyVersion`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct VersionShown {
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<String>,
    version_id: String,
    is_default_version: bool,
    create_date: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct VersionResult {
    policy_version: VersionShown,
}

/// A version without its document.
fn shown(found: &Found<'_>, number: u32) -> Option<VersionShown> {
    let (_, created) = found.version(number)?;
    Some(VersionShown {
        document: None,
        version_id: format!("v{number}"),
        is_default_version: number == found.default_version(),
        create_date: xml::time(created),
    })
}

/// `CreatePolicyVersion`.
async fn create(services: &Services, mut call: Call) -> Answer {
    let CreateRequest { policy_arn, policy_document, set_as_default } = call.parse()?;
    document::check(&policy_document)?;
    let change = PolicyChange::AddVersion { document: policy_document, set_as_default };
    let state = commit(services, &call, changed(&call, policy_arn.clone(), change)).await?;
    let found = Found::find(&state, call.account(), &policy_arn)?;
    let newest = found.versions().first().and_then(|number| shown(&found, *number));

    // A commit that adds a version leaves it in the state.
    let policy_version = newest.ok_or_else(|| no_policy_version(&policy_arn, "(new)"))?;
    call.answer(&VersionResult { policy_version })
}

/// `GetPolicyVersion`.
async fn get(services: &Services, call: Call) -> Answer {
    let arn = call.text_or_empty("PolicyArn");
    let version = call.text_or_empty("VersionId");
    let missing = || no_policy_version(arn, version);
    let state = services.ledger.state();
    let found = Found::find(&state, call.account(), arn)
        .map_err(|error| if error.code == ErrorCode::NoSuchEntity { missing() } else { error })?;
    let number = version_number(version).ok_or_else(missing)?;
    let (document, _) = found.version(number).ok_or_else(missing)?;
    let shown = shown(&found, number).ok_or_else(missing)?;

    call.answer(&VersionResult {
        policy_version: VersionShown { document: Some(document::encoded(document)), ..shown },
    })
}

/// `ListPolicyVersions`.
async fn list(services: &Services, call: Call) -> Answer {
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Result {
        versions: List<VersionShown>,
        #[serde(flatten)]
        end: PageEnd,
    }

    let [arn] = texts(&call, ["PolicyArn"]);
    let page = Page::of(&call, &PAGING)?;
    let state = services.ledger.state();
    let found = Found::find(&state, call.account(), &arn)?;

    // The newest is first: the next page begins below the last number shown.
    let below = page.after().unwrap_or_default().parse().unwrap_or(u32::MAX);
    let numbers = found.versions().into_iter().filter(|number| *number < below);
    let all = numbers.filter_map(|number| shown(&found, number).map(|shown| (number, shown)));
    let (versions, end) = listed(page.take(all, |(number, _)| number.to_string()), |(_, shown)| shown.clone());

    call.answer(&Result { versions, end })
}

/// `SetDefaultPolicyVersion`.
async fn set_default(services: &Services, call: Call) -> Answer {
    let [arn, version] = texts(&call, ["PolicyArn", "VersionId"]);
    done(services, &call, changed(&call, arn, PolicyChange::SetDefault(version))).await
}

/// `DeletePolicyVersion`.
async fn delete(services: &Services, call: Call) -> Answer {
    let [arn, version] = texts(&call, ["PolicyArn", "VersionId"]);
    done(services, &call, changed(&call, arn, PolicyChange::RemoveVersion(version))).await
}
