//! Who an access key is.

use super::permissions::Permissions;
use super::{Tags, User};
use crate::model::credentials;
use crate::model::credentials::session::{RoleSession, Session};
use crate::model::names::AccountId;
use crate::model::policies::evaluation::request::{Context, Principal};
use crate::model::state::State;

/// Somebody who calls, and what they may do.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Their account.
    pub account: AccountId,
    /// Their ARN.
    pub arn: String,
    /// Their unique id.
    pub id: String,
    /// What they may do.
    pub permissions: Permissions,
    kind: Kind,
    tags: Tags,
}

#[derive(Debug, Clone)]
enum Kind {
    /// The account itself.
    Root,
    /// A user.
    User,
    /// A session of the role with this ARN.
    Session(String),
}

impl Caller {
    /// Whose an access key is: a user's, a session's, or else the account's own. `None` where it is a user's who is
    /// gone, or one that is switched off.
    pub fn of_key(state: &State, account: &AccountId, access_key_id: &str, session_token: &str) -> Option<Self> {
        match Session::of_token(session_token) {
            Some(Session::Role(session)) => return Some(Self::of_session(state, &session)),
            Some(Session::User(session)) => {
                return state.user(&session.account, &session.name).map(|user| Self::of_user(state, user));
            }
            None => {}
        }
        if let Some(user) = state.user_of_key(access_key_id) {
            let is_active = user.access_keys.iter().any(|key| key.id == access_key_id && key.active);
            return is_active.then(|| Self::of_user(state, user));
        }

        (!credentials::is_of_user(access_key_id)).then(|| Self::root(account))
    }

    /// An account itself.
    pub fn root(account: &AccountId) -> Self {
        Self {
            arn: format!("arn:aws:iam::{account}:root"),
            id: account.to_string(),
            account: account.clone(),
            permissions: Permissions::of_account(),
            kind: Kind::Root,
            tags: Tags::new(),
        }
    }

    fn of_user(state: &State, user: &User) -> Self {
        Self {
            account: user.key.account.clone(),
            arn: user.arn(),
            id: user.id.clone(),
            permissions: Permissions::of_user(state, user),
            kind: Kind::User,
            tags: user.tags.clone(),
        }
    }

    /// Functions run with roles that Larder was never told of, too: those may do everything.
    fn of_session(state: &State, session: &RoleSession) -> Self {
        let role = state.role(&session.account, &session.role_name);
        let permissions = role.map_or_else(Permissions::of_account, |role| Permissions::of_role(state, role));
        let unknown = || format!("arn:aws:iam::{}:role/{}", session.account, session.role_name);
        let mut tags = role.map(|role| role.tags.clone()).unwrap_or_default();
        tags.extend(session.tags.clone());

        Self {
            account: session.account.clone(),
            arn: session.arn(),
            id: session.user_id(),
            permissions: permissions.in_session(state, &session.policies),
            kind: Kind::Session(role.map_or_else(unknown, |role| role.arn())),
            tags,
        }
    }

    /// The same with all rights of its account: where only policies of resources count.
    pub fn with_all_rights(self) -> Self {
        Self { permissions: Permissions::of_account(), ..self }
    }

    /// Who it is to policies.
    pub fn principal(&self) -> Principal<'_> {
        let arn = self.arn.as_str();
        match &self.kind {
            Kind::Root => Principal::Root(arn),
            Kind::User => Principal::User(arn),
            Kind::Session(role) => Principal::RoleSession { role, session: arn },
        }
    }

    /// What policies' conditions can ask about it.
    pub fn context(&self) -> Context {
        let context = Context::of(&self.principal()).with("aws:userid", self.id.as_str());
        self.tags.iter().fold(context, |context, (key, value)| context.with(&format!("aws:PrincipalTag/{key}"), value))
    }
}
