//! Tokens: how an environment proves its id to the server, also to one that was restarted.

use sha2::{Digest as _, Sha256};

use super::executor::EnvironmentId;
use crate::model::blob::BlobId;

/// The token of an environment, derived from the store's secret, so that no list of tokens has to
/// survive a restart.
pub fn of(secret: &[u8], id: &EnvironmentId) -> String {
    let mut hash = Sha256::new();
    // The outer digest keeps a token from being extended to another id's.
    hash.update(Sha256::new().chain_update(secret).chain_update(b"/environment/").chain_update(&id.0).finalize());
    hash.update(secret);
    BlobId(hash.finalize().into()).hex()
}
