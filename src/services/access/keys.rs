//! Access keys: whose they are, and their secrets.

use std::collections::HashMap;
use std::path::Path;

use crate::model::credentials;
use crate::model::credentials::session::Session;
use crate::model::iam::caller::Caller;
use crate::model::names::AccountId;
use crate::model::state::State;
use crate::model::time::Timestamp;
use crate::protocol::sigv4;
use crate::protocol::sigv4::verification::Signed;
use crate::upstream::{AccessError, keys};

/// The secret of access keys that Larder did not give out: that of the field's examples.
const WELL_KNOWN_SECRET: &str = "test";

/// The access keys that count: those that this store gave out, and those of a file, which are their accounts' own. Without
/// a file, all others count with the secret `test`.
#[derive(Debug)]
pub struct Keys {
    store_secret: Vec<u8>,
    of_file: Option<HashMap<String, OfAccount>>,
}

/// A key of an account. Its secret is shown nowhere.
struct OfAccount {
    account: AccountId,
    secret: String,
}

impl std::fmt::Debug for OfAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OfAccount").field("account", &self.account).finish_non_exhaustive()
    }
}

impl Keys {
    /// Those of a store, and of a file.
    ///
    /// # Errors
    /// The file cannot be read, or has no keys.
    pub fn open(store_secret: &[u8], file: Option<&Path>) -> Result<Self, AccessError> {
        let of_file = file.map(|file| {
            let found = keys::all(file)?;
            let of_account = |(keys, account): (keys::Keys, Option<String>)| {
                let account = account.map_or_else(|| sigv4::account_of(&keys.access_key_id), Into::into);
                (keys.access_key_id, OfAccount { account, secret: keys.secret })
            };
            Ok(found.into_iter().map(of_account).collect())
        });
        Ok(Self { store_secret: store_secret.to_vec(), of_file: of_file.transpose()? })
    }

    /// Who signed, and the secret that they must have; `None` where nobody has that key.
    pub fn find(&self, state: &State, signed: &Signed) -> Option<(Caller, String)> {
        let Signed { access_key_id, session_token, .. } = signed;
        if let Some(found) = self.of_file.as_ref().and_then(|keys| keys.get(access_key_id)) {
            return Some((Caller::root(&found.account), found.secret.clone()));
        }

        let account = sigv4::account_of(access_key_id);
        let caller = Caller::of_key(state, &account, access_key_id, session_token)?;
        let is_given_out = credentials::account_of(access_key_id).is_some();
        if !is_given_out && self.of_file.is_some() {
            return None;
        }
        let given_out = || credentials::secret_access_key(&self.store_secret, access_key_id, session_token);
        let secret = if is_given_out { given_out() } else { WELL_KNOWN_SECRET.to_owned() };
        Some((caller, secret))
    }
}

/// When the credentials of a signature end.
pub fn expires(signed: &Signed) -> Option<Timestamp> {
    Session::of_token(&signed.session_token)?.expires()
}
