//! `Principal` and `NotPrincipal` of a statement.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>.

use serde_json::Value;

use super::answer::Answer;
use super::request::Principal;
use crate::model::arn::Arn;

/// Whom a statement of a resource-based policy is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principals {
    /// `Principal`.
    Listed(Vec<Named>),
    /// `NotPrincipal`.
    Except(Vec<Named>),
}

/// One entry of a list of principals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// `*`, also as an AWS principal.
    Everybody,
    /// Everybody of an account.
    Account(String),
    /// A user, a role or a session, by its ARN.
    Arn(String),
    /// A service; `*` is any.
    Service(String),
    /// An identity provider; `*` is any.
    Federated(String),
    /// What Larder knows nobody by: an ARN with wildcards, which AWS refuses, a canonical user of S3.
    Unknown(String),
}

/// How closely a statement names who asks: the closer, the less do other policies restrict what it grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// To its account, which hands it on by identity-based policies.
    Account,
    /// To the role of its session, or to the user who made its session: boundary and session policies still restrict
    /// it.
    Owner,
    /// To itself, or to everybody.
    Itself,
}

impl Principals {
    /// Reads the value of `Principal`; `None` where it is none.
    pub fn parse(value: &Value) -> Option<Vec<Named>> {
        if value == "*" {
            return Some(vec![Named::Everybody]);
        }
        let kinds = value.as_object().filter(|kinds| !kinds.is_empty())?;
        let mut named = Vec::new();
        for (kind, names) in kinds {
            named.extend(texts(names)?.into_iter().map(|name| Named::parse(kind, name)));
        }
        Some(named)
    }

    /// Whether a statement is about somebody.
    pub fn include(&self, principal: &Principal<'_>) -> Answer {
        match self {
            Self::Listed(named) => Answer::any(named.iter().map(|named| match named.is(principal) {
                Naming::Other => Answer::No,
                Naming::Names(_) => Answer::Yes,
                Naming::Unknown => Answer::Unsure,
            })),
            Self::Except(named) => !excepts(named, principal),
        }
    }

    /// How closely a statement names somebody whom it includes.
    pub fn grant(&self, principal: &Principal<'_>) -> Grant {
        let grants = |named: &Named| match named.is(principal) {
            Naming::Names(grant) => Some(grant),
            Naming::Other | Naming::Unknown => None,
        };
        match self {
            Self::Listed(named) => named.iter().filter_map(grants).max().unwrap_or(Grant::Account),
            Self::Except(_) => Grant::Itself,
        }
    }
}

/// What one entry is to who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    /// It names somebody else.
    Other,
    /// It names them.
    Names(Grant),
    /// Nobody can tell.
    Unknown,
}

/// Whether a `NotPrincipal` excepts somebody. AWS "might validate the account first, then the role, and then the
/// assumed-role user", and wants all of them named: with some of them named, nobody can tell.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html>.
fn excepts(named: &[Named], principal: &Principal<'_>) -> Answer {
    let namings: Vec<Naming> = named.iter().map(|named| named.is(principal)).collect();
    if namings.iter().all(|naming| *naming == Naming::Other) {
        return Answer::No;
    }

    let has = |grant: Grant| namings.contains(&Naming::Names(grant));
    let has_all = named.contains(&Named::Everybody)
        || match principal {
            Principal::Anonymous | Principal::Service(_) | Principal::Federated(_) => has(Grant::Itself),
            Principal::Root(_) => has(Grant::Account),
            Principal::User(_) | Principal::FederatedUser { user: None, .. } => {
                has(Grant::Account) && has(Grant::Itself)
            }
            Principal::RoleSession { .. } | Principal::FederatedUser { .. } => {
                has(Grant::Account) && has(Grant::Owner) && has(Grant::Itself)
            }
        };
    if has_all { Answer::Yes } else { Answer::Unsure }
}

impl Named {
    fn parse(kind: &str, name: &str) -> Self {
        match kind {
            "AWS" if name == "*" => Self::Everybody,
            "AWS" if name.contains(['*', '?']) => Self::Unknown(name.to_owned()),
            "AWS" if is_account(name) => Self::Account(name.to_owned()),
            "AWS" => match Arn::parse(name) {
                Some(arn) if arn.service == "iam" && arn.resource == "root" => Self::Account(arn.account.to_owned()),
                // Also the id of a principal that is gone, which is nobody.
                _ => Self::Arn(name.to_owned()),
            },
            "Service" => Self::Service(name.to_owned()),
            "Federated" => Self::Federated(name.to_owned()),
            _ => Self::Unknown(name.to_owned()),
        }
    }

    fn is(&self, principal: &Principal<'_>) -> Naming {
        let is_it = match self {
            Self::Unknown(_) => return Naming::Unknown,
            Self::Everybody => true,
            Self::Account(account) if principal.account() == Some(account) => return Naming::Names(Grant::Account),
            Self::Account(_) => false,
            Self::Arn(arn) if owner(principal) == Some(arn) => return Naming::Names(Grant::Owner),
            Self::Arn(arn) => principal.is_an_identity() && principal.name() == arn,
            Self::Service(name) => matches!(principal, Principal::Service(other) if name == other || name == "*"),
            Self::Federated(name) => matches!(principal, Principal::Federated(other) if name == other || name == "*"),
        };
        if is_it { Naming::Names(Grant::Itself) } else { Naming::Other }
    }
}

