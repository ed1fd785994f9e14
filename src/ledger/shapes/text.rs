//! Stored shapes that people read as text: raw in frames, and hex, UUIDs and objects in JSON.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::model::blob::BlobId;

/// A blob's name: 64 hex digits.
#[derive(Clone, Copy)]
pub struct Digest(pub [u8; 32]);

/// An id: a UUID.
#[derive(Clone, Copy)]
pub struct Id(pub [u8; 16]);

/// Implements a shape of bytes: its text, and how that is read.
macro_rules! bytes_or_text {
    ($($shape:ident, $to_text:expr, $from_text:expr;)*) => {$(
        impl Serialize for $shape {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.serialize_str(&$to_text(self.0))
                } else {
                    self.0.serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $shape {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if !deserializer.is_human_readable() {
                    return Deserialize::deserialize(deserializer).map(Self);
                }
                let text = String::deserialize(deserializer)?;
                let bytes = $from_text(&text);
                bytes.map(Self).ok_or_else(|| D::Error::custom(concat!("a text is no ", stringify!($shape))))
            }
        }
    )*};
}
bytes_or_text! {
    Digest, |bytes| BlobId(bytes).hex(), |text: &str| BlobId::from_hex(text).map(|id| id.0);
    Id, |bytes| Uuid::from_bytes(bytes).to_string(), |text: &str| Uuid::parse_str(text).ok().map(Uuid::into_bytes);
}

/// A map, as its entries in order; an object in JSON.
pub struct Map<K, V>(pub Vec<(K, V)>);

/// A key of a [`Map`], as the name of an object's member.
pub trait MapKey: Sized {
    /// The name.
    fn text(&self) -> String;
    /// The key of a name; `None` if it is none.
    fn read(text: &str) -> Option<Self>;
}

impl MapKey for String {
    fn text(&self) -> String {
        self.clone()
    }
    fn read(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

/// `None` is the empty name, which no alias has.
impl MapKey for Option<String> {
    fn text(&self) -> String {
        self.clone().unwrap_or_default()
    }
    fn read(text: &str) -> Option<Self> {
        Some((!text.is_empty()).then(|| text.to_owned()))
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl MapKey for $number {
            fn text(&self) -> String {
                self.to_string()
            }
            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    )*};
}
numbers!(u32, u64);

impl<K: MapKey + Serialize, V: Serialize> Serialize for Map<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return self.0.serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(&key.text(), value)?;
        }
        map.end()
    }
}

impl<'de, K: MapKey + Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for Map<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_map(Entries(PhantomData))
        } else {
            Deserialize::deserialize(deserializer).map(Self)
        }
    }
}

/// Reads an object's members in their order.
struct Entries<K, V>(PhantomData<(K, V)>);

impl<'de, K: MapKey, V: Deserialize<'de>> Visitor<'de> for Entries<K, V> {
    type Value = Map<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        let mut names = std::collections::HashSet::new();
        while let Some((name, value)) = members.next_entry::<String, V>()? {
            let key = K::read(&name).ok_or_else(|| A::Error::custom("a member's name is no key of its object"))?;
            if !names.insert(name) {
                return Err(A::Error::custom("an object has a member twice"));
            }
            entries.push((key, value));
        }

        Ok(Map(entries))
    }
}
