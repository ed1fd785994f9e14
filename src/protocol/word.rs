//! Words of a fixed list in requests.

use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _};

/// A word that a type of the model reads. The shape of its operation has refused all others before, in AWS's words.
#[derive(Debug, Clone, Copy)]
pub struct Word<T>(pub T);

impl<'de, T: FromStr> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| D::Error::custom(format_args!("no member of this list has {text:?}")))
    }
}
