//! TLS at the door: on the same port as plain HTTP, told from it by its first byte.

pub mod authority;
mod certificates;
mod error;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use self::authority::Authority;
use self::certificates::Certificates;
pub use self::error::TlsError;

/// What the first byte of a connection is that is encrypted: a record of a handshake.
pub const HANDSHAKE: u8 = 0x16;

/// What may be spoken over it, the best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A certificate of the user's own, with its key.
#[derive(Debug, Clone)]
pub struct Given {
    /// The certificate and those that vouch for it, in PEM.
    pub certificate: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
}

/// What takes encrypted connections.
#[derive(Clone)]
pub struct Encryption {
    pub(super) acceptor: TlsAcceptor,
    /// The certificate of the data dir's authority (PEM), for those who are to trust it; `None` where the user gave one.
    pub authority: Option<String>,
}

impl Encryption {
    /// With the certificate that the user gave, or with those that the data dir's authority vouches for.
    ///
    /// # Errors
    /// They cannot be used.
    pub fn open(data_dir: &Path, given: Option<&Given>) -> Result<Self, TlsError> {
        let Some(given) = given else { return Self::of_authority(data_dir) };
        crate::tls::install();
        let (chain, key) = read(given)?;
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
        Ok(Self::new(config, None))
    }

    /// With certificates that the data dir's authority vouches for.
    ///
    /// # Errors
    /// It cannot be made or used.
    pub fn of_authority(data_dir: &Path) -> Result<Self, TlsError> {
        crate::tls::install();
        let authority = Authority::open(data_dir)?;
        let text = authority.text.clone();
        let certificates = Arc::new(Certificates::of(authority));
        let config = ServerConfig::builder().with_no_client_auth().with_cert_resolver(certificates);
        Ok(Self::new(config, Some(text)))
    }

    fn new(mut config: ServerConfig, authority: Option<String>) -> Self {
        config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
        Self { acceptor: TlsAcceptor::from(Arc::new(config)), authority }
    }
}

impl std::fmt::Debug for Encryption {
    /// Leaves the keys out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Encryption(…)")
    }
}

fn read(given: &Given) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let unusable = |path: &Path, error: &dyn std::error::Error| TlsError::Unusable {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let chain = CertificateDer::pem_file_iter(&given.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(&given.certificate, &error))?;
    let key = PrivateKeyDer::from_pem_file(&given.key).map_err(|error| unusable(&given.key, &error))?;
    Ok((chain, key))
}
