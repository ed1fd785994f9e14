//! TLS of connections that Larder opens: rustls, with ring for the cryptography.

use std::sync::Once;

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
