//! Reading: the lines of some streams as one sequence, in order from either end.
//!
//! A part is opened when the sequence comes to its times, so that few blocks are in memory at a time.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use super::index::{Index, Part};
use super::run_blocks::Blocks;
use super::segment::Segment;
use super::{Line, LinePosition, Order};
use crate::ledger::LedgerError;
use crate::model::logs::LogPlace;

/// A part that is still to be opened.
struct Ahead {
    stream: usize,
    segment: Arc<Segment>,
    part: Part,
}

impl Ahead {
    /// A position that none of its lines comes before, in the order of the sequence.
    fn begins(&self, order: Order) -> LinePosition {
        match order {
            Order::OldestFirst => LinePosition::start_of(self.part.run.first_ms),
            Order::NewestFirst => LinePosition { time_ms: self.part.run.last_ms, number: u64::MAX },
        }
    }
}

/// A part that is read.
struct Opened {
    stream: usize,
    segment: Arc<Segment>,
    blocks: Blocks,
    from_ms: u64,
    lines: VecDeque<Line>,
}

/// The lines of some streams, each with its stream's place in the list that was asked for.
pub struct Lines {
    range: Range<LinePosition>,
    order: Order,
    /// The next to be opened is the last.
    ahead: Vec<Ahead>,
    opened: Vec<Option<Opened>>,
    /// The next line of each part that is open. Two lines of one position would be told apart by their parts.
    heads: BTreeMap<(LinePosition, usize), Line>,
}

impl Lines {
    /// The lines of `places` in a range of positions.
    pub fn of(index: &Index, places: &[LogPlace], range: Range<LinePosition>, order: Order) -> Self {
        let mut lines = Self { range, order, ahead: Vec::new(), opened: Vec::new(), heads: BTreeMap::new() };
        for (stream, place) in places.iter().enumerate() {
            let parts = index.streams.get(place).into_iter().flatten();
            let parts = parts.filter_map(|part| Some((part, index.shelves.get(&part.segment)?)));
            lines.add(stream, parts.map(|(part, shelf)| (Arc::clone(&shelf.segment), *part)));
        }
        lines.sort();
        lines
    }

    /// All lines of some parts of one stream, oldest first.
    pub fn of_parts(parts: impl Iterator<Item = (Arc<Segment>, Part)>) -> Self {
        let range = LinePosition::start_of(0)..LinePosition { time_ms: u64::MAX, number: u64::MAX };
        let order = Order::OldestFirst;
        let mut lines = Self { range, order, ahead: Vec::new(), opened: Vec::new(), heads: BTreeMap::new() };
        lines.add(0, parts);
        lines.sort();
        lines
    }

    fn add(&mut self, stream: usize, parts: impl Iterator<Item = (Arc<Segment>, Part)>) {
        let start = self.range.start.time_ms;
        let end = self.range.end;
        let within = |run: &super::run::Run| run.last_ms >= start && LinePosition::start_of(run.first_ms) < end;
        let parts = parts.filter(|(_, part)| within(&part.run));
        self.ahead.extend(parts.map(|(segment, part)| Ahead { stream, segment, part }));
    }

    fn sort(&mut self) {
        let order = self.order;
        self.ahead.sort_by_key(|ahead| ahead.begins(order));
        if order == Order::OldestFirst {
            self.ahead.reverse();
        }
    }

    /// Opens the parts that the next line may be in.
    fn open(&mut self) -> Result<(), LedgerError> {
        while let Some(ahead) = self.ahead.last() {
            let begins = ahead.begins(self.order);
            let is_needed = match self.order {
                Order::OldestFirst => self.heads.first_key_value().is_none_or(|((head, _), _)| begins <= *head),
                Order::NewestFirst => self.heads.last_key_value().is_none_or(|((head, _), _)| begins >= *head),
            };
            if !is_needed {
                break;
            }
            let Some(Ahead { stream, segment, part }) = self.ahead.pop() else { break };
            let Range { start, end } = self.range;
            let from_ms = part.from_ms.max(start.time_ms);
            let wanted =
                |head: &super::block::Head| head.last_ms >= from_ms && LinePosition::start_of(head.first_ms) < end;
            let blocks = Blocks::of(&segment, &part.run, wanted)?;
            let opened = Opened { stream, segment, blocks, from_ms: part.from_ms, lines: VecDeque::new() };
            self.opened.push(Some(opened));
            self.pull(self.opened.len() - 1)?;
        }
        Ok(())
    }

    /// Takes the next line of an open part.
    fn pull(&mut self, at: usize) -> Result<(), LedgerError> {
        let Some(opened) = &mut self.opened[at] else { return Ok(()) };
        let backwards = self.order == Order::NewestFirst;
        loop {
            let line = if backwards { opened.lines.pop_back() } else { opened.lines.pop_front() };
            if let Some(line) = line {
                if self.range.contains(&line.position) && line.position.time_ms >= opened.from_ms {
                    self.heads.insert((line.position, at), line);
                    return Ok(());
                }
                continue;
            }
            let Some(lines) = opened.blocks.take(&opened.segment, backwards)? else {
                self.opened[at] = None;
                return Ok(());
            };
            opened.lines = lines.into();
        }
    }

    fn step(&mut self) -> Result<Option<(usize, Line)>, LedgerError> {
        self.open()?;
        let next = match self.order {
            Order::OldestFirst => self.heads.pop_first(),
            Order::NewestFirst => self.heads.pop_last(),
        };
        let Some(((_, at), line)) = next else { return Ok(None) };
        let stream = self.opened[at].as_ref().map_or(0, |opened| opened.stream);
        self.pull(at)?;

        Ok(Some((stream, line)))
    }
}

impl Iterator for Lines {
    type Item = Result<(usize, Line), LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}
