//! Instance profiles. Texts and members as in `LocalStack`'s snapshots of AWS's IAM
//! (`test_iam_instance_profiles.snapshot.json`).

use serde::{Deserialize, Serialize};

use super::paging::{PAGING, PageEnd, listed};
use super::roles::{LIST_OF_ROLE, RoleShown, existing, named};
use super::tags::{Keys, TAG_KEYS, TAGS, Tag};
use super::{MARKER, MAX_ITEMS, NAME, PATH, PATH_PREFIX, ROLE, check_name, commit, done, is_below, tags, texts};
use crate::model::error::ApiError;
use crate::model::iam::command::{IamCommand, InstanceProfileChange};
use crate::model::iam::decide::no_instance_profile;
use crate::model::iam::lookup::entities_after;
use crate::model::iam::{InstanceProfile, Used};
use crate::model::names::AccountId;
use crate::model::state::State;
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::page::Page;
use crate::protocol::shape::Member;
use crate::protocol::xml;
use crate::protocol::xml::List;
use crate::services::Services;

/// The operations of this file.
pub const OPERATIONS: &[Operation<Services>] = &[
    operation!("AddRoleToInstanceProfile" WITH_ROLE => add_role),
    operation!("CreateInstanceProfile" CREATE => create),
    operation!("DeleteInstanceProfile" NAMED => delete),
    operation!("GetInstanceProfile" NAMED => get),
    operation!("ListInstanceProfileTags" LIST_TAGS => list_tags),
    operation!("ListInstanceProfiles" LIST => list),
    operation!("ListInstanceProfilesForRole" LIST_OF_ROLE => list_for_role),
    operation!("RemoveRoleFromInstanceProfile" WITH_ROLE => remove_role),
    operation!("TagInstanceProfile" TAG => tag),
    operation!("UntagInstanceProfile" UNTAG => untag),
];

