//! A segment: one file of log lines.
//!
//! ```text
//! number of the newest line when the segment was begun | frame
//! blocks, and cuts                                     | see `block.rs`; a cut is a frame
//! contents, in a sealed one                            | frame, then its length u32 and `larder\0i`
//! ```
//! The **open** one is written to, block by block as lines come. A **sealed** one was written at once from others: the
//! blocks of a stream lie together there and in order, and its contents say where. Contents are a cache: without them
//! the segment is scanned. A **cut** says that lines of a stream before a time, in all that lies before it, are gone.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use super::block::{self, Head, StoredPlace, VERSION};
use super::run::Run;
use crate::disk;
use crate::ledger::{LedgerError, frame, io_error};
use crate::model::logs::LogPlace;

const CUT: u16 = 1004;
const CONTENTS: u16 = 1005;
const BEGUN: u16 = 1006;

/// Bytes of what a segment begins with.
pub const BEGINNING: usize = 20;

/// Bytes of a cut.
const CUT_LENGTH: usize = 52;

/// What the last bytes of a sealed segment are, behind the length of its contents.
const MAGIC: &[u8; 8] = b"larder\0i";

/// Bytes behind the contents.
const TAIL: usize = 12;

/// Which segments a file stands for, and how often they were written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// The first segment.
    pub first: u64,
    /// The last: more than one where several were made one.
    pub last: u64,
    /// 0: the open one.
    pub generation: u32,
}

impl Name {
    /// The name of an open segment.
    pub fn open(id: u64) -> Self {
        Self { first: id, last: id, generation: 0 }
    }

    /// The file's name.
    pub fn file(self) -> String {
        let Self { first, last, generation } = self;
        if generation == 0 {
            format!("{first:010}.open")
        } else {
            format!("{first:010}-{last:010}.{generation}.sealed")
        }
    }

    /// Reads a file's name.
    pub fn read(file: &str) -> Option<Self> {
        if let Some(id) = file.strip_suffix(".open") {
            return id.parse().ok().map(Self::open);
        }
        let (range, generation) = file.strip_suffix(".sealed")?.split_once('.')?;
        let (first, last) = range.split_once('-')?;
        let name = Self { first: first.parse().ok()?, last: last.parse().ok()?, generation: generation.parse().ok()? };
        (name.generation > 0 && name.first <= name.last).then_some(name)
    }

    /// Whether what `other` holds was written anew as this one.
    pub fn replaces(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last && self.generation > other.generation
    }
}

/// Of segments that are there, those whose lines others hold anew, and those that count.
pub fn current(names: &[Name]) -> (Vec<Name>, Vec<Name>) {
    names.iter().partition(|name| names.iter().any(|other| other.replaces(**name)))
}

/// A segment's file. It is removed when nobody reads it any more, if it was given up.
#[derive(Debug)]
pub struct Segment {
    /// Its name.
    pub name: Name,
    path: PathBuf,
    given_up: AtomicBool,
}

impl Segment {
    /// The segment of a name.
    pub fn new(folder: &Path, name: Name) -> Self {
        Self { name, path: folder.join(name.file()), given_up: AtomicBool::new(false) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Has it removed.
    pub fn give_up(&self) {
        self.given_up.store(true, Ordering::Release);
    }

    /// Opens it for reading.
    pub fn open(&self) -> Result<File, LedgerError> {
        File::open(&self.path).map_err(io_error(&self.path))
    }

    /// What it holds, and up to where that is whole.
    pub fn read(&self) -> Result<Scanned, LedgerError> {
        let read = || -> io::Result<Scanned> {
            match read_contents(&self.path)? {
                Some(contents) => Ok(contents),
                None => disk::read(&self.path).map(|bytes| scan(&bytes)),
            }
        };
        let scanned = read().map_err(io_error(&self.path))?;
        for (from, to) in &scanned.damaged {
            tracing::warn!(path = %self.path.display(), from, to, "bytes of the log lines are damaged: the lines in them are lost");
        }
        Ok(scanned)
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        if *self.given_up.get_mut()
            && let Err(error) = disk::remove_file(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "old log lines could not be removed");
        }
    }
}

/// What lies in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Lines of a stream.
    Lines(LogPlace, Run),
    /// Lines of a stream before a time are gone.
    Cut(LogPlace, u64),
}

/// What a segment holds.
#[derive(Debug, PartialEq, Eq, Default)]
pub struct Scanned {
    /// In order.
    pub entries: Vec<Entry>,
    /// Highest number of a line in it, or before it.
    pub newest: u64,
    /// Where its last whole entry ends.
    pub end: u64,
    /// Bytes that are no entries, with whole entries behind them.
    pub damaged: Vec<(u64, u64)>,
}

