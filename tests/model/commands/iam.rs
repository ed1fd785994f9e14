//! Random commands about roles, users, groups, policies and instance profiles.

use larder::model::iam::Tags;
use larder::model::iam::command::{
    CreatePolicy, CreateRole, CreateUser, GroupChange, HeldChange, IamCommand, InstanceProfileChange, Named,
    PolicyChange, PolicyRef, RoleChange, UserChange,
};
use proptest::prelude::*;

const ACCOUNT: &str = "000000000000";

pub fn command() -> impl Strategy<Value = IamCommand> {
    prop_oneof![
        3 => create_role(),
        6 => (named(), role_change()).prop_map(|(role, change)| IamCommand::ChangeRole(role, change)),
        2 => named().prop_map(IamCommand::DeleteRole),
        1 => named().prop_map(IamCommand::DeleteLinkedRole),
        3 => create_user(),
        6 => (named(), user_change()).prop_map(|(user, change)| IamCommand::ChangeUser(user, change)),
        1 => named().prop_map(IamCommand::DeleteUser),
        3 => named().prop_map(|group| IamCommand::CreateGroup { group, path: "/".into() }),
        4 => (named(), group_change()).prop_map(|(group, change)| IamCommand::ChangeGroup(group, change)),
        1 => named().prop_map(IamCommand::DeleteGroup),
        3 => create_policy(),
        4 => (policy(), policy_change()).prop_map(|(policy, change)| IamCommand::ChangePolicy(policy, change)),
        2 => policy().prop_map(IamCommand::DeletePolicy),
        2 => (named(), tags()).prop_map(|(profile, tags)| {
            IamCommand::CreateInstanceProfile { profile, path: "/".into(), tags }
        }),
        4 => (named(), profile_change()).prop_map(|(profile, change)| IamCommand::ChangeInstanceProfile(profile, change)),
        1 => named().prop_map(IamCommand::DeleteInstanceProfile),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "A", "b"]).prop_map(str::to_owned)
}

fn named() -> impl Strategy<Value = Named> {
    name().prop_map(|name| Named { account: ACCOUNT.into(), name })
}

fn arn() -> impl Strategy<Value = String> {
    let arns =
        vec!["000000000000:policy/a", "000000000000:policy/b", "aws:policy/service-role/x", "000000000000:role/a"];
    prop::sample::select(arns).prop_map(|rest| format!("arn:aws:iam::{rest}"))
}

fn policy() -> impl Strategy<Value = PolicyRef> {
    arn().prop_map(|arn| PolicyRef { account: ACCOUNT.into(), arn })
}

fn document() -> impl Strategy<Value = String> {
    prop_oneof![9 => "[a-z]{1,9}", 1 => Just("x".repeat(10_241))]
}

fn tags() -> impl Strategy<Value = Tags> {
    prop::collection::btree_map("[aAb]", "[a-z]{0,3}", 0..3)
}

fn version() -> impl Strategy<Value = String> {
    (1..8_u32).prop_map(|number| format!("v{number}"))
}

fn create_role() -> impl Strategy<Value = IamCommand> {
    (named(), any::<bool>(), document(), prop::option::of(arn()), tags()).prop_map(
        |(role, is_linked, trust_policy, boundary, tags)| {
            let path = if is_linked { "/aws-service-role/x/" } else { "/" };
            IamCommand::CreateRole(Box::new(CreateRole {
                role,
                path: path.into(),
                trust_policy,
                description: None,
                max_session_duration_s: 3600,
                boundary,
                tags,
                attached: Vec::new(),
            }))
        },
    )
}

fn create_policy() -> impl Strategy<Value = IamCommand> {
    (named(), document(), tags()).prop_map(|(policy, document, tags)| {
        IamCommand::CreatePolicy(Box::new(CreatePolicy { policy, path: "/".into(), document, description: None, tags }))
    })
}

fn held_change() -> impl Strategy<Value = HeldChange> {
    prop_oneof![
        (name(), document()).prop_map(|(name, document)| HeldChange::Put(name, document)),
        name().prop_map(HeldChange::Remove),
        arn().prop_map(HeldChange::Attach),
        arn().prop_map(HeldChange::Detach),
    ]
}

fn role_change() -> impl Strategy<Value = RoleChange> {
    prop_oneof![
        1 => (prop::option::of("[a-z]{0,3}"), prop::option::of(3600..7200_u32)).prop_map(
            |(description, max_session_duration_s)| RoleChange::Update { description, max_session_duration_s }
        ),
        1 => document().prop_map(RoleChange::Trust),
        4 => held_change().prop_map(RoleChange::Held),
        1 => prop::option::of(arn()).prop_map(RoleChange::Bound),
        1 => tags().prop_map(RoleChange::Tag),
        1 => prop::collection::vec("[aAb]", 0..2).prop_map(RoleChange::Untag),
    ]
}

fn create_user() -> impl Strategy<Value = IamCommand> {
    (named(), prop::option::of(arn()), tags()).prop_map(|(user, boundary, tags)| {
        IamCommand::CreateUser(Box::new(CreateUser { user, path: "/".into(), boundary, tags }))
    })
}

fn path() -> impl Strategy<Value = Option<String>> {
    prop::option::of(Just("/x/".to_owned()))
}

/// An id that no key has: those that are made follow from the stamps.
fn key_id() -> impl Strategy<Value = String> {
    Just("AKIAAAAAAAAAAAAAAAAA".to_owned())
}

fn user_change() -> impl Strategy<Value = UserChange> {
    prop_oneof![
        2 => (prop::option::of(name()), path()).prop_map(|(name, path)| UserChange::Update { name, path }),
        4 => held_change().prop_map(UserChange::Held),
        1 => prop::option::of(arn()).prop_map(UserChange::Bound),
        1 => tags().prop_map(UserChange::Tag),
        1 => prop::collection::vec("[aAb]", 0..2).prop_map(UserChange::Untag),
        3 => name().prop_map(UserChange::Join),
        2 => name().prop_map(UserChange::Leave),
        3 => Just(UserChange::AddKey),
        1 => (key_id(), any::<bool>()).prop_map(|(id, active)| UserChange::SetKey { id, active }),
        1 => key_id().prop_map(UserChange::RemoveKey),
    ]
}

fn group_change() -> impl Strategy<Value = GroupChange> {
    prop_oneof![
        2 => (prop::option::of(name()), path()).prop_map(|(name, path)| GroupChange::Update { name, path }),
        4 => held_change().prop_map(GroupChange::Held),
    ]
}

fn policy_change() -> impl Strategy<Value = PolicyChange> {
    prop_oneof![
        3 => (document(), any::<bool>())
            .prop_map(|(document, set_as_default)| PolicyChange::AddVersion { document, set_as_default }),
        1 => version().prop_map(PolicyChange::SetDefault),
        1 => version().prop_map(PolicyChange::RemoveVersion),
        1 => tags().prop_map(PolicyChange::Tag),
        1 => prop::collection::vec("[aAb]", 0..2).prop_map(PolicyChange::Untag),
    ]
}

fn profile_change() -> impl Strategy<Value = InstanceProfileChange> {
    prop_oneof![
        2 => name().prop_map(InstanceProfileChange::AddRole),
        1 => name().prop_map(InstanceProfileChange::RemoveRole),
        1 => tags().prop_map(InstanceProfileChange::Tag),
        1 => prop::collection::vec("[aAb]", 0..2).prop_map(InstanceProfileChange::Untag),
    ]
}
