//! A build without remotes but folders and web servers: whoever wants one is told how to get it.

use super::Remote;
use super::address::Address;
use super::error::RemoteError;
use super::object_store::Objects;

fn left_out(address: &Address) -> RemoteError {
    address.refused("this larder was built without object stores and registries: build it with `--features remotes`")
}

/// # Errors
/// Always.
pub(super) fn open(address: &Address) -> Result<Objects, RemoteError> {
    Err(left_out(address))
}

/// # Errors
/// Always.
pub(super) fn registry(address: &Address, _host: &str, _repository: &str) -> Result<Box<dyn Remote>, RemoteError> {
    Err(left_out(address))
}
