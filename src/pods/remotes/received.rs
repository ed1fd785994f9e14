//! Bytes are checked on their way: what arrives is on disk whole and as its digest says, or not at all.

use std::io;
use std::path::Path;

use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Stream;
use super::error::RemoteError;
use super::manifest::Part;
use crate::pods::library;

/// Bytes read at once.
const CHUNK: usize = 256 * 1024;

/// Copies a local part, and fails before the end of `to` is written when its bytes are not those that
/// the manifest names.
pub(super) async fn checked_copy(
    mut from: impl AsyncRead + Unpin,
    to: &mut (impl AsyncWrite + Unpin),
    part: &Part,
) -> io::Result<()> {
    let mut digest = Sha256::new();
    let mut size = 0;
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = from.read(&mut chunk).await?;
        if read == 0 {
            break;
        }
        digest.update(&chunk[..read]);
        size += read as u64;
        to.write_all(&chunk[..read]).await?;
    }

    compare(part, digest, size).map_err(io::Error::other)
}

fn compare(part: &Part, digest: Sha256, size: u64) -> Result<(), String> {
    let Part { path, sha256, size: named } = part;
    if size != *named {
        return Err(format!("the part {path} has {size} bytes, where the manifest says {named}"));
    }
    let found = format!("{:x}", digest.finalize());
    if found != *sha256 {
        return Err(format!("the part {path} has the SHA-256 {found}, where the manifest says {sha256}"));
    }

    Ok(())
}

/// Stores a part that comes in as `to`: temporary file, checks, fsync, rename. `seen` hears how many
/// bytes came in.
pub(super) async fn receive_part(
    stream: Stream,
    part: &Part,
    to: &Path,
    seen: &(dyn Fn(u64) + Sync),
) -> Result<(), RemoteError> {
    let mut written = Written::begin(to)?;
    written
        .take(
            stream,
            part.size,
            &|_| format!("the part {} has more bytes than the {} of the manifest", part.path, part.size),
            seen,
        )
        .await?;

    compare(part, written.digest.clone(), written.size).map_err(RemoteError::new)?;
    written.end(to).await
}

/// Stores a file of an unknown digest as `to`, up to `limit` bytes. Returns its size.
pub(super) async fn receive_file(
    stream: Stream,
    limit: u64,
    to: &Path,
    seen: &(dyn Fn(u64) + Sync),
) -> Result<u64, RemoteError> {
    let mut written = Written::begin(to)?;
    written.take(stream, limit, &|limit| format!("the file has more than {limit} bytes, the limit"), seen).await?;
    let size = written.size;
    written.end(to).await?;
    Ok(size)
}

/// A file that is being written, and vanishes unless it is ended.
struct Written {
    temporary: NamedTempFile,
    file: tokio::fs::File,
    digest: Sha256,
    size: u64,
}

impl Written {
    fn begin(to: &Path) -> Result<Self, RemoteError> {
        let folder = folder(to);
        let failed = |error: io::Error| RemoteError::local(folder, &error);
        std::fs::create_dir_all(folder).map_err(failed)?;
        let temporary = tempfile::Builder::new().prefix(library::RECEIVING).tempfile_in(folder).map_err(failed)?;
        let file = tokio::fs::File::from_std(temporary.reopen().map_err(failed)?);
        Ok(Self { temporary, file, digest: Sha256::new(), size: 0 })
    }

    async fn take(
        &mut self,
        mut stream: Stream,
        limit: u64,
        too_large: &(dyn Fn(u64) -> String + Sync),
        seen: &(dyn Fn(u64) + Sync),
    ) -> Result<(), RemoteError> {
        while let Some(chunk) = stream.next().await {
            let chunk = chunk?;
            self.size += chunk.len() as u64;
            if self.size > limit {
                return Err(RemoteError::new(too_large(limit)));
            }
            self.digest.update(&chunk);
            let written = self.file.write_all(&chunk).await;
            written.map_err(|error| RemoteError::local(self.temporary.path(), &error))?;
            seen(chunk.len() as u64);
        }
        Ok(())
    }

    async fn end(mut self, to: &Path) -> Result<(), RemoteError> {
        let failed = |error: &io::Error| RemoteError::local(to, error);
        self.file.flush().await.map_err(|error| failed(&error))?;
        self.file.sync_all().await.map_err(|error| failed(&error))?;
        self.temporary.persist(to).map_err(|error| failed(&error.error))?;
        let folder = std::fs::File::open(folder(to)).and_then(|folder| folder.sync_all());
        folder.map_err(|error| failed(&error))
    }
}

fn folder(of: &Path) -> &Path {
    of.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
