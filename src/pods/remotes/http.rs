//! A pod file on a web server.

use futures_util::{StreamExt, TryStreamExt};

use super::Stream;
use super::address::Address;
use super::error::RemoteError;

/// The bytes of a URL, and how many its server says there are.
pub(super) async fn read(url: &str, address: &Address) -> Result<(Option<u64>, Stream), RemoteError> {
    // A URL may hold a signature, so an error goes without it.
    let failed = |error: reqwest::Error| address.refused(error.without_url());
    let client = crate::tls::client().connect_timeout(std::time::Duration::from_secs(10)).build().map_err(failed)?;
    let response = client.get(url).send().await.map_err(failed)?;
    if !response.status().is_success() {
        return Err(address.refused(format!("the server answered {}", response.status())));
    }
    let size = response.content_length();
    let address = address.clone();
    let stream = response.bytes_stream().map_err(move |error| address.refused(error.without_url()));

    Ok((size, stream.boxed()))
}
