//! Who temporary credentials are for, as their session token says it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Credentials, derived_role_id, role, said};
use crate::model::names::AccountId;
use crate::model::time::Timestamp;

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Session {
    /// Of a role.
    Role(RoleSession),
    /// Of a user.
    User(UserSession),
}

/// A session of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleSession {
    /// The role's account.
    pub account: AccountId,
    /// The role's plain name.
    pub role_name: String,
    /// The role's unique id.
    pub role_id: String,
    /// Name of the session.
    pub session_name: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Keys of the tags that go on to the sessions that it begins.
    pub transitive_tags: Vec<String>,
    /// What it may do at most: documents, and ARNs of managed policies.
    pub policies: Vec<String>,
    /// When it ends; those of functions do not.
    pub expires: Option<Timestamp>,
}

/// A session of a user, who may do in it what the user may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSession {
    /// The user's account.
    pub account: AccountId,
    /// The user's name.
    pub name: String,
    /// When it ends.
    pub expires: Option<Timestamp>,
}

/// What the text of a user's session begins with: no account does.
const USER: &str = ".user";

// What parts of a text are about that no key of a tag can begin with: those are in base 64.
const EXPIRES: &str = ".e";
const TAG: &str = ".t";
const POLICY: &str = ".p";

/// Credentials of a session in `account`; without one they are the account's own. They follow from `seed`.
pub fn credentials(
    account: &AccountId,
    session: Option<&Session>,
    seed: &[u8; 32],
    store_secret: &[u8],
) -> Credentials {
    let says = session.map(Session::text).unwrap_or_default();
    Credentials::of(account, &says, seed, store_secret)
}

impl Session {
    /// The session of a token that Larder gave out.
    pub fn of_token(token: &str) -> Option<Self> {
        let text = said(token)?;
        let mut parts = text.split('/');
        let account = parts.next()?;
        if account != USER {
            return RoleSession::read(account, parts).map(Self::Role);
        }

        let account = parts.next()?.into();
        let name = parts.next()?.to_owned();
        let expires = parts.find_map(|part| time(part.strip_prefix(EXPIRES)?));
        Some(Self::User(UserSession { account, name, expires }))
    }

    /// What a token says of it. No part can hold a slash.
    fn text(&self) -> String {
        match self {
            Self::Role(session) => session.text(),
            Self::User(UserSession { account, name, expires }) => {
                let expires = expires.map(|time| format!("/{EXPIRES}{}", time.0)).unwrap_or_default();
                format!("{USER}/{account}/{name}{expires}")
            }
        }
    }

    /// When it ends.
    pub fn expires(&self) -> Option<Timestamp> {
        match self {
            Self::Role(session) => session.expires,
            Self::User(session) => session.expires,
        }
    }
}

impl RoleSession {
    /// The session that a function's environment runs in. A name of one letter is too short for one of a session.
    ///
    /// Source: recorded for a function `t`.
    pub fn of_function(role_arn: &str, function_name: &str) -> Option<Self> {
        let (account, name) = role(role_arn)?;
        let is_short = function_name.chars().count() < 2;
        let session_name = if is_short { format!("{function_name}@lambda_function") } else { function_name.to_owned() };
        Some(Self {
            role_name: name.to_owned(),
            session_name,
            role_id: derived_role_id(&account, name),
            account,
            tags: BTreeMap::new(),
            transitive_tags: Vec::new(),
            policies: Vec::new(),
            expires: None,
        })
    }

    /// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
    pub fn arn(&self) -> String {
        format!("arn:aws:sts::{}:assumed-role/{}/{}", self.account, self.role_name, self.session_name)
    }

    /// `ROLEID:SESSION`.
    pub fn user_id(&self) -> String {
        format!("{}:{}", self.role_id, self.session_name)
    }

    /// What may hold a slash is encoded.
    fn text(&self) -> String {
        let Self { account, role_name, role_id, session_name, tags, transitive_tags, policies, expires } = self;
        let mut parts = vec![account.to_string(), role_name.clone(), role_id.clone(), session_name.clone()];
        parts.extend(transitive_tags.iter().map(|key| encoded(key)));
        parts.extend(tags.iter().map(|(key, value)| format!("{TAG}{}:{}", encoded(key), encoded(value))));
        parts.extend(policies.iter().map(|policy| format!("{POLICY}{}", encoded(policy))));
        parts.extend(expires.map(|time| format!("{EXPIRES}{}", time.0)));
        parts.join("/")
    }

    fn read<'a>(account: &str, mut parts: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut session = Self {
            account: account.into(),
            role_name: parts.next()?.into(),
            role_id: parts.next()?.into(),
            session_name: parts.next()?.into(),
            tags: BTreeMap::new(),
            transitive_tags: Vec::new(),
            policies: Vec::new(),
            expires: None,
        };
        for part in parts {
            if let Some(millis) = part.strip_prefix(EXPIRES) {
                session.expires = Some(time(millis)?);
            } else if let Some(policy) = part.strip_prefix(POLICY) {
                session.policies.push(decoded(policy)?);
            } else if let Some(tag) = part.strip_prefix(TAG) {
                let (key, value) = tag.split_once(':')?;
                session.tags.insert(decoded(key)?, decoded(value)?);
            } else {
                session.transitive_tags.push(decoded(part)?);
            }
        }

        Some(session)
    }
}

fn time(millis: &str) -> Option<Timestamp> {
    millis.parse().ok().map(Timestamp)
}

fn encoded(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn decoded(text: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(session: &Session) -> String {
        credentials(&"123456789012".into(), Some(session), &[7; 32], b"store").session_token
    }

    #[test]
    fn a_token_says_its_session() {
        let arn = "arn:aws:iam::123456789012:role/service-role/worker";
        let session = RoleSession::of_function(arn, "hello").expect("is a role");
        assert_eq!(session.arn(), "arn:aws:sts::123456789012:assumed-role/worker/hello");
        let short = RoleSession::of_function(arn, "t").expect("is a role");
        assert_eq!(short.arn(), "arn:aws:sts::123456789012:assumed-role/worker/t@lambda_function");
        let full = RoleSession {
            tags: [("team/x".to_owned(), "ü:/.".to_owned())].into(),
            transitive_tags: vec!["a/b".into(), "ü".into()],
            policies: vec!["{\"Version\":\"2012-10-17\"}".into(), "arn:aws:iam::aws:policy/ReadOnlyAccess".into()],
            expires: Some(Timestamp(1_764_500_000_000)),
            ..session.clone()
        };
        let user = UserSession { account: "123456789012".into(), name: "zoe".into(), expires: Some(Timestamp(1)) };
        for session in [Session::Role(session), Session::Role(full), Session::User(user)] {
            assert_eq!(Session::of_token(&token(&session)), Some(session));
        }
    }

    #[test]
    fn tokens_of_an_earlier_larder_say_theirs() {
        let session = RoleSession::of_function("arn:aws:iam::123456789012:role/r", "hello").expect("is a role");
        let old = format!("larder.{}", URL_SAFE_NO_PAD.encode(session.text()));
        assert_eq!(Session::of_token(&old), Some(Session::Role(session)));
    }

    #[test]
    fn what_is_no_token_says_nothing() {
        let without = credentials(&"123456789012".into(), None, &[7; 32], b"store").session_token;
        for other in ["larder", "larder.", "", &without] {
            assert_eq!(Session::of_token(other), None, "{other}");
        }
    }
}
