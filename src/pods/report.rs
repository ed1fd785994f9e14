//! What a report adds to a pod: records of invocations, what is said of them, and a text for whoever opens the file.

use std::fs;

use super::lines::{self, LinesPart, LinesWriter, WrittenLines};
use super::read::Pod;
use super::{PodError, README, RECORDS, REPORT, path_error};

/// Bytes of what is said of the records, and of the text, at most.
const MOST_SAID: u64 = 64 * 1024;

/// What a reader takes of records: an event and an answer have 6 MB each, calls 512 KiB.
const PART: LinesPart =
    LinesPart { path: RECORDS, most: 1024 * 1024 * 1024, most_of_line: 256 * 1024 * 1024, most_lines: 100_000 };

/// What a report adds to a pod.
#[derive(Debug)]
pub struct Report {
    /// The records, a line of JSON each, in the order in which the invocations began.
    pub records: WrittenLines,
    /// Which of them it is about, as JSON.
    pub about: WrittenLines,
    /// A text for people.
    pub readme: WrittenLines,
}

impl Report {
    /// Of some records and what is said of them.
    ///
    /// # Errors
    /// No file can be written, or no reader would take so much.
    pub fn new(records: impl IntoIterator<Item = String>, about: String, readme: String) -> Result<Self, PodError> {
        let mut lines = LinesWriter::new(PART)?;
        records.into_iter().try_for_each(|record| lines.add(record))?;
        Ok(Self { records: lines.end()?, about: said(REPORT, about)?, readme: said(README, readme)? })
    }

    /// Its parts with their names.
    pub(super) fn parts(&self) -> [(&'static str, &WrittenLines); 3] {
        [(RECORDS, &self.records), (REPORT, &self.about), (README, &self.readme)]
    }
}

fn said(path: &'static str, text: String) -> Result<WrittenLines, PodError> {
    let part = LinesPart { path, most: MOST_SAID, most_of_line: MOST_SAID, most_lines: usize::MAX };
    let mut lines = LinesWriter::new(part)?;
    lines.add(text)?;
    lines.end()
}

/// The report of a pod, as JSON: nothing of it is believed before it was read as what it is to be.
#[derive(Debug)]
pub struct Lines {
    /// What is said of its records.
    pub about: Vec<u8>,
    /// The records.
    pub records: Vec<Vec<u8>>,
}

/// The report of a pod; `None` where it has none.
///
/// # Errors
/// It is longer than any that is written, or a line is not whole.
pub fn of(pod: &Pod) -> Result<Option<Lines>, PodError> {
    let Some(part) = pod.manifest.parts.iter().find(|part| part.path == REPORT) else { return Ok(None) };
    if part.size > MOST_SAID {
        return Err(PodError::Refused(format!("{REPORT} has more than {MOST_SAID} bytes")));
    }
    let path = pod.blob(&part.digest());
    let about = fs::read(&path).map_err(path_error(&path))?;
    let records = lines::read(PART, (&pod.manifest, pod.folder()), |line| Ok(line.to_vec()))?;

    Ok(Some(Lines { about, records: records.unwrap_or_default() }))
}
