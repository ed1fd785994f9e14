//! Certificates for the names by which clients call, made when one is first asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::crypto::ring::sign::any_supported_type;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::authority::Authority;
use super::error::TlsError;
use crate::clock;
use crate::model::time::Timestamp;

/// Names that are kept: clients choose them.
const KEPT: usize = 1000;

/// How long one is used, in milliseconds: a server may run for longer than a certificate holds.
const USED_FOR: u64 = 30 * 24 * 3600 * 1000;

/// What a client that says no name calls by.
const NAMELESS: [&str; 4] = ["localhost", "*.localhost", "127.0.0.1", "::1"];

/// Certificates by the name that a client says.
#[derive(Debug)]
pub struct Certificates {
    authority: Authority,
    made: Mutex<HashMap<String, (Timestamp, Arc<CertifiedKey>)>>,
}

impl Certificates {
    /// Those that an authority vouches for.
    pub fn of(authority: Authority) -> Self {
        Self { authority, made: Mutex::default() }
    }

    fn certificate(&self, name: &str, now: Timestamp) -> Result<Arc<CertifiedKey>, TlsError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, certificate)) = made.get(name).filter(|(since, _)| now.0 < since.0 + USED_FOR) {
            return Ok(Arc::clone(certificate));
        }
        let names = if name.is_empty() { NAMELESS.map(str::to_owned).to_vec() } else { vec![name.to_owned()] };
        let (chain, key) = self.authority.vouch_for(names, now)?;
        let certificate = Arc::new(CertifiedKey::new(chain, any_supported_type(&key)?));
        if made.len() >= KEPT {
            made.clear();
        }

        made.insert(name.to_owned(), (now, Arc::clone(&certificate)));
        Ok(certificate)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().unwrap_or_default().to_ascii_lowercase();
        let certificate = self.certificate(&name, clock::now());
        certificate.inspect_err(|error| tracing::warn!(%error, name, "no certificate")).ok()
    }
}
