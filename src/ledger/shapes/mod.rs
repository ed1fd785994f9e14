//! The stored shapes, schema 4, and the conversions to and from the model.
//!
//! A shape written to disk is a promise to every old file: it never changes once released. A new
//! version of one raises its number in its area's table, and the old one moves to `migrations/`, which lifts
//! its bytes to the next. Field order is the format.

mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use text::{Digest, Id, Map};
use uuid::Uuid;

use crate::model::blob::BlobId;
use crate::model::names::{self, RevisionId};
use crate::model::time::Timestamp;
use crate::model::{hot_folder, qualifier};

/// A stored shape and the model type it stands for.
trait Stored<M> {
    /// The shape of a value.
    fn store(model: &M) -> Self;
    /// The value of a shape.
    fn load(self) -> M;
}

/// Shapes that are the value itself.
macro_rules! as_is {
    ($($ty:ty),*) => {$(
        impl Stored<$ty> for $ty {
            fn store(model: &$ty) -> Self {
                model.clone()
            }
            fn load(self) -> $ty {
                self
            }
        }
    )*};
}
as_is!(bool, u32, u64, i64, f64, String, BTreeMap<String, String>);

impl<M, S: Stored<M>> Stored<Option<M>> for Option<S> {
    fn store(model: &Option<M>) -> Self {
        model.as_ref().map(S::store)
    }
    fn load(self) -> Option<M> {
        self.map(S::load)
    }
}

impl<M, S: Stored<M>> Stored<Vec<M>> for Vec<S> {
    fn store(model: &Vec<M>) -> Self {
        model.iter().map(S::store).collect()
    }
    fn load(self) -> Vec<M> {
        self.into_iter().map(S::load).collect()
    }
}

impl<K, M, KS, S> Stored<OrdMap<K, M>> for Map<KS, S>
where
    K: Ord + Clone,
    M: Clone,
    KS: Stored<K>,
    S: Stored<M>,
{
    fn store(model: &OrdMap<K, M>) -> Self {
        Self(Stored::store(model))
    }
    fn load(self) -> OrdMap<K, M> {
        self.0.load()
    }
}

/// A map is stored as its entries, in order.
impl<K, M, KS, S> Stored<OrdMap<K, M>> for Vec<(KS, S)>
where
    K: Ord + Clone,
    M: Clone,
    KS: Stored<K>,
    S: Stored<M>,
{
    fn store(model: &OrdMap<K, M>) -> Self {
        model.iter().map(|(key, value)| (KS::store(key), S::store(value))).collect()
    }
    fn load(self) -> OrdMap<K, M> {
        self.into_iter().map(|(key, value)| (key.load(), value.load())).collect()
    }
}

/// A shared or boxed value is stored as the value.
macro_rules! pointer {
    ($($pointer:ident),*) => {$(
        impl<M, S: Stored<M>> Stored<$pointer<M>> for S {
            fn store(model: &$pointer<M>) -> Self {
                S::store(&**model)
            }
            fn load(self) -> $pointer<M> {
                $pointer::new(S::load(self))
            }
        }
    )*};
}
pointer!(Arc, Box);

/// Ids are stored as what they wrap.
macro_rules! id {
    ($($model:ty: $stored:ty, $store:expr, $load:expr;)*) => {$(
        impl Stored<$model> for $stored {
            fn store(model: &$model) -> Self {
                let store: fn(&$model) -> $stored = $store;
                store(model)
            }
            fn load(self) -> $model {
                let load: fn($stored) -> $model = $load;
                load(self)
            }
        }
    )*};
}
id! {
    names::AccountId: String, |id| id.to_string(), Into::into;
    names::Region: String, |id| id.to_string(), Into::into;
    names::FunctionName: String, |id| id.to_string(), Into::into;
    names::AliasName: String, |id| id.to_string(), Into::into;
    names::CodeSigningConfigId: String, |id| id.to_string(), Into::into;
    names::UrlId: String, |id| id.to_string(), Into::into;
    qualifier::Qualifier: String, |qualifier| qualifier.to_string(), |text| qualifier::Qualifier::parse(&text);
    names::LayerName: String, |id| id.to_string(), Into::into;
    names::CapacityProviderName: String, |id| id.to_string(), Into::into;
    hot_folder::HotFolder: String, |folder| folder.0.clone(), hot_folder::HotFolder;
    names::MarkName: String, |id| id.to_string(), Into::into;
    RevisionId: Id, |id| Id(*id.0.as_bytes()), |id| RevisionId(Uuid::from_bytes(id.0));
    Timestamp: u64, |time| time.0, Timestamp;
    BlobId: Digest, |id| Digest(id.0), |digest| BlobId(digest.0);
    qualifier::Version: u64, |version| match version {
        qualifier::Version::Latest => 0,
        qualifier::Version::LatestPublished => u64::MAX,
        qualifier::Version::Number(number) => *number,
    }, |number| match number {
        0 => qualifier::Version::Latest,
        u64::MAX => qualifier::Version::LatestPublished,
        number => qualifier::Version::Number(number),
    };
}

