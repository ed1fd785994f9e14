//! Functions and their published versions, folded. The same shapes alone read it, so that it is in memory and in the quick
//! forms of checkpoints only: what cannot be unfolded is a fault of this program.

use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::functions::{Function, FunctionVersion};
use super::stored::Stored;
use super::text::Map;
use crate::ledger::frame::{self, FrameError};
use crate::model::functions::{self, ByNumber, Sums, Versions};
use crate::model::names::FunctionKey;
use crate::model::state::{Form, Functions, Usage};

/// How hard versions are compressed: those of one function have most in common. A checkpoint of many functions does little
/// else.
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

/// Folded versions, with what is told of them.
#[derive(Serialize, Deserialize)]
struct FoldedVersions {
    count: u64,
    code_size: u64,
    bytes: Bytes,
}

/// A function without its published versions, and these.
#[derive(Serialize, Deserialize)]
struct InParts {
    function: Function,
    versions: Option<FoldedVersions>,
}

/// What a function that rests uses.
#[derive(Serialize, Deserialize)]
struct StoredUsage(u64, u64, u64, u64, u64, u64);

/// A folded function; without its usage, it must be opened at once, as indices have entries for it.
#[derive(Serialize, Deserialize)]
pub(super) struct FoldedFunction {
    usage: Option<StoredUsage>,
    bytes: Bytes,
}

impl Stored<Usage> for StoredUsage {
    fn store(model: &Usage) -> Self {
        let Usage { functions, code_size, reserved, provisioned, versions, aliases } = *model;
        Self(functions, code_size, reserved, provisioned, versions, aliases)
    }

    fn load(self) -> Usage {
        let Self(functions, code_size, reserved, provisioned, versions, aliases) = self;
        Usage { functions, code_size, reserved, provisioned, versions, aliases }
    }
}

impl FoldedFunction {
    /// Puts it among others.
    pub(super) fn put(self, key: FunctionKey, functions: &mut Functions) -> Result<(), FrameError> {
        match self.usage {
            Some(usage) => functions.insert_folded(key, usage.load(), Vec::from(self.bytes).into(), unfolded_function),
            None => functions.insert(key, read_function(&self.bytes)?.into()),
        }
        Ok(())
    }
}

/// Folds functions; it keeps the compressor's memory.
pub(super) struct Folder(zstd::bulk::Compressor<'static>);

impl Folder {
    pub(super) fn new() -> Result<Self, FrameError> {
        zstd::bulk::Compressor::new(LEVEL).map(Self).map_err(FrameError::Compressed)
    }

    /// A function, folded, as it may be already.
    pub(super) fn fold(&mut self, form: &Form<'_>) -> Result<FoldedFunction, FrameError> {
        match form {
            Form::Folded(bytes, usage) => {
                Ok(FoldedFunction { usage: Some(Stored::store(usage)), bytes: Bytes::copy_from_slice(bytes) })
            }
            Form::Open(function) => self.fold_open(function),
        }
    }

    fn fold_open(&mut self, function: &functions::Function) -> Result<FoldedFunction, FrameError> {
        let versions = self.fold_versions(&function.versions)?;
        let function_alone = match versions {
            Some(_) => Stored::store(&functions::Function { versions: Versions::default(), ..function.clone() }),
            None => Stored::store(function),
        };
        let usage = function.usage_at_rest().as_ref().map(Stored::store);
        let bytes = frame::compact(&InParts { function: function_alone, versions })?.into();
        Ok(FoldedFunction { usage, bytes })
    }

    /// `None` where there is nothing to fold, or something at work among them.
    fn fold_versions(&mut self, versions: &Versions) -> Result<Option<FoldedVersions>, FrameError> {
        if !versions.can_fold() {
            return Ok(None);
        }
        let bytes = match versions.bytes() {
            Some(bytes) => Bytes::copy_from_slice(bytes),
            None => self.compressed(versions)?,
        };
        let Sums { count, code_size } = versions.sums();
        Ok(Some(FoldedVersions { count: count as u64, code_size, bytes }))
    }

    /// The length of what is compressed, then the compressed.
    fn compressed(&mut self, versions: &ByNumber) -> Result<Bytes, FrameError> {
        let plain = frame::compact(&Map::<u64, FunctionVersion>::store(versions))?;
        let mut bytes = (plain.len() as u64).to_le_bytes().to_vec();
        bytes.extend(self.0.compress(&plain).map_err(FrameError::Compressed)?);
        Ok(bytes.into())
    }
}

/// Why what is folded can be opened: the bytes are of this build, and had their checksum, where they were in a file. To go
/// on without what is in them would be to lose it.
const OURS: &str = "what this build folded can be unfolded by it";

fn unfolded_function(bytes: &[u8]) -> Arc<functions::Function> {
    Arc::new(read_function(bytes).expect(OURS))
}

fn unfolded_versions(bytes: &[u8]) -> ByNumber {
    read_versions(bytes).expect(OURS)
}

fn read_function(bytes: &[u8]) -> Result<functions::Function, FrameError> {
    let InParts { function, versions } = frame::compact_payload(bytes)?;
    let mut function: functions::Function = function.load();
    if let Some(FoldedVersions { count, code_size, bytes }) = versions {
        let sums = Sums { count: usize::try_from(count).unwrap_or(usize::MAX), code_size };
        function.versions = Versions::folded(Vec::from(bytes).into(), sums, unfolded_versions);
    }
    Ok(function)
}

thread_local! {
    /// To make one takes longer than to unpack a function's versions.
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

fn decompressed(packed: &[u8], length: usize) -> Result<Vec<u8>, FrameError> {
    let unpack = |decompressor: &RefCell<Option<_>>| {
        let mut kept = decompressor.borrow_mut();
        let decompressor = match &mut *kept {
            Some(there) => there,
            none => none.insert(zstd::bulk::Decompressor::new()?),
        };
        decompressor.decompress(packed, length)
    };
    DECOMPRESSOR.with(unpack).map_err(FrameError::Compressed)
}

fn read_versions(bytes: &[u8]) -> Result<ByNumber, FrameError> {
    let (length, packed) = bytes.split_first_chunk::<LENGTH>().ok_or(FrameError::NoHeader(bytes.len()))?;
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let plain = decompressed(packed, length)?;
    let versions: Map<u64, FunctionVersion> = frame::compact_payload(&plain)?;
    Ok(Stored::<ByNumber>::load(versions))
}
