//! The index: which runs of which segments hold a stream's lines. It is in memory, and made from the segments.
//!
//! A stream has a run in each sealed segment at most, and some in the open one, so that it stays small however many
//! lines there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Counters;
use super::run::Run;
use super::run_blocks::count_from;
use super::segment::{Entry, Segment};
use crate::ledger::LedgerError;
use crate::model::logs::{LogId, LogPlace};

/// Lines of a stream in one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The segment.
    pub segment: u64,
    /// Where they lie in it. Lines, bytes and the first time are of those that are there still.
    pub run: Run,
    /// Lines before this time are gone.
    pub from_ms: u64,
    /// Whether what is there still must be counted.
    cut: bool,
}

/// A segment, and what is there of it.
#[derive(Debug)]
pub struct Shelf {
    /// Its file.
    pub segment: Arc<Segment>,
    /// Bytes of the file.
    pub size: u64,
    /// Bytes of runs that are gone.
    pub dead: u64,
    /// Whether of some run a part is gone.
    pub is_cut: bool,
    /// The cuts in it.
    pub cuts: BTreeMap<LogPlace, u64>,
}

/// What was written into a sealed segment.
#[derive(Debug, Default)]
pub struct Written {
    /// Its cuts.
    pub cuts: Vec<(LogPlace, u64)>,
    /// Its runs, one for each stream.
    pub runs: Vec<(LogPlace, Run)>,
}

/// All of a store's log lines.
#[derive(Debug, Default)]
pub struct Index {
    /// Streams that have lines.
    pub streams: BTreeMap<LogPlace, Vec<Part>>,
    /// The segments, by their first number.
    pub shelves: BTreeMap<u64, Shelf>,
}

impl Index {
    /// Takes a segment with what is in it.
    pub fn add_segment(&mut self, segment: Segment, size: u64, entries: Vec<Entry>) {
        let id = segment.name.first;
        let found = Shelf { segment: Arc::new(segment), size, dead: 0, is_cut: false, cuts: BTreeMap::new() };
        self.shelves.insert(id, found);
        for entry in entries {
            match entry {
                Entry::Lines(place, run) => self.add(place, id, run),
                Entry::Cut(place, before_ms) => self.cut(place, id, before_ms),
            }
        }
    }

    /// Takes a run of a segment.
    pub fn add(&mut self, place: LogPlace, segment: u64, run: Run) {
        let parts = self.streams.entry(place).or_default();
        match parts.last_mut() {
            Some(last) if last.segment == segment && last.run.is_continued_by(&run) => last.run.extend(&run),
            _ => parts.push(Part { segment, run, from_ms: 0, cut: false }),
        }
    }

    /// Takes a cut of the segment `id`: lines of a stream before a time are gone. [`Index::settle`] must follow.
    pub fn cut(&mut self, place: LogPlace, id: u64, before_ms: u64) {
        if let Some(shelf) = self.shelves.get_mut(&id) {
            let stored = shelf.cuts.entry(place).or_default();
            *stored = before_ms.max(*stored);
        }
        self.drop_before(place, before_ms);
    }

    /// Drops lines of a stream before a time; those of all times for `u64::MAX`.
    pub fn drop_before(&mut self, place: LogPlace, before_ms: u64) {
        let Some(parts) = self.streams.get_mut(&place) else { return };
        parts.retain_mut(|part| {
            let gone = part.run.last_ms < before_ms || before_ms == u64::MAX;
            let partly = !gone && part.run.first_ms < before_ms;
            if partly {
                part.from_ms = part.from_ms.max(before_ms);
                part.cut = true;
            }
            if let Some(shelf) = self.shelves.get_mut(&part.segment) {
                shelf.dead += if gone { part.run.length } else { 0 };
                shelf.is_cut |= partly;
            }
            !gone
        });

        if parts.is_empty() {
            self.streams.remove(&place);
        }
    }

    /// Counts what is there still of parts that were cut.
    pub fn settle(&mut self) -> Result<(), LedgerError> {
        let cut = |parts: &Vec<Part>| parts.iter().any(|part| part.cut);
        let places: Vec<_> = self.streams.iter().filter(|(_, parts)| cut(parts)).map(|(place, _)| *place).collect();
        places.into_iter().try_for_each(|place| self.settle_stream(place))
    }

    /// The same for one stream.
    pub fn settle_stream(&mut self, place: LogPlace) -> Result<(), LedgerError> {
        for part in self.streams.get_mut(&place).into_iter().flatten().filter(|part| part.cut) {
            let Some(found) = self.shelves.get(&part.segment) else { continue };
            let (lines, bytes, first_ms) = count_from(&part.run, &found.segment, part.from_ms)?;
            part.run.first_ms = first_ms.unwrap_or(part.run.first_ms);
            (part.run.lines, part.run.bytes, part.cut) = (lines, bytes, false);
        }
        Ok(())
    }

    /// What a stream holds.
    pub fn counters(&self, place: LogPlace) -> Option<Counters> {
        let parts = self.streams.get(&place)?;
        let mut counters = Counters { first_ms: u64::MAX, ..Counters::default() };
        for Part { run, .. } in parts {
            counters.lines += run.lines;
            counters.bytes += run.bytes;
            counters.first_ms = counters.first_ms.min(run.first_ms);
            counters.last_ms = counters.last_ms.max(run.last_ms);
            counters.ingested_ms = counters.ingested_ms.max(run.ingested_ms);
        }

        Some(counters)
    }

    /// The streams of a group that have lines.
    pub fn streams_of(&self, group: LogId) -> Vec<LogPlace> {
        let first = LogPlace { group, stream: LogId(uuid::Uuid::nil()) };
        self.streams.range(first..).map(|(place, _)| *place).take_while(|place| place.group == group).collect()
    }

    /// Bytes of all files, and those of them whose lines are gone.
    pub fn disk(&self) -> (u64, u64) {
        self.shelves.values().fold((0, 0), |(size, dead), shelf| (size + shelf.size, dead + shelf.dead))
    }

    /// Puts a segment with its runs into the place of those it was made from. Its cuts were made when they came.
    pub fn replace(&mut self, from: &[u64], segment: Segment, size: u64, written: Written) {
        for id in from {
            self.remove_shelf(*id);
        }
        for parts in self.streams.values_mut() {
            parts.retain(|part| !from.contains(&part.segment));
        }
        let id = segment.name.first;
        let cuts = written.cuts.into_iter().collect();
        self.shelves.insert(id, Shelf { segment: Arc::new(segment), size, dead: 0, is_cut: false, cuts });
        for (place, run) in written.runs {
            self.streams.entry(place).or_default().push(Part { segment: id, run, from_ms: 0, cut: false });
        }

        self.streams.retain(|_, parts| {
            parts.sort_by_key(|part| part.segment);
            !parts.is_empty()
        });
    }

    /// Gives up a segment in which nothing is there any more.
    pub fn remove_shelf(&mut self, id: u64) {
        if let Some(shelf) = self.shelves.remove(&id) {
            shelf.segment.give_up();
        }
    }
}
