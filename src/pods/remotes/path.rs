//! A folder as a remote: a shared disk, a mounted volume. It has the library's own layout.

use std::path::Path;
use std::sync::Arc;

use object_store::local::LocalFileSystem;

use super::address::Address;
use super::error::RemoteError;
use super::object_store::Objects;

/// The pods in a folder, which is made when it is missing.
pub(super) fn open(folder: &Path, address: &Address) -> Result<Objects, RemoteError> {
    std::fs::create_dir_all(folder).map_err(|error| RemoteError::local(folder, &error))?;
    let files = LocalFileSystem::new_with_prefix(folder).map_err(|error| address.refused(error))?;
    Ok(Objects::with(Arc::new(files.with_fsync(true)), "", address))
}
