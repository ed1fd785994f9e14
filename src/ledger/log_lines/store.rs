//! The segments of a store: the open one that takes lines, and the care for all of them.

use std::path::{Path, PathBuf};

use super::block::{self, Packer};
use super::index::Index;
use super::rewrite::{Rewrite, UNFINISHED};
use super::run::Run;
use super::segment::{self, Name, Segment};
use super::{Budget, Limits, Line, LinePosition, NewLine};
use crate::disk::{self, DiskFile};
use crate::ledger::{Durability, LedgerError, io_error};
use crate::model::logs::LogPlace;
use crate::model::time::Timestamp;

/// Small segments that lie beside one another are made one, so many at a time.
const SMALL: usize = 4;

/// All segments, and what is in them.
pub struct Store {
    pub(super) folder: PathBuf,
    pub(super) durability: Durability,
    pub(super) limits: Limits,
    pub(super) index: Index,
    /// Bytes of disk that the lines may take.
    pub(super) budget: Option<Budget>,
    /// Whether it was said that lines are removed for the budget.
    pub(super) over_budget: bool,
    open: Open,
    packer: Packer,
    /// Number of the newest line.
    newest: u64,
}

/// The open segment.
struct Open {
    id: u64,
    file: DiskFile,
    path: PathBuf,
    end: u64,
}

impl Store {
    /// Opens or makes the segments in `folder`.
    pub fn open(folder: &Path, durability: Durability, limits: Limits) -> Result<Self, LedgerError> {
        disk::create_folder(folder).map_err(io_error(folder))?;
        let mut index = Index::default();
        let mut newest = 0;
        let mut open = None;
        let names = names(folder)?;

        for name in &names {
            let segment = Segment::new(folder, *name);
            let scanned = segment.read()?;
            newest = newest.max(scanned.newest);
            if name.generation == 0 && Some(name) == names.last() {
                open = Some(Open::go_on(&segment, scanned.end)?);
            }
            index.add_segment(segment, scanned.end, scanned.entries);
        }

        index.settle()?;
        let next = names.last().map_or(1, |name| name.last + 1);
        let open = match open {
            Some(open) => open,
            None => Open::begin(folder, next, newest, &mut index)?,
        };
        let packer = Packer::new().map_err(io_error(folder))?;
        let folder = folder.to_owned();
        let mut store =
            Self { folder, durability, limits, index, budget: None, over_budget: false, open, packer, newest };
        store.tend();

        Ok(store)
    }

    /// Stores lines of a stream, with new numbers.
    pub fn append(&mut self, place: LogPlace, ingested: Timestamp, lines: Vec<NewLine>) -> Result<(), LedgerError> {
        let numbered = lines.into_iter().zip(self.newest + 1..).map(|(NewLine { time_ms, text }, number)| Line {
            position: LinePosition { time_ms, number },
            ingested,
            text,
        });
        self.import(place, numbered.collect())
    }

    /// Stores lines of a stream that have their numbers.
    pub fn import(&mut self, place: LogPlace, mut lines: Vec<Line>) -> Result<(), LedgerError> {
        lines.sort_by_key(|line| line.position);
        let mut bytes = Vec::new();
        let mut runs = Vec::new();
        for piece in block::pieces(&lines, self.limits.block) {
            let (head, block) = self.packer.pack(place, piece).map_err(io_error(&self.folder))?;
            runs.push(Run::of(self.open.end + bytes.len() as u64, &head));
            bytes.extend_from_slice(&block);
            self.newest = self.newest.max(head.newest);
        }

        self.write(&bytes)?;
        for run in runs {
            self.index.add(place, self.open.id, run);
        }
        if self.open.end >= self.limits.open {
            self.roll();
        }
        Ok(())
    }

    /// Writes entries behind the last. What is written in part is overwritten by the next, or cut by the next start.
    fn write(&mut self, bytes: &[u8]) -> Result<(), LedgerError> {
        let Open { file, path, end, .. } = &mut self.open;
        if let Err(error) = file.write_all_at(bytes, *end) {
            let _ = file.set_len(*end);
            return Err(io_error(path)(error));
        }

        *end += bytes.len() as u64;
        if let Some(shelf) = self.index.shelves.get_mut(&self.open.id) {
            shelf.size = self.open.end;
        }
        Ok(())
    }

    /// Brings everything to disk.
    pub fn sync(&self) -> Result<(), LedgerError> {
        self.open.file.sync_data().map_err(io_error(&self.open.path))
    }

    /// Removes lines of a stream before a time, and notes that.
    pub fn cut(&mut self, place: LogPlace, before_ms: u64) -> Result<(), LedgerError> {
        self.write(&segment::cut(place, before_ms)?)?;
        self.index.cut(place, self.open.id, before_ms);
        self.index.settle_stream(place)
    }

