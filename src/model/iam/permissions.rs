//! What a user or a role may do, by the policies that are kept here.

use super::managed::{Managed, UNKNOWN};
use super::{PolicyArn, Role, User};
use crate::model::policies::evaluation::document::{Document, PolicyKind};
use crate::model::state::State;

/// What an account may do with what is its own.
const EVERYTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// The policies of who asks.
#[derive(Debug, Clone)]
pub struct Permissions {
    /// Those attached to it and to its groups.
    pub identity: Vec<Document>,
    /// What bounds it.
    pub boundary: Option<Document>,
    /// What its session may do at most; empty where that is all.
    pub session: Vec<Document>,
}

impl Permissions {
    /// Those of an account itself, and of roles that Larder was never told of: functions run with such.
    pub fn of_account() -> Self {
        let everything = Document::parse(EVERYTHING, PolicyKind::Identity);
        Self { identity: vec![everything], boundary: None, session: Vec::new() }
    }

    /// Those of a user.
    pub fn of_user(state: &State, user: &User) -> Self {
        let groups = user.groups.iter().filter_map(|name| state.group(&user.key.account, name.as_str()));
        let groups: Vec<_> = groups.collect();
        let inline = groups.iter().flat_map(|group| &group.inline);
        let attached = groups.iter().flat_map(|group| &group.attached);
        Self::of(
            state,
            user.inline.iter().chain(inline),
            user.attached.iter().chain(attached),
            user.boundary.as_deref(),
        )
    }

    /// Those of a role.
    pub fn of_role(state: &State, role: &Role) -> Self {
        Self::of(state, role.inline.iter(), role.attached.iter(), role.boundary.as_deref())
    }

    /// The same in a session that came with policies: documents, and ARNs of managed ones.
    pub fn in_session(mut self, state: &State, policies: &[String]) -> Self {
        let document = |policy: &String| {
            if policy.starts_with("arn:") {
                return managed(state, policy, PolicyKind::Session);
            }
            Document::parse(policy, PolicyKind::Session).named("given with the session")
        };
        self.session = policies.iter().map(document).collect();
        self
    }

    fn of<'a>(
        state: &State,
        inline: impl Iterator<Item = (&'a String, &'a String)>,
        attached: impl Iterator<Item = &'a String>,
        boundary: Option<&str>,
    ) -> Self {
        let inline = inline.map(|(name, text)| Document::parse(text, PolicyKind::Identity).named(name));
        let attached = attached.map(|arn| managed(state, arn, PolicyKind::Identity));
        Self {
            identity: inline.chain(attached).collect(),
            boundary: boundary.map(|arn| managed(state, arn, PolicyKind::Boundary)),
            session: Vec::new(),
        }
    }
}

/// The document of a managed policy in force; one that is not known allows nothing.
fn managed(state: &State, arn: &str, kind: PolicyKind) -> Document {
    let parts = PolicyArn::parse(arn);
    let of_aws = || parts.filter(PolicyArn::is_managed_by_aws).and_then(|arn| Managed::find(arn.path, arn.name));
    let of_customer = parts.as_ref().and_then(|arn| state.policy(arn));
    let own = of_customer.and_then(|policy| policy.versions.get(&policy.default_version));
    let text = own.map(|version| version.document.as_str()).or_else(|| Some(of_aws()?.document));

    Document::parse(text.unwrap_or(UNKNOWN), kind).named(arn)
}
