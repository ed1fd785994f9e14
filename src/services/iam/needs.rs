//! Which permissions IAM's operations take.
//!
//! Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html>.

use crate::model::state::State;
use crate::protocol::call::Call;
use crate::services::access::Need;
use crate::services::access::need::tags;

/// What a call takes.
pub fn of_call(state: &State, call: &Call) -> Vec<Need> {
    let action = format!("iam:{}", call.operation);
    let (resource, tagged) = resource(state, call);
    let is_attached = call.operation.starts_with("Attach") || call.operation.starts_with("Detach");
    let need = Need::new(action, resource)
        .with("iam:PolicyARN", call.text("PolicyArn").filter(|_| is_attached))
        .with("iam:PermissionsBoundary", boundary(state, call).as_deref())
        .with_tags(tags(call.input.get("Tags")))
        .with_many("aws:TagKeys", call.texts("TagKeys").unwrap_or_default())
        .on_tagged(&tagged);

    let mut needs = vec![need];
    if call.operation == "AddRoleToInstanceProfile" {
        let role = role(state, call, call.text_or_empty("RoleName"));
        needs.push(Need::new("iam:PassRole", role).with("iam:PassedToService", Some("ec2.amazonaws.com")));
    }
    needs
}

type Tags = std::collections::BTreeMap<String, String>;

/// The ARN of what a call is about, and the tags that it has.
fn resource(state: &State, call: &Call) -> (String, Tags) {
    let account = call.account();
    let at = |kind: &str, path: &str, name: &str| format!("arn:aws:iam::{account}:{kind}{path}{name}");
    let path = call.text("Path").unwrap_or("/");
    let prefix = call.text("PathPrefix").unwrap_or("/");
    match call.operation {
        "CreateRole" => return (at("role", path, call.text_or_empty("RoleName")), Tags::new()),
        "CreateUser" => return (at("user", path, call.text_or_empty("UserName")), Tags::new()),
        "CreateGroup" => return (at("group", path, call.text_or_empty("GroupName")), Tags::new()),
        "CreatePolicy" => return (at("policy", path, call.text_or_empty("PolicyName")), Tags::new()),
        "CreateInstanceProfile" => {
            return (at("instance-profile", path, call.text_or_empty("InstanceProfileName")), Tags::new());
        }
        "CreateServiceLinkedRole" => {
            let service = call.text_or_empty("AWSServiceName");
            return (at("role", &format!("/aws-service-role/{service}/"), "*"), Tags::new());
        }
        "ListRoles" => return (at("role", prefix, ""), Tags::new()),
        "ListUsers" => return (at("user", prefix, ""), Tags::new()),
        "ListGroups" => return (at("group", prefix, ""), Tags::new()),
        "ListPolicies" => return (at("policy", prefix, ""), Tags::new()),
        "ListInstanceProfiles" => return (at("instance-profile", prefix, ""), Tags::new()),
        _ => {}
    }
    of_members(state, call, &at)
}

/// The same by the members that name something: what is changed before what it is changed with.
fn of_members(state: &State, call: &Call, at: &dyn Fn(&str, &str, &str) -> String) -> (String, Tags) {
    let account = call.account();
    if let Some(name) = call.text("InstanceProfileName") {
        let profile = state.instance_profile(account, name);
        let path = profile.map_or("/", |profile| profile.path.as_str());
        return (at("instance-profile", path, name), profile.map(|profile| profile.tags.clone()).unwrap_or_default());
    }
    if let Some(name) = call.text("GroupName") {
        let path = state.group(account, name).map_or("/", |group| group.path.as_str());
        return (at("group", path, name), Tags::new());
    }
    if let Some(name) = call.text("RoleName") {
        let tags = state.role(account, name).map(|role| role.tags.clone());
        return (role(state, call, name), tags.unwrap_or_default());
    }
    if let Some(name) = call.text("UserName") {
        let user = state.user(account, name);
        let path = user.map_or("/", |user| user.path.as_str());
        return (at("user", path, name), user.map(|user| user.tags.clone()).unwrap_or_default());
    }
    if let Some(arn) = call.text("PolicyArn") {
        return (arn.to_owned(), Tags::new());
    }

    // Without a name it is about who calls.
    (call.user(state).map_or_else(|| "*".to_owned(), |user| user.arn()), Tags::new())
}

fn role(state: &State, call: &Call, name: &str) -> String {
    let account = call.account();
    state.role(account, name).map_or_else(|| format!("arn:aws:iam::{account}:role/{name}"), |role| role.arn())
}

/// The boundary that a user or role gets, or has.
fn boundary(state: &State, call: &Call) -> Option<String> {
    if let Some(given) = call.text("PermissionsBoundary") {
        return Some(given.to_owned());
    }
    if call.operation.starts_with("Create") {
        return None;
    }
    let of_role = call.text("RoleName").and_then(|name| state.role(call.account(), name)?.boundary.clone());
    of_role.or_else(|| state.user(call.account(), call.text("UserName")?)?.boundary.clone())
}
