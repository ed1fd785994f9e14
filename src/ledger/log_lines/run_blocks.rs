//! The blocks of a run, read from its segment.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt as _;

use super::block::{self, Head};
use super::run::Run;
use super::segment::{Segment, next_block};
use super::{Line, cost};
use crate::ledger::{LedgerError, io_error};

/// What of the run, in `segment`, is not before a time: its lines, their bytes, the time of the first.
pub fn count_from(run: &Run, segment: &Segment, from_ms: u64) -> Result<(u64, u64, Option<u64>), LedgerError> {
    let mut lines = 0;
    let mut bytes = 0;
    let mut first = None;
    let mut blocks = Blocks::of(segment, run, |head| head.last_ms >= from_ms)?;

    while let Some(block) = blocks.take(segment, false)? {
        for line in block.iter().filter(|line| line.position.time_ms >= from_ms) {
            lines += 1;
            bytes += cost(&line.text);
            first = first.or(Some(line.position.time_ms));
        }
    }

    Ok((lines, bytes, first))
}

/// Blocks of a run that are still to be read, first to last.
pub struct Blocks {
    file: File,
    blocks: VecDeque<(u64, Head)>,
}

impl Blocks {
    /// The blocks whose heads are `wanted`.
    pub fn of(segment: &Segment, run: &Run, wanted: impl Fn(&Head) -> bool) -> Result<Self, LedgerError> {
        let file = segment.open()?;
        let blocks = heads(&file, segment, run)?.into_iter().filter(|(_, head)| wanted(head)).collect();
        Ok(Self { file, blocks })
    }

    /// The lines of the next block, or of the last one. A damaged block is told, and passed over.
    pub fn take(&mut self, segment: &Segment, last: bool) -> Result<Option<Vec<Line>>, LedgerError> {
        loop {
            let next = if last { self.blocks.pop_back() } else { self.blocks.pop_front() };
            let Some((offset, head)) = next else { return Ok(None) };
            let mut body = vec![0; head.body as usize];
            let read = self.file.read_exact_at(&mut body, offset + block::HEAD as u64);
            read.map_err(io_error(segment.path()))?;
            match block::unpack(&head, &body) {
                Ok(lines) => return Ok(Some(lines)),
                Err(reason) => {
                    tracing::warn!(path = %segment.path().display(), offset, lines = head.lines, reason, "a block of log lines is damaged: its lines are lost");
                }
            }
        }
    }
}

/// The heads of a run's blocks, with their places.
fn heads(file: &File, segment: &Segment, run: &Run) -> Result<Vec<(u64, Head)>, LedgerError> {
    let mut heads = Vec::new();
    let mut offset = run.offset;
    while offset < run.end() {
        let mut bytes = [0; block::HEAD];
        let read = file.read_exact_at(&mut bytes, offset);
        match read.ok().and_then(|()| block::head(&bytes)) {
            Some(head) => {
                heads.push((offset, head));
                offset += head.length() as u64;
            }
            None => match behind_damage(file, segment, offset, run.end())? {
                Some(next) => offset = next,
                None => break,
            },
        }
    }

    Ok(heads)
}

/// Where the first whole block lies between a damaged head at `offset` and `end`.
fn behind_damage(file: &File, segment: &Segment, offset: u64, end: u64) -> Result<Option<u64>, LedgerError> {
    tracing::warn!(path = %segment.path().display(), offset, "the head of a block of log lines is damaged: its lines are lost");
    let there = file.metadata().map_err(io_error(segment.path()))?.len();
    let length = end.min(there).saturating_sub(offset);
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut bytes, offset).map_err(io_error(segment.path()))?;
    Ok(next_block(&bytes, 1).map(|(at, _)| offset + at as u64))
}