/// Declares a stored struct and its conversions, field by field.
macro_rules! shape {
    ($($stored:ident = $model:path { $($field:ident: $ty:ty),* $(,)? })*) => {$(
        #[derive(Serialize, Deserialize)]
        pub(super) struct $stored { $(pub(super) $field: $ty),* }

        impl Stored<$model> for $stored {
            fn store(model: &$model) -> Self {
                Self { $($field: Stored::store(&model.$field)),* }
            }
            fn load(self) -> $model {
                $model { $($field: Stored::load(self.$field)),* }
            }
        }
    )*};
}
/// Declares a stored enum of unit variants and one with a failure.
macro_rules! status {
    ($($stored:ident = $model:path { $($variant:ident),* })*) => {$(
        #[derive(Serialize, Deserialize)]
        pub(super) enum $stored { $($variant,)* Failed(Failure) }

        impl Stored<$model> for $stored {
            fn store(model: &$model) -> Self {
                use $model as Model;
                match model {
                    $(Model::$variant => Self::$variant,)*
                    Model::Failed(failure) => Self::Failed(Stored::store(failure)),
                }
            }
            fn load(self) -> $model {
                use $model as Model;
                match self {
                    $(Self::$variant => Model::$variant,)*
                    Self::Failed(failure) => Model::Failed(failure.load()),
                }
            }
        }
    )*};
}
/// Declares the stored events of an area: kind, version, fields in order.
macro_rules! events {
    ($event:ident { $($kind:literal / $version:literal $name:ident { $($field:ident: $ty:ty),* $(,)? })* }) => {
        impl $crate::ledger::shapes::events::StoredEvent for $event {
            const KINDS: &'static [u16] = &[$($kind),*];

            fn encode(
                &self,
                head: $crate::ledger::shapes::events::Head,
            ) -> Result<Vec<u8>, $crate::ledger::codec::FrameError> {
                match *self {
                    $(Self::$name { $(ref $field),* } => {
                        #[derive(serde::Serialize)]
                        struct Payload { head: $crate::ledger::shapes::events::Head, $($field: $ty),* }
                        let payload = Payload { head, $($field: $crate::ledger::shapes::Stored::store($field)),* };
                        $crate::ledger::codec::frame($kind, $version, &payload)
                    })*
                }
            }

            fn to_json(&self) -> serde_json::Result<serde_json::Value> {
                match *self {
                    $(Self::$name { $(ref $field),* } => {
                        #[derive(serde::Serialize)]
                        struct Members { $($field: $ty),* }
                        serde_json::to_value(Members { $($field: $crate::ledger::shapes::Stored::store($field)),* })
                    })*
                }
            }

            fn decode(
                frame: &$crate::ledger::codec::Frame<'_>,
            ) -> Result<($crate::ledger::shapes::events::Head, Self), $crate::ledger::codec::FrameError> {
                match frame.kind {
                    $($kind => {
                        #[derive(serde::Deserialize)]
                        struct Payload { head: $crate::ledger::shapes::events::Head, $($field: $ty),* }
                        let current = $crate::ledger::shapes::events::current(frame, $version)?;
                        let payload: Payload = $crate::ledger::codec::payload(&current)?;
                        let event = Self::$name { $($field: $crate::ledger::shapes::Stored::load(payload.$field)),* };
                        Ok((payload.head, event))
                    })*
                    kind => Err($crate::ledger::codec::FrameError::UnknownKind(kind)),
                }
            }
        }
    };
}
shape! {
    Scope = names::Scope { account: String, region: String }
    FunctionKey = names::FunctionKey { scope: Scope, name: String }
}

// The macros above are in scope below this line only.
mod capacity_providers;
mod checkpoint;
mod code_signing;
mod concurrency;
mod event_invoke;
mod event_sources;
mod events;
mod function_settings;
mod functions;
mod history;
mod iam;
mod layers;
mod logs;
mod policies;
mod tags;
mod urls;

pub(super) use checkpoint::{decode_state, encode_state};
pub(super) use events::{decode, encode, to_json};
pub(super) use history::{resource_from_json, resource_to_json};