/// The role of a session, or the user who made it.
fn owner<'a>(principal: &Principal<'a>) -> Option<&'a str> {
    match *principal {
        Principal::RoleSession { role, .. } => Some(role),
        Principal::FederatedUser { user, .. } => user,
        _ => None,
    }
}

/// A text or a list of texts; `None` where it is neither, or an empty list.
pub fn texts(value: &Value) -> Option<Vec<&str>> {
    let values = match value {
        Value::Array(values) => values.as_slice(),
        one => std::slice::from_ref(one),
    };
    let texts: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
    texts.filter(|texts| !texts.is_empty())
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Answer::{No, Unsure, Yes};
    use super::*;

    const ROOT: &str = "arn:aws:iam::444455556666:root";
    const BOB: &str = "arn:aws:iam::444455556666:user/Bob";
    const ROLE: &str = "arn:aws:iam::444455556666:role/path/audit";
    const SESSION: &str = "arn:aws:sts::444455556666:assumed-role/audit/app";
    const FEDERATED: &str = "arn:aws:sts::444455556666:federated-user/Bob";

    fn listed(value: &Value) -> Principals {
        Principals::Listed(Principals::parse(value).expect("principals"))
    }

    fn everybody() -> [Principal<'static>; 7] {
        [
            Principal::Anonymous,
            Principal::Root(ROOT),
            Principal::User(BOB),
            Principal::RoleSession { role: ROLE, session: SESSION },
            Principal::FederatedUser { user: Some(BOB), session: FEDERATED },
            Principal::Service("s3.amazonaws.com"),
            Principal::Federated("accounts.google.com"),
        ]
    }

    #[test]
    fn principals_are_named_in_many_ways() {
        // In the order of `everybody`.
        for (value, included) in [
            (json!("*"), "1111111"),
            (json!({ "AWS": "*" }), "1111111"),
            (json!({ "AWS": ROOT }), "0111100"),
            (json!({ "AWS": "444455556666" }), "0111100"),
            (json!({ "AWS": ["111122223333", BOB] }), "0010100"),
            (json!({ "AWS": ROLE }), "0001000"),
            (json!({ "AWS": SESSION }), "0001000"),
            (json!({ "AWS": FEDERATED }), "0000100"),
            (json!({ "AWS": "AIDAEXAMPLE" }), "0000000"),
            (json!({ "AWS": "arn:aws:iam::444455556666:user/bob" }), "0000000"),
            (json!({ "Service": "s3.amazonaws.com" }), "0000010"),
            (json!({ "Service": "*" }), "0000010"),
            (json!({ "Service": ["a.amazonaws.com"], "Federated": "accounts.google.com" }), "0000001"),
        ] {
            let principals = listed(&value);
            let found: String =
                everybody().iter().map(|one| if principals.include(one) == Yes { '1' } else { '0' }).collect();
            assert_eq!(found, included, "{value}");
        }
    }

    #[test]
    fn what_names_nobody_is_told() {
        for value in [json!({ "AWS": "arn:aws:iam::444455556666:user/*" }), json!({ "CanonicalUser": "79a5" })] {
            assert_eq!(listed(&value).include(&Principal::User(BOB)), Unsure, "{value}");
        }
        for value in [json!(1), json!("Bob"), json!([]), json!({}), json!({ "AWS": [] }), json!({ "AWS": [1] })] {
            assert_eq!(Principals::parse(&value), None, "{value}");
        }
    }

    #[test]
    fn grants_are_the_closest() {
        let session = Principal::RoleSession { role: ROLE, session: SESSION };
        for (names, grant) in [
            (json!([ROOT]), Grant::Account),
            (json!([ROOT, ROLE]), Grant::Owner),
            (json!([ROOT, SESSION, ROLE]), Grant::Itself),
            (json!([ROOT, "*"]), Grant::Itself),
        ] {
            assert_eq!(listed(&json!({ "AWS": names })).grant(&session), grant, "{names}");
        }
    }

    #[test]
    fn exceptions_name_all_that_somebody_is() {
        let except = |value: &Value| Principals::Except(Principals::parse(value).expect("principals"));
        let session = Principal::RoleSession { role: ROLE, session: SESSION };
        for (names, principal, included) in [
            (json!([BOB, ROOT]), Principal::User(BOB), No),
            (json!([BOB]), Principal::User(BOB), Unsure),
            (json!([ROOT]), Principal::User(BOB), Unsure),
            (json!([ROOT]), Principal::Root(ROOT), No),
            (json!(["111122223333"]), Principal::User(BOB), Yes),
            (json!([ROOT, ROLE, SESSION]), session, No),
            (json!([ROOT, ROLE]), session, Unsure),
            (json!([ROOT, ROLE, SESSION]), Principal::Anonymous, Yes),
            (json!(["*"]), session, No),
        ] {
            assert_eq!(except(&json!({ "AWS": names })).include(&principal), included, "{names}");
        }
        let service = except(&json!({ "Service": "s3.amazonaws.com" }));
        assert_eq!(service.include(&Principal::Service("s3.amazonaws.com")), No);
        assert_eq!(service.include(&Principal::User(BOB)), Yes);
        assert_eq!(except(&json!({ "CanonicalUser": "79a5" })).include(&Principal::User(BOB)), Unsure);
    }
}