const PROFILE: Member = Member::body("InstanceProfileName", NAME).required();
const NAMED: &[Member] = &[PROFILE];
const CREATE: &[Member] = &[PROFILE, Member::body("Path", PATH), TAGS];
const WITH_ROLE: &[Member] = &[PROFILE, ROLE];
const LIST: &[Member] = &[Member::body("PathPrefix", PATH_PREFIX), MARKER, MAX_ITEMS];
const LIST_TAGS: &[Member] = &[PROFILE, MARKER, MAX_ITEMS];
const TAG: &[Member] = &[PROFILE, TAGS.required()];
const UNTAG: &[Member] = &[PROFILE, TAG_KEYS.required()];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateRequest {
    instance_profile_name: String,
    path: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

/// `InstanceProfile`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ProfileShown {
    path: String,
    instance_profile_name: String,
    instance_profile_id: String,
    arn: String,
    create_date: String,
    roles: List<RoleShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<List<Tag>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ProfileResult {
    instance_profile: ProfileShown,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ProfileList {
    instance_profiles: List<ProfileShown>,
    #[serde(flatten)]
    end: PageEnd,
}

impl ProfileShown {
    fn listed(state: &State, profile: &InstanceProfile) -> Self {
        let role = profile.role_key().and_then(|key| state.iam_roles.get(&key));
        Self {
            path: profile.path.clone(),
            instance_profile_name: profile.name.clone(),
            instance_profile_id: profile.id.clone(),
            arn: profile.arn(),
            create_date: xml::time(profile.created),
            roles: role.iter().map(|role| RoleShown::in_profile(role)).collect(),
            tags: None,
        }
    }
}

/// `CreateInstanceProfile`.
async fn create(services: &Services, mut call: Call) -> Answer {
    let request: CreateRequest = call.parse()?;
    check_name("instanceProfileName", &request.instance_profile_name)?;
    let profile = named(&call, request.instance_profile_name);
    let tags = tags::given(request.tags, Keys::ByCase)?;
    let path = request.path.unwrap_or_else(|| "/".into());
    let command = IamCommand::CreateInstanceProfile { profile: profile.clone(), path, tags };
    let state = commit(services, &call, command).await?;
    let made = profile_of(&state, call.account(), &profile.name)?;
    let shown = ProfileShown::listed(&state, made);

    call.answer(&ProfileResult { instance_profile: ProfileShown { tags: tags::shown_if_any(&made.tags), ..shown } })
}

/// `GetInstanceProfile`.
async fn get(services: &Services, call: Call) -> Answer {
    let state = services.ledger.state();
    let profile = profile_of(&state, call.account(), call.text_or_empty("InstanceProfileName"))?;
    let shown = ProfileShown::listed(&state, profile);
    call.answer(&ProfileResult { instance_profile: ProfileShown { tags: Some(tags::shown(&profile.tags)), ..shown } })
}

/// `DeleteInstanceProfile`.
async fn delete(services: &Services, call: Call) -> Answer {
    let profile = named(&call, call.text_or_empty("InstanceProfileName").to_owned());
    done(services, &call, IamCommand::DeleteInstanceProfile(profile)).await
}

/// `ListInstanceProfiles`.
async fn list(services: &Services, call: Call) -> Answer {
    let page = Page::of(&call, &PAGING)?;
    let prefix = call.text("PathPrefix");
    let state = services.ledger.state();
    let profiles = entities_after(&state.iam_profiles, call.account(), page.after().unwrap_or_default())
        .filter(|profile| is_below(&profile.path, prefix));
    let (instance_profiles, end) = listed(page.take(profiles, |profile| profile.key.name.to_string()), |profile| {
        ProfileShown::listed(&state, profile)
    });

    call.answer(&ProfileList { instance_profiles, end })
}

/// `ListInstanceProfilesForRole`.
async fn list_for_role(services: &Services, call: Call) -> Answer {
    let [role] = texts(&call, ["RoleName"]);
    let page = Page::of(&call, &PAGING)?;
    let state = services.ledger.state();
    let account = call.account();
    let role = existing(&state, account, &role)?;
    let profiles = state
        .users_of(account, &Used::Role(role.key.name.clone()), page.after().unwrap_or_default())
        .filter_map(|name| state.instance_profile(account, name.as_str()));
    let (instance_profiles, end) = listed(page.take(profiles, |profile| profile.key.name.to_string()), |profile| {
        ProfileShown::listed(&state, profile)
    });

    call.answer(&ProfileList { instance_profiles, end })
}

/// `AddRoleToInstanceProfile`.
async fn add_role(services: &Services, call: Call) -> Answer {
    let [profile, role] = texts(&call, ["InstanceProfileName", "RoleName"]);
    change_profile(services, &call, profile, InstanceProfileChange::AddRole(role)).await
}

/// `RemoveRoleFromInstanceProfile`.
async fn remove_role(services: &Services, call: Call) -> Answer {
    let [profile, role] = texts(&call, ["InstanceProfileName", "RoleName"]);
    change_profile(services, &call, profile, InstanceProfileChange::RemoveRole(role)).await
}

/// `TagInstanceProfile`.
async fn tag(services: &Services, mut call: Call) -> Answer {
    let [profile] = texts(&call, ["InstanceProfileName"]);
    let change = InstanceProfileChange::Tag(tags::added(&mut call, Keys::ByCase)?);
    change_profile(services, &call, profile, change).await
}

/// `UntagInstanceProfile`.
async fn untag(services: &Services, mut call: Call) -> Answer {
    let [profile] = texts(&call, ["InstanceProfileName"]);
    let change = InstanceProfileChange::Untag(tags::removed(&mut call)?);
    change_profile(services, &call, profile, change).await
}

/// `ListInstanceProfileTags`.
async fn list_tags(services: &Services, call: Call) -> Answer {
    let state = services.ledger.state();
    let profile = profile_of(&state, call.account(), call.text_or_empty("InstanceProfileName"))?;
    tags::list(&call, &profile.tags)
}

async fn change_profile(services: &Services, call: &Call, name: String, change: InstanceProfileChange) -> Answer {
    done(services, call, IamCommand::ChangeInstanceProfile(named(call, name), change)).await
}

fn profile_of<'a>(state: &'a State, account: &AccountId, name: &str) -> Result<&'a InstanceProfile, ApiError> {
    state.instance_profile(account, name).map(|profile| &**profile).ok_or_else(|| no_instance_profile(name))
}