    /// Begins a new open segment, and seals the former one.
    pub fn roll(&mut self) {
        if let Err(error) = self.begin_next() {
            tracing::warn!(%error, "no new segment of log lines could be begun; the last one grows");
            return;
        }
        self.tend();
        self.keep_budget();
    }

    /// Begins a new open segment.
    pub fn begin_next(&mut self) -> Result<(), LedgerError> {
        if self.durability != Durability::Never {
            self.sync()?;
        }
        self.open = Open::begin(&self.folder, self.open.id + 1, self.newest, &mut self.index)?;
        Ok(())
    }

    /// Begins a new open segment if much of it is gone.
    pub fn roll_dead(&mut self) {
        let is_dead =
            |shelf: &super::index::Shelf| shelf.dead * 2 > shelf.size && shelf.size > self.limits.block as u64;
        if self.index.shelves.get(&self.open.id).is_some_and(is_dead) {
            self.roll();
        } else {
            self.tend();
        }
    }

    /// Seals what is full, and writes anew what is mostly gone or small. What cannot be done now is tried again.
    pub fn tend(&mut self) {
        while let Some(ids) = self.worth_it() {
            if let Err(error) = self.rewrite(&ids) {
                tracing::warn!(%error, "segments of log lines could not be written anew; they stay as they are");
                return;
            }
        }
    }

    /// Writes segments anew, as one.
    pub fn rewrite(&mut self, ids: &[u64]) -> Result<(), LedgerError> {
        let folder = &self.folder;
        let limits = self.limits;
        let newest = self.newest;
        let sync = self.durability != Durability::Never;
        Rewrite { folder, limits, sync, packer: &mut self.packer, newest }.run(&mut self.index, ids)
    }

    /// The number of the open segment.
    pub fn open_id(&self) -> u64 {
        self.open.id
    }

    /// Segments that are worth being written anew.
    fn worth_it(&self) -> Option<Vec<u64>> {
        let sealed = || self.index.shelves.iter().filter(|(id, _)| **id != self.open.id);
        let one = sealed().find(|(_, shelf)| shelf.segment.name.generation == 0 || shelf.dead * 2 > shelf.size);
        if let Some((id, _)) = one {
            return Some(vec![*id]);
        }
        let sizes: Vec<_> = sealed().map(|(id, shelf)| (*id, shelf.size - shelf.dead.min(shelf.size))).collect();
        let small = |some: &&[(u64, u64)]| some.iter().map(|(_, size)| size).sum::<u64>() <= self.limits.sealed;
        let small = sizes.windows(SMALL).find(small);

        small.map(|some| some.iter().map(|(id, _)| *id).collect())
    }
}

impl Open {
    /// Begins a segment.
    fn begin(folder: &Path, id: u64, newest: u64, index: &mut Index) -> Result<Self, LedgerError> {
        let segment = Segment::new(folder, Name::open(id));
        let path = segment.path().to_owned();
        let file = DiskFile::create(&path).map_err(io_error(&path))?;
        let beginning = segment::beginning(newest)?;
        file.write_all_at(&beginning, 0).map_err(io_error(&path))?;
        disk::sync_folder(folder).map_err(io_error(folder))?;
        let end = beginning.len() as u64;
        index.add_segment(segment, end, Vec::new());

        Ok(Self { id, file, path, end })
    }

    /// Goes on with a segment, behind its last whole entry.
    fn go_on(segment: &Segment, end: u64) -> Result<Self, LedgerError> {
        let path = segment.path().to_owned();
        let file = DiskFile::open(&path).map_err(io_error(&path))?;
        let length = file.length().map_err(io_error(&path))?;
        if length > end {
            tracing::warn!(path = %path.display(), offset = end, bytes = length - end, "the log lines end in bytes that are no lines; they are cut");
            file.set_len(end).map_err(io_error(&path))?;
        }

        let mut open = Self { id: segment.name.first, file, path, end };
        if end < segment::BEGINNING as u64 {
            let beginning = segment::beginning(0)?;
            open.file.write_all_at(&beginning, 0).map_err(io_error(&open.path))?;
            open.end = beginning.len() as u64;
        }

        Ok(open)
    }
}

/// The segments in a folder, in order, without those that others took the place of.
fn names(folder: &Path) -> Result<Vec<Name>, LedgerError> {
    let mut names = Vec::new();
    for path in disk::list(folder).map_err(io_error(folder))? {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        names.extend(Name::read(&file));
        if file == UNFINISHED {
            disk::remove_file(&path).map_err(io_error(folder))?;
        }
    }

    names.sort();
    let (old, current) = segment::current(&names);
    for name in old {
        Segment::new(folder, name).give_up();
    }
    Ok(current)
}
