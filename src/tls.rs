//! TLS of connections that Larder opens: rustls, with ring for the cryptography.

use std::sync::Once;

#[cfg(feature = "kafka")]
use rustls::pki_types::pem::PemObject as _;
#[cfg(feature = "kafka")]
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
#[cfg(feature = "kafka")]
use rustls::{ClientConfig, RootCertStore};
#[cfg(feature = "kafka")]
use rustls_platform_verifier::BuilderVerifierExt as _;

/// Makes ring the cryptography of this process. Whoever builds a client of rustls' calls it before: a process without
/// one has no TLS.
pub fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // Whoever uses this as a library may have chosen another.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// A client of HTTP servers.
pub fn client() -> reqwest::ClientBuilder {
    install();
    reqwest::Client::builder()
}

/// How a client speaks TLS that trusts the certificates of a text, or those that the system trusts, and shows a certificate
/// of its own with its key, where it has one. All are in PEM.
///
/// # Errors
/// What is wrong with one of them.
#[cfg(feature = "kafka")]
pub fn config(roots: Option<&str>, identity: Option<(&str, &str)>) -> Result<ClientConfig, String> {
    install();
    let builder = ClientConfig::builder();
    let builder = match roots {
        None => builder.with_platform_verifier().map_err(|error| error.to_string())?,
        Some(pem) => {
            let mut store = RootCertStore::empty();
            for certificate in certificates(pem)? {
                store.add(certificate).map_err(|error| error.to_string())?;
            }
            builder.with_root_certificates(store)
        }
    };

    let Some((chain, key)) = identity else { return Ok(builder.with_no_client_auth()) };
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| error.to_string())?;
    builder.with_client_auth_cert(certificates(chain)?, key).map_err(|error| error.to_string())
}

#[cfg(feature = "kafka")]
fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let found = found.map_err(|error| error.to_string())?;
    if found.is_empty() { Err("There is no certificate in it.".to_owned()) } else { Ok(found) }
}
