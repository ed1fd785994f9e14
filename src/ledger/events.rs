//! Events as the journal has them: read in order, each decoded and checked, to the newest that there is.

use std::collections::VecDeque;
use std::sync::Arc;

use super::journal::{Journal, Record};
use super::{LedgerError, codec};
use crate::model::event::Recorded;

/// Tries to read on where a compaction took the files away.
const TRIES: usize = 5;

type Records = Box<dyn Iterator<Item = Result<Record, LedgerError>> + Send>;

/// Events of the journal, in order; falling short of the newest is an error.
pub struct Events {
    journal: Arc<Journal>,
    records: Option<Records>,
    frames: VecDeque<(u64, Vec<u8>)>,
    next: u64,
    last: u64,
    tries: usize,
}

impl Events {
    /// The events from `from` on up to the newest there is now.
    pub fn of(journal: &Arc<Journal>, from: u64) -> Self {
        let (journal, last) = (Arc::clone(journal), journal.last());
        Self { journal, records: None, frames: VecDeque::new(), next: from.max(1), last, tries: 0 }
    }
}

impl Iterator for Events {
    type Item = Result<Recorded, LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next > self.last {
            return None;
        }
        let read = self.read();
        match &read {
            Ok(recorded) => self.next = recorded.sequence + 1,
            // What is behind an error is not told.
            Err(_) => self.next = self.last + 1,
        }

        Some(read)
    }
}

impl Events {
    fn read(&mut self) -> Result<Recorded, LedgerError> {
        loop {
            if let Some((sequence, frame)) = self.frames.pop_front() {
                if sequence < self.next {
                    continue;
                }
                if sequence > self.next {
                    return Err(LedgerError::MissingEvent { expected: self.next, found: sequence });
                }
                return codec::decode(sequence, &frame)
                    .map_err(|source| LedgerError::DamagedEvent { sequence, source });
            }
            let short = LedgerError::MissingEvent { expected: self.next, found: self.last + 1 };
            let Some(records) = &mut self.records else {
                self.records = Some(Box::new(self.journal.records_from(self.next)?));
                continue;
            };
            let record = records.next().ok_or(short)?;
            match record {
                Ok(record) => self.frames = (record.first..).zip(record.frames).collect(),
                // A compaction took the segment away: the events are in others.
                Err(LedgerError::Io { source, .. })
                    if source.kind() == std::io::ErrorKind::NotFound && self.tries < TRIES =>
                {
                    (self.records, self.tries) = (None, self.tries + 1);
                }
                Err(error) => return Err(error),
            }
        }
    }
}
