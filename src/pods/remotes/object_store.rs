//! Object stores as remotes, folders among them. They have the library's own layout under a prefix.

use std::sync::Arc;

use ::bytes::Bytes;
use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt};
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt};
use tokio::io::AsyncWriteExt;

use super::address::Address;
use super::error::RemoteError;
use super::manifest::{MAXIMUM_MANIFEST, Part};
use super::received::checked_copy;
use super::{Remote, Stream};

/// Bytes held of a part while it goes up; larger parts go up in pieces of this size.
const PIECE: usize = 8 * 1024 * 1024;

/// Pieces under way at once.
const PIECES: usize = 2;

/// Pods in an object store.
pub(super) struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: String,
    address: Address,
}

impl Objects {
    /// Pods under a prefix of a store.
    pub(super) fn with(store: Arc<dyn ObjectStore>, prefix: &str, address: &Address) -> Self {
        Self { store, prefix: prefix.to_owned(), address: address.clone() }
    }

    /// The object of a pod file in one piece.
    pub(super) fn whole(&self) -> String {
        self.address.name().to_owned()
    }

    /// The bytes of an object.
    pub(super) async fn read(&self, key: &str) -> Result<(u64, Stream), RemoteError> {
        let found = self.store.get(&self.path(key)).await.map_err(|error| self.explained(error))?;
        let size = found.meta.size;
        let address = self.address.clone();
        Ok((size, found.into_stream().map_err(move |error| explained(&address, error)).boxed()))
    }

    /// Writes an object from a file, whose bytes have to be those of `part`.
    pub(super) async fn write(&self, key: &str, part: &Part, file: tokio::fs::File) -> Result<(), RemoteError> {
        let writer = BufWriter::with_capacity(Arc::clone(&self.store), self.path(key), PIECE);
        let mut writer = writer.with_max_concurrency(PIECES);
        // Only the end makes the object visible, so that what was cut or does not match never is.
        let copied = match checked_copy(file, &mut writer, part).await {
            Ok(()) => writer.shutdown().await.map_err(|error| self.failed(error)),
            Err(error) => Err(self.address.refused(error)),
        };
        if copied.is_err() {
            // The store drops unfinished uploads by its own rules where this fails.
            let _ = writer.abort().await;
        }

        copied
    }

    fn path(&self, key: &str) -> Path {
        if self.prefix.is_empty() { Path::from(key) } else { Path::from(format!("{}/{key}", self.prefix)) }
    }

    fn manifest_key(&self, version: &str) -> String {
        format!("names/{}/{version}.json", self.address.name())
    }

    fn explained(&self, error: Error) -> RemoteError {
        explained(&self.address, error)
    }

    fn failed(&self, error: std::io::Error) -> RemoteError {
        match error.downcast::<Error>() {
            Ok(error) => self.explained(error),
            Err(error) => self.address.refused(error),
        }
    }
}

fn explained(address: &Address, error: Error) -> RemoteError {
    match error {
        Error::Unauthenticated { .. } | Error::PermissionDenied { .. } => address.refused(
            "the store refuses the credentials; check the variables of this kind of store (for S3 AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION), and that they may read and write there",
        ),
        Error::NotFound { path, .. } => address.refused(format!("there is no {path}")),
        error => address.refused(error),
    }
}

#[async_trait]
impl Remote for Objects {
    async fn has_part(&self, part: &Part) -> Result<bool, RemoteError> {
        match self.store.head(&self.path(&part.key())).await {
            Ok(found) => Ok(found.size == part.size),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.explained(error)),
        }
    }

    async fn put_part(&self, part: &Part, file: tokio::fs::File) -> Result<(), RemoteError> {
        self.write(&part.key(), part, file).await
    }

    async fn put_manifest(&self, version: &str, manifest: &[u8], _parts: &[Part]) -> Result<(), RemoteError> {
        let path = self.path(&self.manifest_key(version));
        let put = self.store.put(&path, Bytes::copy_from_slice(manifest).into()).await;
        put.map(|_| ()).map_err(|error| self.explained(error))
    }

    async fn manifest(&self, version: &str) -> Result<Option<Bytes>, RemoteError> {
        let found = match self.store.get(&self.path(&self.manifest_key(version))).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.explained(error)),
        };
        if found.meta.size > MAXIMUM_MANIFEST {
            return Err(self.address.refused(format!("the manifest has more than {MAXIMUM_MANIFEST} bytes")));
        }
        found.bytes().await.map(Some).map_err(|error| self.explained(error))
    }

    async fn part(&self, part: &Part) -> Result<Stream, RemoteError> {
        Ok(self.read(&part.key()).await?.1)
    }

    async fn versions(&self) -> Result<Vec<String>, RemoteError> {
        let folder = self.path(&format!("names/{}", self.address.name()));
        let listed = self.store.list_with_delimiter(Some(&folder)).await.map_err(|error| self.explained(error))?;
        let names = listed.objects.iter().filter_map(|object| object.location.filename());
        Ok(names.filter_map(|name| name.strip_suffix(".json")).map(str::to_owned).collect())
    }
}
