//! A run: blocks of one stream that lie behind one another in a segment, in the order of their lines.

use serde::{Deserialize, Serialize};

use super::block::Head;

/// What is known of a run without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Where its first block begins.
    pub offset: u64,
    /// Bytes of its blocks.
    pub length: u64,
    /// Time of its first line.
    pub first_ms: u64,
    /// Time of its last line.
    pub last_ms: u64,
    /// Its lines.
    pub lines: u64,
    /// Bytes of them, as AWS counts.
    pub bytes: u64,
    /// When the last of them came.
    pub ingested_ms: u64,
}

impl Run {
    /// The run of one block.
    pub fn of(offset: u64, head: &Head) -> Self {
        Self {
            offset,
            length: head.length() as u64,
            first_ms: head.first_ms,
            last_ms: head.last_ms,
            lines: head.lines.into(),
            bytes: head.bytes,
            ingested_ms: head.ingested_ms,
        }
    }

    /// Where its last block ends.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.length)
    }

    /// Whether the lines of `other`, which came later, lie behind these.
    pub fn is_continued_by(&self, other: &Self) -> bool {
        self.end() == other.offset && self.last_ms <= other.first_ms
    }

    /// Takes the blocks of `other` behind its own.
    pub fn extend(&mut self, other: &Self) {
        self.length += other.length;
        self.last_ms = other.last_ms;
        self.lines += other.lines;
        self.bytes += other.bytes;
        self.ingested_ms = self.ingested_ms.max(other.ingested_ms);
    }
}
