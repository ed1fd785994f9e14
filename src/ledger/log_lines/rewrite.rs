//! Writing segments anew: the open one when it is full, others when much of them is gone or when they are small.
//!
//! The new segment is written beside the old ones and synced, then gets its name, by which it takes their place: a start
//! that finds both removes the old ones.

use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use super::block::Packer;
use super::index::{Index, Part, Written};
use super::read::Lines;
use super::run::Run;
use super::segment::{self, Name, Segment};
use super::{Limits, Line};
use crate::disk::{self, DiskWriter};
use crate::ledger::{LedgerError, io_error};
use crate::model::logs::LogPlace;

/// What a segment is called until it is whole.
pub const UNFINISHED: &str = "unfinished";

/// How a segment is written anew.
pub struct Rewrite<'a> {
    /// Where the segments are.
    pub folder: &'a Path,
    /// Sizes.
    pub limits: Limits,
    /// Whether it is synced before it takes the others' place.
    pub sync: bool,
    /// Makes the blocks.
    pub packer: &'a mut Packer,
    /// Number of the newest line.
    pub newest: u64,
}

impl Rewrite<'_> {
    /// Writes the segments `ids`, which follow one another, as one.
    ///
    /// # Errors
    /// A file cannot be read or written; the segments stay as they are.
    pub fn run(self, index: &mut Index, ids: &[u64]) -> Result<(), LedgerError> {
        let Some(name) = name(index, ids) else { return Ok(()) };
        let cuts = kept_cuts(index, ids);
        let streams = parts(index, ids);
        if streams.is_empty() && cuts.is_empty() {
            for id in ids {
                index.remove_shelf(*id);
            }
            return Ok(());
        }

        let folder = self.folder;
        let unfinished = self.folder.join(UNFINISHED);
        let segment = Segment::new(folder, name);
        let (size, written) = self.write(&unfinished, streams, cuts).inspect_err(|_| {
            let _ = disk::remove_file(&unfinished);
        })?;
        disk::rename(&unfinished, segment.path()).map_err(io_error(segment.path()))?;
        disk::sync_folder(folder).map_err(io_error(folder))?;
        index.replace(ids, segment, size, written);

        Ok(())
    }

    fn write(self, path: &Path, streams: Streams, cuts: Vec<(LogPlace, u64)>) -> Result<(u64, Written), LedgerError> {
        let file = DiskWriter::create(path).map_err(io_error(path))?;
        let mut output = Output { file: BufWriter::new(file), end: 0 };
        let mut written = Written { cuts, runs: Vec::new() };
        let failed = || io_error(path);
        output.write(&segment::beginning(self.newest)?).map_err(failed())?;
        for (place, before_ms) in &written.cuts {
            output.write(&segment::cut(*place, *before_ms)?).map_err(failed())?;
        }

        for (place, parts) in streams {
            let run = copy(&mut output, path, self.packer, self.limits, place, parts)?;
            written.runs.extend(run.map(|run| (place, run)));
        }

        output.write(&segment::contents(self.newest, &written.cuts, &written.runs)?).map_err(failed())?;
        let file = output.file.into_inner().map_err(io::IntoInnerError::into_error).map_err(failed())?;
        if self.sync {
            file.sync_all().map_err(failed())?;
        }
        Ok((output.end, written))
    }
}

/// A file that is written from its beginning.
struct Output {
    file: BufWriter<DiskWriter>,
    end: u64,
}

impl Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.end += bytes.len() as u64;
        self.file.write_all(bytes)
    }
}

/// Copies the lines of a stream, in order, in blocks of a good size.
fn copy(
    output: &mut Output,
    path: &Path,
    packer: &mut Packer,
    limits: Limits,
    place: LogPlace,
    parts: Vec<(Arc<Segment>, Part)>,
) -> Result<Option<Run>, LedgerError> {
    let mut run: Option<Run> = None;
    let mut block = |lines: &mut Vec<Line>| {
        let (head, bytes) = packer.pack(place, lines)?;
        let next = Run::of(output.end, &head);
        match &mut run {
            Some(run) => run.extend(&next),
            None => run = Some(next),
        }
        lines.clear();
        output.write(&bytes)
    };
    let mut lines = Vec::new();
    let mut bytes = 0;

    for line in Lines::of_parts(parts.into_iter()) {
        let (_, line) = line?;
        bytes += line.text.len();
        lines.push(line);
        if bytes >= limits.block {
            block(&mut lines).map_err(io_error(path))?;
            bytes = 0;
        }
    }

    if !lines.is_empty() {
        block(&mut lines).map_err(io_error(path))?;
    }
    Ok(run)
}

/// The name of what the segments `ids` become.
fn name(index: &Index, ids: &[u64]) -> Option<Name> {
    let names: Vec<_> = ids.iter().filter_map(|id| index.shelves.get(id)).map(|shelf| shelf.segment.name).collect();
    let generation = names.iter().map(|name| name.generation).max()? + 1;
    Some(Name { first: names.first()?.first, last: names.last()?.last, generation })
}

/// Parts by stream, each with its segment.
type Streams = Vec<(LogPlace, Vec<(Arc<Segment>, Part)>)>;

/// The parts in the segments `ids`, by stream.
fn parts(index: &Index, ids: &[u64]) -> Streams {
    let of_stream = |parts: &Vec<Part>| -> Vec<_> {
        let parts = parts.iter().filter(|part| ids.contains(&part.segment));
        parts.filter_map(|part| Some((Arc::clone(&index.shelves.get(&part.segment)?.segment), *part))).collect()
    };
    let streams = index.streams.iter().map(|(place, parts)| (*place, of_stream(parts)));
    streams.filter(|(_, parts)| !parts.is_empty()).collect()
}

/// The cuts that still have something to do: older segments have lines that are gone, or a part of which is.
fn kept_cuts(index: &Index, ids: &[u64]) -> Vec<(LogPlace, u64)> {
    let Some(first) = ids.first() else { return Vec::new() };
    let mut older = index.shelves.range(..first);
    let is_needed = |(_, shelf): (&u64, &super::index::Shelf)| shelf.dead > 0 || shelf.is_cut;
    let is_needed = older.any(is_needed);
    let shelves = ids.iter().filter_map(|id| index.shelves.get(id)).filter(|_| is_needed);
    let mut kept = std::collections::BTreeMap::new();

    for (place, before_ms) in shelves.flat_map(|shelf| &shelf.cuts) {
        let stored: &mut u64 = kept.entry(*place).or_default();
        *stored = (*stored).max(*before_ms);
    }

    kept.into_iter().collect()
}
