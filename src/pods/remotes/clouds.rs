//! Object stores of clouds: S3 and what speaks its protocol, Google Cloud Storage, Azure.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::{Error, ObjectStore, RetryConfig};

use super::address::{Address, Place};
use super::error::RemoteError;
use super::object_store::Objects;
use crate::tls;

/// The store that an address names, with the credentials of the environment.
pub(super) fn open(address: &Address) -> Result<Objects, RemoteError> {
    let Place::Objects { scheme, bucket, prefix } = address.place() else {
        return Err(address.refused("is no object store"));
    };
    tls::install();
    let retry = RetryConfig { max_retries: 3, retry_timeout: Duration::from_secs(60), ..RetryConfig::default() };
    let refused = |error: Error| address.refused(error);
    let store: Arc<dyn ObjectStore> = match scheme.as_str() {
        "s3" => Arc::new(s3(bucket).with_retry(retry).build().map_err(refused)?),
        "gs" => {
            let store = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket).with_retry(retry);
            Arc::new(store.build().map_err(refused)?)
        }
        _ => {
            let store = MicrosoftAzureBuilder::from_env().with_container_name(bucket).with_retry(retry);
            Arc::new(store.build().map_err(refused)?)
        }
    };

    Ok(Objects::with(store, prefix, address))
}

/// S3 of the environment. `AWS_ENDPOINT_URL` stands for all of AWS's services, and is often Larder
/// itself: `AWS_ENDPOINT_URL_S3` goes before it.
fn s3(bucket: &str) -> AmazonS3Builder {
    let store = AmazonS3Builder::from_env().with_bucket_name(bucket);
    let endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].iter().find_map(|name| std::env::var(name).ok());
    match endpoint.filter(|endpoint| !endpoint.is_empty()) {
        Some(endpoint) => store.with_endpoint(endpoint),
        None => store,
    }
}
