//! What is asked: who wants to do what to what, and all that is known about it.

use std::collections::BTreeMap;

use crate::model::arn::Arn;

/// A question to policies.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who asks.
    pub principal: Principal<'a>,
    /// What they want to do, such as `lambda:InvokeFunction`.
    pub action: &'a str,
    /// The ARN of what they want to do it to; `*` where an action is about nothing named.
    pub resource: &'a str,
    /// The condition keys. The current time is among them (`aws:CurrentTime`), as there is no clock here.
    pub context: &'a Context,
}

/// Who asks.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>.
#[allow(dead_code, reason = "policies name them; calls in their name are not judged yet")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal<'a> {
    /// Nobody known.
    Anonymous,
    /// The root user of an account, by its ARN, `arn:aws:iam::ACCOUNT:root`.
    Root(&'a str),
    /// A user, by ARN.
    User(&'a str),
    /// A role that somebody assumed.
    RoleSession {
        /// The role's ARN, `arn:aws:iam::ACCOUNT:role/PATH/NAME`.
        role: &'a str,
        /// The session's ARN, `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`.
        session: &'a str,
    },
    /// A session of `GetFederationToken`.
    FederatedUser {
        /// The ARN of the user who asked for the session; `None` where it was the account's root.
        user: Option<&'a str>,
        /// The session's ARN, `arn:aws:sts::ACCOUNT:federated-user/NAME`.
        session: &'a str,
    },
    /// A service, such as `events.amazonaws.com`.
    Service(&'a str),
    /// Somebody whom an identity provider vouches for: its name, or its ARN. They ask for a role.
    Federated(&'a str),
}

impl<'a> Principal<'a> {
    /// What answers call it.
    pub fn name(&self) -> &'a str {
        match *self {
            Self::Anonymous => "anonymous",
            Self::Root(arn) | Self::User(arn) => arn,
            Self::RoleSession { session, .. } | Self::FederatedUser { session, .. } => session,
            Self::Service(name) | Self::Federated(name) => name,
        }
    }

    /// The account it belongs to.
    pub fn account(&self) -> Option<&'a str> {
        match self {
            Self::Anonymous | Self::Service(_) | Self::Federated(_) => None,
            _ => Arn::parse(self.name()).map(|arn| arn.account),
        }
    }

    /// Whether identity-based policies may say something about it.
    pub fn is_an_identity(&self) -> bool {
        !matches!(self, Self::Anonymous | Self::Service(_) | Self::Federated(_))
    }

    /// `aws:PrincipalType`.
    fn kind(&self) -> Option<&'static str> {
        match self {
            Self::Anonymous => Some("Anonymous"),
            Self::Root(_) => Some("Account"),
            Self::User(_) => Some("User"),
            Self::RoleSession { .. } => Some("AssumedRole"),
            Self::FederatedUser { .. } => Some("FederatedUser"),
            Self::Service(_) | Self::Federated(_) => None,
        }
    }

    /// `aws:PrincipalArn`: of a session of a role it is the role's.
    fn arn(&self) -> Option<&'a str> {
        match *self {
            Self::RoleSession { role, .. } => Some(role),
            _ if self.is_an_identity() => Some(self.name()),
            _ => None,
        }
    }
}

/// Condition keys and their values. The case of keys does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context(BTreeMap<String, Values>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Values {
    One(String),
    Many(Vec<String>),
}

impl Context {
    /// What a principal says about itself: `aws:PrincipalArn`, `aws:PrincipalAccount`, `aws:PrincipalType`,
    /// `aws:PrincipalIsAWSService`, `aws:PrincipalServiceName`, `aws:username`. Only users have a name;
    /// `aws:userid` and tags are in no ARN.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>.
    pub fn of(principal: &Principal<'_>) -> Self {
        let is_service = matches!(principal, Principal::Service(_));
        let user = match principal {
            Principal::User(arn) => arn.rsplit('/').next(),
            _ => None,
        };
        let known = [
            ("aws:PrincipalArn", principal.arn()),
            ("aws:PrincipalAccount", principal.account()),
            ("aws:PrincipalType", principal.kind()),
            ("aws:PrincipalServiceName", is_service.then(|| principal.name())),
            ("aws:username", user),
        ];
        let known = known.into_iter().filter_map(|(key, value)| Some((key, value?)));
        known.fold(Self::default(), |context, (key, value)| context.with(key, value)).with_is_service(is_service)
    }

    fn with_is_service(self, is_service: bool) -> Self {
        self.with("aws:PrincipalIsAWSService", if is_service { "true" } else { "false" })
    }

    /// The same with a key that has one value.
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.insert(key.to_lowercase(), Values::One(value.into()));
        self
    }

    /// The same with a key that may have several values, or none.
    pub fn with_many<T: Into<String>>(mut self, key: &str, values: impl IntoIterator<Item = T>) -> Self {
        self.0.insert(key.to_lowercase(), Values::Many(values.into_iter().map(Into::into).collect()));
        self
    }

    /// The values of a key; empty where it has none.
    pub fn values(&self, key: &str) -> &[String] {
        match self.0.get(&key.to_lowercase()) {
            None => &[],
            Some(Values::One(value)) => std::slice::from_ref(value),
            Some(Values::Many(values)) => values,
        }
    }

    /// The same with the keys of another one.
    pub fn and(mut self, other: &Self) -> Self {
        self.0.extend(other.0.clone());
        self
    }

    /// All keys with their values, for people.
    pub fn shown(&self) -> Vec<(String, Vec<String>)> {
        self.0.keys().map(|key| (key.clone(), self.values(key).to_vec())).collect()
    }

    /// The value of a key that can have no more than one: others are nothing for variables.
    pub fn single(&self, key: &str) -> Option<&str> {
        match self.0.get(&key.to_lowercase()) {
            Some(Values::One(value)) => Some(value),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_tell_what_they_are() {
        let role = "arn:aws:iam::123456789012:role/path/r";
        let session = "arn:aws:sts::123456789012:assumed-role/r/s";
        let context = Context::of(&Principal::RoleSession { role, session });
        assert_eq!(context.single("AWS:principalARN"), Some(role));
        assert_eq!(context.single("aws:PrincipalAccount"), Some("123456789012"));
        assert_eq!(context.single("aws:PrincipalType"), Some("AssumedRole"));
        assert_eq!(context.single("aws:username"), None);

        let context = Context::of(&Principal::User("arn:aws:iam::123456789012:user/a/b/Zoe"));
        assert_eq!(context.single("aws:username"), Some("Zoe"));
        assert_eq!(context.single("aws:PrincipalIsAWSService"), Some("false"));

        let context = Context::of(&Principal::Service("events.amazonaws.com"));
        assert_eq!(context.single("aws:PrincipalIsAWSService"), Some("true"));
        assert_eq!(context.single("aws:PrincipalServiceName"), Some("events.amazonaws.com"));
        assert_eq!(context.single("aws:PrincipalArn"), None);
        assert_eq!(Context::of(&Principal::Anonymous).single("aws:PrincipalAccount"), None);
    }
}
