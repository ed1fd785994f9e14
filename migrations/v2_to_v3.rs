//! Schema 2 to 3: code knows the key that its package is encrypted with.

use bincode::Options as _;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Head {
    time: u64,
    request_id: String,
    access_key_id: String,
    user_agent: String,
}

#[derive(Serialize, Deserialize)]
struct Key {
    account: String,
    region: String,
    name: String,
}

#[derive(Serialize, Deserialize)]
struct Image {
    uri: String,
    resolved_uri: String,
}

/// Of version 2; in version 3 an optional key follows.
#[derive(Serialize, Deserialize)]
struct Code {
    blob: [u8; 32],
    size: u64,
    image: Option<Image>,
}

/// Not known before.
const NO_KEY: u8 = 0;

/// What stands before a version's code.
type Versioned = (Head, Key, u64, Code);
type Updated = (Head, Key, Code);

/// Lifts the payload of an event; see [`super::lift`]. What follows the code is the same in both versions.
pub fn lift(kind: u16, payload: &[u8]) -> bincode::Result<Vec<u8>> {
    let mut rest = payload;
    // A length that the payload cannot have would be asked of the memory.
    let options = bincode::options().with_fixint_encoding().with_limit(payload.len() as u64);
    match kind {
        // A function and a published version: the version's number, then its code.
        1 | 6 => drop(options.deserialize_from::<_, Versioned>(&mut rest)?),
        2 => drop(options.deserialize_from::<_, Updated>(&mut rest)?),
        _ => {
            let reason = format!("kind {kind} did not change after version 2");
            return Err(bincode::ErrorKind::Custom(reason).into());
        }
    }
    let (before, after) = payload.split_at(payload.len() - rest.len());
    Ok([before, &[NO_KEY], after].concat())
}
