//! The HTTP client for endpoints. Paths stay as they were sent, byte for byte, which is why it is hyper's: a key of S3
//! may have what other clients tidy up.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::ConfigVerifierExt as _;

use super::access_error::AccessError;
use crate::tls;

/// How long an endpoint may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// The client.
pub type HttpClient = Client<HttpsConnector<HttpConnector>, Body>;

/// A client that trusts the certificates in a file, or those of the system.
pub fn new(ca: Option<&Path>) -> Result<HttpClient, AccessError> {
    tls::install();
    let config = match ca {
        Some(path) => ClientConfig::builder().with_root_certificates(roots(path)?).with_no_client_auth(),
        None => ClientConfig::with_platform_verifier().map_err(|error| AccessError::Tls(error.to_string()))?,
    };
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT));
    connector.set_nodelay(true);
    connector.enforce_http(false);
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().wrap_connector(connector);

    // A connection for each request: a kept one may be closed by the endpoint in the moment that
    // a request is sent, which cannot be sent again once its body has streamed.
    Ok(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector))
}

fn roots(path: &Path) -> Result<Arc<RootCertStore>, AccessError> {
    let failed = |reason: String| AccessError::Certificates { path: path.to_owned(), reason };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| failed(error.to_string()))? {
        let added = certificate.map_err(|error| failed(error.to_string())).map(|found| roots.add(found))?;
        added.map_err(|error| failed(error.to_string()))?;
    }
    if roots.is_empty() { Err(failed("there is no certificate in it".to_owned())) } else { Ok(Arc::new(roots)) }
}
