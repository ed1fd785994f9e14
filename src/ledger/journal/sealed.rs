//! Sealed segments, to which nothing is written any more: compressed with zstd. Plain ones, as older Larders left them,
//! are read all the same.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::{Record, first_of, segment};
use crate::disk::{self, DiskWriter};
use crate::ledger::{LedgerError, io_error};

/// What the name of a compressed segment ends with.
pub const COMPRESSED: &str = "zst";

/// Bytes of a segment at most: its last record is one batch, whose length has four bytes.
const LARGEST: u64 = 5 << 30;

/// How hard: sealing is work in the background of a server that answers calls.
const LEVEL: i32 = 3;

/// Whether a segment is compressed.
pub fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == COMPRESSED)
}

/// The bytes of a segment, compressed or not.
pub fn bytes(path: &Path) -> Result<Vec<u8>, LedgerError> {
    let (path, bytes) = found(path, disk::read)?;
    if is_compressed(&path) { unpack(&path, &bytes) } else { Ok(bytes) }
}

/// What `read` gets of a segment's file, and its path: it may have been compressed since the folder was read.
fn found(path: &Path, read: impl Fn(&Path) -> io::Result<Vec<u8>>) -> Result<(PathBuf, Vec<u8>), LedgerError> {
    match read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_compressed(path) => {
            let compressed = compressed_name(path);
            let bytes = read(&compressed).map_err(io_error(&compressed))?;
            Ok((compressed, bytes))
        }
        bytes => Ok((path.to_owned(), bytes.map_err(io_error(path))?)),
    }
}

/// The bytes of a segment's header, compressed or not; fewer, where it is shorter.
pub fn header_bytes(path: &Path) -> Result<Vec<u8>, LedgerError> {
    let (path, beginning) = found(path, |path| disk::read_at(path, 0, segment::HEADER))?;
    if !is_compressed(&path) {
        return Ok(beginning);
    }

    // The newest segment is compressed only where the one behind it was lost: then there is time to unpack it.
    let mut bytes = bytes_of_compressed(&path)?;
    bytes.truncate(segment::HEADER);
    Ok(bytes)
}

/// The bytes of a segment that may be damaged, or gone: then there are none.
pub fn bytes_there_are(path: &Path) -> Result<Vec<u8>, LedgerError> {
    match bytes(path) {
        Err(error) if error.is_the_systems() => Err(error),
        bytes => Ok(bytes.unwrap_or_default()),
    }
}

fn bytes_of_compressed(path: &Path) -> Result<Vec<u8>, LedgerError> {
    unpack(path, &disk::read(path).map_err(io_error(path))?)
}

/// The bytes of a file that was compressed, whatever its name.
pub fn unpacked(path: &Path) -> Result<Vec<u8>, LedgerError> {
    bytes_of_compressed(path)
}

fn unpack(path: &Path, bytes: &[u8]) -> Result<Vec<u8>, LedgerError> {
    let mut unpacked = Vec::new();
    let read = zstd::Decoder::new(bytes).and_then(|decoder| decoder.take(LARGEST).read_to_end(&mut unpacked));
    let is_whole = read.is_ok_and(|length| (length as u64) < LARGEST);
    is_whole.then_some(unpacked).ok_or_else(|| LedgerError::DamagedJournal {
        path: path.to_owned(),
        offset: 0,
        sequence: first_of(path),
        reason: "the compressed segment cannot be unpacked",
    })
}

/// Writes the compressed form of a segment beside it, on disk under a name of its own, and says which.
///
/// # Errors
/// It cannot be written; nothing is left then.
pub fn write_beside(plain: &Path, bytes: &[u8]) -> Result<PathBuf, LedgerError> {
    let new = plain.with_extension("compressing");
    let write = || {
        let mut encoder = zstd::Encoder::new(DiskWriter::create(&new)?, LEVEL)?;
        encoder.include_checksum(true)?;
        encoder.write_all(bytes)?;
        encoder.finish()?.sync_all()
    };
    write().inspect_err(|_| drop(disk::remove_file(&new))).map_err(io_error(&new))?;
    Ok(new)
}

/// The name of the compressed form of a segment, whichever form `path` has.
pub fn compressed_name(path: &Path) -> PathBuf {
    if is_compressed(path) { path.to_owned() } else { path.with_extension(format!("segment.{COMPRESSED}")) }
}

/// The first damage of a sealed segment that ends before the event `next`; `None` if it is whole.
pub fn damage(path: &Path, next: u64) -> Result<Option<LedgerError>, LedgerError> {
    let mut expected = first_of(path);
    for record in super::records(path) {
        match record {
            Ok(record) => expected = record.next(),
            Err(error @ LedgerError::Io { .. }) => return Err(error),
            Err(error) => return Ok(Some(error)),
        }
    }

    let ends = LedgerError::MissingEvent { expected, found: next };
    Ok((expected != next).then_some(ends))
}

/// The bytes of a segment that holds some records.
pub fn assemble(identity: &super::Identity, first: u64, records: &[Record]) -> Vec<u8> {
    let mut bytes = segment::header(identity, first);
    for record in records {
        bytes.extend(segment::write(record, record.first));
    }
    bytes
}
