//! What is derived from the store's secret for an environment: its token, by which it proves its id to the server, also
//! to one that was restarted, and the seed of its credentials. So no list of them has to survive a restart.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::executor::EnvironmentId;
use crate::model::blob::BlobId;

/// The token of an environment of a data dir's place: a copy of the store knows none of the original's.
pub fn of(secret: &[u8], place: Uuid, id: &EnvironmentId) -> String {
    let purpose = [b"/environment/".as_slice(), place.as_bytes()].concat();
    BlobId(derive(secret, &purpose, id)).hex()
}

/// The seed of an environment's credentials.
pub fn credentials_seed(secret: &[u8], id: &EnvironmentId) -> [u8; 32] {
    derive(secret, b"/credentials/", id)
}

/// What nobody without the secret can tell, for one purpose.
fn derive(secret: &[u8], purpose: &[u8], id: &EnvironmentId) -> [u8; 32] {
    let mut hash = Sha256::new();
    // The outer digest keeps what is derived from being extended to another id's.
    hash.update(Sha256::new().chain_update(secret).chain_update(purpose).chain_update(&id.0).finalize());
    hash.update(secret);
    hash.finalize().into()
}
