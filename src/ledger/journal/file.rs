//! The file of a segment: the one place where the journal meets the disk, and where tests make it fail.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

#[cfg(test)]
use super::faults;

/// An open segment.
pub struct SegmentFile(File);

impl SegmentFile {
    /// Takes an open file.
    pub fn new(file: File) -> Self {
        Self(file)
    }

    /// Writes all of some bytes at a place. An error may leave any part of them there.
    pub fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        #[cfg(test)]
        let bytes = faults::write(&self.0, bytes, offset)?;
        self.0.write_all_at(bytes, offset)
    }

    /// Brings the bytes to disk.
    pub fn sync_data(&self) -> io::Result<()> {
        #[cfg(test)]
        faults::sync(&self.0)?;
        self.0.sync_data()
    }

    /// Brings bytes and length to disk.
    pub fn sync_all(&self) -> io::Result<()> {
        #[cfg(test)]
        faults::sync(&self.0)?;
        self.0.sync_all()
    }

    /// Cuts the file.
    pub fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }
}
