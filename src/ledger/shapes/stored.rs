//! How model values are stored: the trait, the conversions of simple values, and the macros that declare shapes.

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::text::{Digest, Id, Map};
use crate::model::blob::BlobId;
use crate::model::names::{self, RevisionId};
use crate::model::runtimes;
use crate::model::time::Timestamp;
use crate::model::{hot_folder, qualifier};

/// A stored shape and the model type it stands for.
pub(in crate::ledger) trait Stored<M> {
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

/// Declares a stored struct and its conversions, field by field. A member that this build does not know is refused: it
/// would be lost.
macro_rules! shape {
    ($($stored:ident = $model:path { $($field:ident: $ty:ty),* $(,)? })*) => {$(
        #[derive(Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
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
/// Declares a stored enum of unit variants, each as a text: its name, or the one behind it.
macro_rules! words {
    ($($stored:ident = $model:path { $($variant:ident $(= $text:literal)?),* $(,)? })*) => {$(
        #[derive(Serialize, Deserialize)]
        pub(super) enum $stored { $($(#[serde(rename = $text)])? $variant),* }

        impl Stored<$model> for $stored {
            fn store(model: &$model) -> Self {
                use $model as Model;
                match model { $(Model::$variant => Self::$variant),* }
            }
            fn load(self) -> $model {
                use $model as Model;
                match self { $(Self::$variant => Model::$variant),* }
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

words! {
    Architecture = runtimes::Architecture { X86_64 = "x86_64", Arm64 = "arm64" }
}

shape! {
    Scope = names::Scope { account: String, region: String }
    FunctionKey = names::FunctionKey { scope: Scope, name: String }
}
