//! Ids as types: no bare `String` crosses a room.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

/// Declares an id that is a piece of text, cheap to clone.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<T: Into<Arc<str>>> From<T> for $name {
            fn from(text: T) -> Self {
                Self(text.into())
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

text_id! {
    /// A twelve-digit AWS account id.
    AccountId
}
text_id! {
    /// An AWS region, such as `us-east-1`.
    Region
}
text_id! {
    /// The plain name of a function, without account, region or qualifier.
    FunctionName
}
text_id! {
    /// The name of an alias.
    AliasName
}
text_id! {
    /// The id of a code-signing configuration, `csc-` and 17 hex digits.
    CodeSigningConfigId
}
text_id! {
    /// The id of a function URL: the first label of its host name.
    UrlId
}
text_id! {
    /// The plain name of a layer.
    LayerName
}

text_id! {
    /// The name of a capacity provider.
    CapacityProviderName
}

text_id! {
    /// The name of a role, policy or instance profile in small letters: IAM does not tell names apart by
    /// their case.
    EntityName
}

/// An IAM entity's place in the state. Sorted by account, then name: a listing is one range.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntityKey {
    /// The account.
    pub account: AccountId,
    /// The entity's name.
    pub name: EntityName,
}

impl EntityKey {
    /// The key of a name as it is written.
    pub fn new(account: &AccountId, name: &str) -> Self {
        Self { account: account.clone(), name: name.to_ascii_lowercase().into() }
    }
}

text_id! {
    /// The name of a log group.
    LogGroupName
}
text_id! {
    /// The name of a log stream.
    LogStreamName
}
text_id! {
    /// The name of a queue.
    QueueName
}
text_id! {
    /// The name of a mark in history.
    MarkName
}

/// One account in one region: what a listing sees.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
}

/// A function's place in the state. Sorted by scope, then name: a listing is one range.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionKey {
    /// Account and region.
    pub scope: Scope,
    /// The function's name.
    pub name: FunctionName,
}

/// A layer's place in the state. Sorted by scope, then name, as functions are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LayerKey {
    /// Account and region.
    pub scope: Scope,
    /// The layer's name.
    pub name: LayerName,
}

/// Names one state of a resource; changes with it (AWS's `RevisionId`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RevisionId(pub Uuid);

impl fmt::Display for RevisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.as_hyphenated(), f)
    }
}

impl fmt::Debug for RevisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
