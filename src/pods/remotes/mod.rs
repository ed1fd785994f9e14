//! Remotes: where pods are pushed to and pulled from (docs/remotes.md).
//!
//! A remote holds what the pod library holds: each part once, by its digest, and a manifest for each
//! version. Folders and object stores keep the library's own layout; a registry keeps a pod as an
//! OCI artifact; a web server is only read, a whole pod file at a time.

mod address;
#[cfg(feature = "remotes")]
mod clouds;
mod error;
mod http;
#[cfg(not(feature = "remotes"))]
mod left_out;
mod manifest;
mod object_store;
#[cfg(feature = "remotes")]
mod oci;
mod path;
mod received;
mod transfer;

use ::bytes::Bytes;
pub use address::{Address, Place};
use async_trait::async_trait;
pub use error::RemoteError;
use futures_util::stream::BoxStream;
#[cfg(not(feature = "remotes"))]
use left_out as clouds;
#[cfg(not(feature = "remotes"))]
use left_out as oci;
pub use manifest::Part;
pub use transfer::{FetchOptions, Progress, Pulled, Pushed, fetch, pull, push, store};

/// The bytes of a part, as they come in. Nothing about them is checked yet.
type Stream = BoxStream<'static, Result<Bytes, RemoteError>>;

/// What a kind of remote does.
#[async_trait]
trait Remote: Send + Sync {
    /// Whether it has a part; a part of another size counts as missing.
    async fn has_part(&self, part: &Part) -> Result<bool, RemoteError>;

    /// Takes a part from a local file. Nothing is there under its digest until all of it is.
    async fn put_part(&self, part: &Part, file: tokio::fs::File) -> Result<(), RemoteError>;

    /// Makes a version visible. All its parts are there.
    async fn put_manifest(&self, version: &str, manifest: &[u8], parts: &[Part]) -> Result<(), RemoteError>;

    /// The manifest of a version, or nothing where it has no such version.
    async fn manifest(&self, version: &str) -> Result<Option<Bytes>, RemoteError>;

    /// The bytes of a part.
    async fn part(&self, part: &Part) -> Result<Stream, RemoteError>;

    /// The versions it has, in no order.
    async fn versions(&self) -> Result<Vec<String>, RemoteError>;
}

/// The remote at an address of a pod in parts.
fn open(address: &Address) -> Result<Box<dyn Remote>, RemoteError> {
    match address.place() {
        Place::Folder(folder) => Ok(Box::new(path::open(folder, address)?)),
        Place::Objects { .. } => Ok(Box::new(clouds::open(address)?)),
        Place::Registry { host, repository } => oci::registry(address, host, repository),
        Place::Web(_) => Err(address.refused("a web server is only read, a whole pod file at a time")),
    }
}
