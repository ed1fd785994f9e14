//! Published versions, folded: bincode of their shapes, compressed, as versions of one function have most in common. The
//! same shapes alone read it, so that it is in memory and in the quick forms of checkpoints only.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::functions::FunctionVersion;
use super::stored::Stored;
use super::text::Map;
use crate::ledger::frame::{self, FrameError};
use crate::model::functions::{ByNumber, Sums, Versions};

/// How hard they are compressed: a checkpoint of many functions does little else.
const LEVEL: i32 = 1;

/// Bytes of a length.
const LENGTH: usize = size_of::<u64>();

/// Versions are used as a map of them.
impl Stored<Versions> for Map<u64, FunctionVersion> {
    fn store(model: &Versions) -> Self {
        Self::store(&model.read())
    }
    fn load(self) -> Versions {
        let versions: ByNumber = self.load();
        versions.into()
    }
}

/// Versions that are folded, with what is told of them.
#[derive(Serialize, Deserialize)]
pub(super) struct FoldedVersions {
    count: u64,
    code_size: u64,
    bytes: Bytes,
}

impl FoldedVersions {
    /// Versions that stay folded until somebody asks for them.
    pub(super) fn load(self) -> Versions {
        let count = usize::try_from(self.count).unwrap_or(usize::MAX);
        let sums = Sums { count, code_size: self.code_size };
        Versions::folded(self.bytes.as_ref().into(), sums, unfolded)
    }
}

/// Folds versions; it keeps the compressor's memory.
pub(super) struct Folder(zstd::bulk::Compressor<'static>);

impl Folder {
    pub(super) fn new() -> Result<Self, FrameError> {
        zstd::bulk::Compressor::new(LEVEL).map(Self).map_err(FrameError::Compressed)
    }

    /// What versions are folded into; `None` where there is nothing to fold, or something at work among them.
    pub(super) fn fold(&mut self, versions: &Versions) -> Result<Option<FoldedVersions>, FrameError> {
        if !versions.can_fold() {
            return Ok(None);
        }
        let bytes = match versions.bytes() {
            Some(bytes) => Bytes::copy_from_slice(bytes),
            None => self.bytes(versions)?,
        };
        let Sums { count, code_size } = versions.sums();
        Ok(Some(FoldedVersions { count: count as u64, code_size, bytes }))
    }

    /// The length of what is compressed, then the compressed.
    fn bytes(&mut self, versions: &ByNumber) -> Result<Bytes, FrameError> {
        let plain = frame::encoded(&Map::<u64, FunctionVersion>::store(versions))?;
        let mut bytes = (plain.len() as u64).to_le_bytes().to_vec();
        bytes.extend(self.0.compress(&plain).map_err(FrameError::Compressed)?);
        Ok(bytes.into())
    }
}

/// The versions of what [`Folder`] made. The bytes are of this build, and had their checksum, where they were in a file:
/// what cannot be read here is a fault of this program, and no versions in its place would be lost ones.
fn unfolded(bytes: &[u8]) -> ByNumber {
    read(bytes).expect("what this build folded can be unfolded by it")
}

fn read(bytes: &[u8]) -> Result<ByNumber, FrameError> {
    let (length, packed) = bytes.split_first_chunk::<LENGTH>().ok_or(FrameError::NoHeader(bytes.len()))?;
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let plain = zstd::bulk::decompress(packed, length).map_err(FrameError::Compressed)?;
    let versions: Map<u64, FunctionVersion> = frame::payload(&plain)?;
    Ok(Stored::<ByNumber>::load(versions))
}