#[derive(Serialize, Deserialize)]
struct StoredCut {
    place: StoredPlace,
    before_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredContents {
    newest: u64,
    cuts: Vec<StoredCut>,
    runs: Vec<(StoredPlace, Run)>,
}

/// What a segment begins with.
pub fn beginning(newest: u64) -> Result<Vec<u8>, LedgerError> {
    Ok(frame::frame(BEGUN, VERSION, &newest)?)
}

/// A cut.
pub fn cut(place: LogPlace, before_ms: u64) -> Result<Vec<u8>, LedgerError> {
    Ok(frame::frame(CUT, VERSION, &StoredCut { place: block::stored(place), before_ms })?)
}

/// The end of a sealed segment.
pub fn contents(newest: u64, cuts: &[(LogPlace, u64)], runs: &[(LogPlace, Run)]) -> Result<Vec<u8>, LedgerError> {
    let cuts = cuts.iter().map(|(place, before_ms)| StoredCut { place: block::stored(*place), before_ms: *before_ms });
    let runs = runs.iter().map(|(place, run)| (block::stored(*place), *run));
    let contents = StoredContents { newest, cuts: cuts.collect(), runs: runs.collect() };
    let mut bytes = frame::frame(CONTENTS, VERSION, &contents)?;
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(MAGIC);
    Ok(bytes)
}

/// The contents that a sealed segment ends with; `None` if it does not.
pub fn read_contents(path: &Path) -> io::Result<Option<Scanned>> {
    let end = path.metadata()?.len();
    let Some(behind) = end.checked_sub(TAIL as u64) else { return Ok(None) };
    let tail = disk::read_at(path, behind, TAIL)?;
    let Some((length, magic)) = tail.split_first_chunk() else { return Ok(None) };
    let length = u32::from_le_bytes(*length);
    let Some(start) = behind.checked_sub(u64::from(length)).filter(|_| magic == MAGIC) else { return Ok(None) };
    let bytes = disk::read_at(path, start, usize::try_from(length).map_err(io::Error::other)?)?;
    Ok(payload(&bytes, CONTENTS).and_then(|contents| listed(&contents, start, end)))
}

/// What contents say lies before `start`, if it can.
fn listed(contents: &StoredContents, start: u64, end: u64) -> Option<Scanned> {
    let inside = |run: &Run| run.offset >= BEGINNING as u64 && run.end() <= start;
    let cuts = contents.cuts.iter().map(|cut| Entry::Cut(block::place(cut.place), cut.before_ms));
    let runs = contents.runs.iter().map(|(place, run)| Entry::Lines(block::place(*place), *run));
    let entries = cuts.chain(runs).collect();
    let is_whole = contents.runs.iter().all(|(_, run)| inside(run));
    is_whole.then_some(Scanned { entries, newest: contents.newest, end, damaged: Vec::new() })
}

/// Reads a segment from its beginning.
pub fn scan(bytes: &[u8]) -> Scanned {
    let newest = bytes.get(..BEGINNING).and_then(|frame| payload(frame, BEGUN));
    let mut scanned = Scanned { newest: newest.unwrap_or(0), ..Scanned::default() };
    scanned.end = if newest.is_some() { BEGINNING as u64 } else { 0 };
    while let Some((at, found)) = next(bytes, usize::try_from(scanned.end).unwrap_or(usize::MAX)) {
        if at as u64 > scanned.end {
            scanned.damaged.push((scanned.end, at as u64));
        }
        scanned.end = (at + found.length()) as u64;
        scanned.take(at as u64, found);
    }

    scanned
}

impl Scanned {
    fn take(&mut self, at: u64, found: Found) {
        match found {
            Found::Block(head) => {
                let place = block::place(head.place);
                let run = Run::of(at, &head);
                self.newest = self.newest.max(head.newest);
                match self.entries.last_mut() {
                    Some(Entry::Lines(last, before)) if *last == place && before.is_continued_by(&run) => {
                        before.extend(&run);
                    }
                    _ => self.entries.push(Entry::Lines(place, run)),
                }
            }
            Found::Cut(cut) => self.entries.push(Entry::Cut(block::place(cut.place), cut.before_ms)),
            Found::Contents(_) => {}
        }
    }
}

/// What lies at a place of a segment.
enum Found {
    Block(Head),
    Cut(StoredCut),
    /// Nothing else: where contents begin in the middle of a segment, they are damaged at their end.
    Contents(usize),
}

impl Found {
    fn length(&self) -> usize {
        match self {
            Self::Block(head) => head.length(),
            Self::Cut(_) => CUT_LENGTH,
            Self::Contents(length) => *length,
        }
    }
}

/// The first whole entry from `from` on, and where it lies.
fn next(bytes: &[u8], from: usize) -> Option<(usize, Found)> {
    (from..bytes.len()).find_map(|at| found(&bytes[at..]).map(|found| (at, found)))
}

/// The first whole block of lines from `from` on, and where it lies.
pub fn next_block(bytes: &[u8], mut from: usize) -> Option<(usize, Head)> {
    loop {
        match next(bytes, from)? {
            (at, Found::Block(head)) => return Some((at, head)),
            (at, other) => from = at + other.length(),
        }
    }
}

/// The entry that `bytes` begin with. Its announced length and kind are looked at before its checksum, which costs more.
fn found(bytes: &[u8]) -> Option<Found> {
    let announced = u32::from_le_bytes(*bytes.first_chunk()?);
    let length = usize::try_from(announced).ok()?.checked_add(FRAME)?;
    let kind = u16::from_le_bytes([*bytes.get(10)?, *bytes.get(11)?]);
    match kind {
        block::LINES if length == block::HEAD => {
            let head = block::head(bytes)?;
            let body = bytes.get(block::HEAD..head.length())?;
            head.fits(body).then_some(Found::Block(head))
        }
        CUT if length == CUT_LENGTH => payload(bytes.get(..CUT_LENGTH)?, CUT).map(Found::Cut),
        CONTENTS => payload::<StoredContents>(bytes.get(..length)?, CONTENTS).map(|_| Found::Contents(length + TAIL)),
        _ => None,
    }
}

/// Bytes of a frame before its payload.
const FRAME: usize = 12;

fn payload<T: serde::de::DeserializeOwned>(bytes: &[u8], kind: u16) -> Option<T> {
    let frame = frame::unframe(bytes).ok()?;
    ((frame.kind, frame.version) == (kind, VERSION)).then(|| frame::payload(frame.payload).ok()).flatten()
}
