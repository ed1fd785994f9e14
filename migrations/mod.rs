//! Steps from one schema of the store to the next, one file each.
//!
//! A step holds the old shapes and the next ones, both frozen: it names no current type, so that it
//! stays right when the current ones move on.

mod v1_to_v2;
mod v2_to_v3;
mod v3_to_v4;
mod v4_to_v5;

use std::borrow::Cow;

use crate::ledger::frame::FrameError;

/// The payload of an event of `kind` with the names of its members, out of one in bincode of `version`: lifted step by
/// step to the last of those, and written again.
///
/// # Errors
/// The payload has not the shape of its kind and version, or there never was such a kind or version.
pub fn named(kind: u16, version: u16, payload: &[u8]) -> Result<Vec<u8>, FrameError> {
    let (last, step) = v4_to_v5::step(kind).ok_or(FrameError::UnknownKind(kind))?;
    if version == 0 || version > last {
        return Err(FrameError::UnknownVersion { kind, version });
    }
    let mut payload = Cow::Borrowed(payload);
    for version in version..last {
        payload = Cow::Owned(lift(kind, version, &payload)?);
    }
    step(&payload)
}

/// Lifts the payload of an event of `kind` from `version` to the version after it. Each kind counts its own
/// versions, from the schema on that it came with.
///
/// # Errors
/// The payload has not the shape of its kind and version, or there never was such a version.
fn lift(kind: u16, version: u16, payload: &[u8]) -> bincode::Result<Vec<u8>> {
    match (kind, version) {
        (1 | 2 | 6, 3) | (3, 2) | (30 | 140 | 143, 1) => v3_to_v4::lift(kind, payload),
        (_, 1) => v1_to_v2::lift(kind, payload),
        (_, 2) => v2_to_v3::lift(kind, payload),
        _ => Err(bincode::ErrorKind::Custom(format!("kind {kind} never had version {version}")).into()),
    }
}
