//! Steps from one schema of the store to the next, one file each.
//!
//! A step holds the old shapes and the next ones, both frozen: it names no current type, so that it
//! stays right when the current ones move on.

mod v1_to_v2;
mod v2_to_v3;

/// Lifts the payload of an event of `kind` from `version` to the version after it.
///
/// # Errors
/// The payload has not the shape of its kind and version, or there never was such a version.
pub fn lift(kind: u16, version: u16, payload: &[u8]) -> bincode::Result<Vec<u8>> {
    match version {
        1 => v1_to_v2::lift(kind, payload),
        2 => v2_to_v3::lift(kind, payload),
        _ => Err(bincode::ErrorKind::Custom(format!("kind {kind} never had version {version}")).into()),
    }
}
