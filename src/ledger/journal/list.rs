//! The list of a journal's segments, in a file beside them. It is a cache: a start that finds exactly the segments it
//! names knows without reading them that none is lost; one that finds others reads them all.

use std::path::{Path, PathBuf};

use super::{Segment, begins_by_compaction, end, segments};
use crate::disk;
use crate::ledger::{LedgerError, io_error};

const NAME: &str = "segments";

/// Events that are gone with a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The segment that is not there.
    pub file: PathBuf,
    /// The first event that is missing.
    pub from: u64,
    /// The last; `None`: up to the end, wherever that was.
    pub to: Option<u64>,
}

impl Loss {
    /// The loss as a reason to refuse.
    pub fn refusal(&self, reason: &str) -> LedgerError {
        LedgerError::LostEvents { file: self.file.clone(), from: self.from, to: self.to, reason: reason.to_owned() }
    }
}

/// Writes the list of what lies in `folder`, if it is another than the one there.
pub fn bring_up_to_date(folder: &Path) -> Result<(), LedgerError> {
    let found: Vec<u64> = segments(folder)?.into_iter().map(|(first, _)| first).collect();
    if read(folder).as_ref() == Some(&found) {
        return Ok(());
    }
    let lines: String = found.iter().flat_map(|first| [first.to_string(), "\n".to_owned()]).collect();
    let text = format!("{lines}crc32 {}\n", crc32fast::hash(lines.as_bytes()));
    let path = folder.join(NAME);
    disk::write_whole(&path, text.as_bytes()).map_err(io_error(&path))
}

fn read(folder: &Path) -> Option<Vec<u64>> {
    let text = String::from_utf8(disk::read(&folder.join(NAME)).ok()?).ok()?;
    let (lines, checksum) = text.trim_end().rsplit_once("crc32 ")?;
    (checksum.parse() == Ok(crc32fast::hash(lines.as_bytes()))).then_some(())?;
    lines.lines().map(|line| line.parse().ok()).collect()
}

/// The segments of a journal that are lost: the first, where what is there begins neither with event 1 nor with one
/// that stands for all before it; those between two; and the newest, where the list has it.
///
/// # Errors
/// A segment cannot be read. Damage inside one is no loss of it.
pub fn losses(folder: &Path) -> Result<Vec<Loss>, LedgerError> {
    let found = segments(folder)?;
    let listed = read(folder);
    let names: Vec<u64> = found.iter().map(|(first, _)| *first).collect();
    let mut losses = Vec::new();
    if let Some((first, path)) = found.first()
        && *first > 1
        && listed.as_ref().and_then(|listed| listed.first()) != Some(first)
        && begins_by_compaction(path)?.map_or(listed.is_some(), |begins| !begins)
    {
        let from = listed.as_ref().and_then(|listed| listed.first().copied()).unwrap_or(1).min(*first - 1);
        losses.push(Loss { file: super::path_of(folder, from), from, to: Some(first - 1) });
    }
    if listed.as_ref() == Some(&names) {
        return Ok(losses);
    }
    for pair in found.windows(2) {
        losses.extend(between(folder, &pair[0], pair[1].0)?);
    }
    let newest = names.last().copied().unwrap_or(0);
    let lost = listed.into_iter().flatten().find(|first| *first > newest);
    losses.extend(lost.map(|from| Loss { file: super::path_of(folder, from), from, to: None }));
    Ok(losses)
}

/// What is lost between a segment and the next.
fn between(folder: &Path, (first, path): &Segment, next: u64) -> Result<Option<Loss>, LedgerError> {
    match end(*first, path) {
        Ok(end) if end < next => Ok(Some(Loss { file: super::path_of(folder, end), from: end, to: Some(next - 1) })),
        // A damaged one is no lost one.
        Ok(_) | Err(LedgerError::DamagedJournal { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
