//! The list of a journal's segments, in a file beside them. It is a cache: a start that finds exactly the segments it
//! names knows without reading them that none is lost; one that finds others reads them all.

use std::path::{Path, PathBuf};

use super::{Name, Segment, begins_by_compaction, end, segments};
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
    let found: Vec<Name> = segments(folder)?.into_iter().map(|(name, _)| name).collect();
    write(folder, &found)
}

/// Writes the list as it will be without a segment, which may be removed then.
pub fn leave_out(folder: &Path, name: Name) -> Result<(), LedgerError> {
    let found = segments(folder)?.into_iter().map(|(name, _)| name);
    write(folder, &found.filter(|found| *found != name).collect::<Vec<_>>())
}

fn write(folder: &Path, found: &[Name]) -> Result<(), LedgerError> {
    if read(folder).as_deref() == Some(found) {
        return Ok(());
    }
    let lines: String = found.iter().flat_map(|name| [name.to_string(), "\n".to_owned()]).collect();
    let text = format!("{lines}crc32 {}\n", crc32fast::hash(lines.as_bytes()));
    let path = folder.join(NAME);
    disk::write_whole(&path, text.as_bytes()).map_err(io_error(&path))
}

fn read(folder: &Path) -> Option<Vec<Name>> {
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
    let names: Vec<Name> = found.iter().map(|(name, _)| *name).collect();
    let mut losses = Vec::new();

    if let Some((name, path)) = found.first()
        && name.first > 1
        && listed.as_ref().and_then(|listed| listed.first()) != Some(name)
        && begins_by_compaction(path)?.map_or(listed.is_some(), |begins| !begins)
    {
        let first = listed.as_ref().and_then(|listed| listed.first()).map_or(1, |name| name.first);
        let from = first.min(name.first - 1);
        losses.push(Loss { file: Name::first(from).path(folder), from, to: Some(name.first - 1) });
    }

    if listed.as_ref() == Some(&names) {
        return Ok(losses);
    }
    for pair in found.windows(2) {
        losses.extend(between(folder, &pair[0], pair[1].0.first)?);
    }
    let newest = names.last().copied().unwrap_or_default();
    let (lost, newer): (Vec<Name>, Vec<Name>) =
        listed.into_iter().flatten().filter(|name| !names.contains(name)).partition(|name| *name < newest);
    let gone = |name: Name, to| Loss { file: name.path(folder), from: name.first, to };

    // Where no event is missing there were blobs in it, or what was under way.
    let is_told =
        |name: &Name| losses.iter().any(|loss| loss.from <= name.first && loss.to.is_none_or(|to| to >= name.first));
    let without_events: Vec<_> = lost.into_iter().filter(|name| !is_told(name)).collect();
    losses.extend(without_events.into_iter().map(|name| gone(name, Some(name.first))));
    losses.extend(newer.first().map(|name| gone(*name, None)));

    Ok(losses)
}

/// What is lost between a segment and the next.
fn between(folder: &Path, (name, path): &Segment, next: u64) -> Result<Option<Loss>, LedgerError> {
    match end(name.first, path) {
        Ok(end) if end < next => Ok(Some(Loss { file: Name::first(end).path(folder), from: end, to: Some(next - 1) })),
        // A damaged one is no lost one.
        Ok(_) | Err(LedgerError::DamagedJournal { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
