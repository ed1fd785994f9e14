//! Log lines and records of invocations looked at, or copied, from outside: their files, without opening the store and
//! without changing it.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::segment::{self, Name, Scanned};
use crate::disk;
use crate::ledger::inspect::Damage;
use crate::ledger::{LedgerError, io_error, records};

/// What the files say.
#[derive(Debug, Default)]
pub struct Inspected {
    /// Segments of log lines.
    pub segments: u64,
    /// Segments of records of invocations.
    pub record_segments: u64,
    /// What is damaged, and with it the lines in it.
    pub damage: Vec<Damage>,
}

/// Looks at the log lines of the store in the folder `store`; `deep` compares all lines with their checksums, else those
/// of segments whose contents are whole are taken to be as they were written.
///
/// # Errors
/// The files cannot be read at all; damage is no error.
pub fn inspect(store: &Path, deep: bool) -> Result<Inspected, LedgerError> {
    let mut found = Inspected::default();
    let [lines, records] = folders(store);
    found.segments = inspect_folder(&lines, deep, &mut found.damage)?;
    found.record_segments = inspect_folder(&records, deep, &mut found.damage)?;
    Ok(found)
}

/// Looks at the segments in a folder; says how many there are.
fn inspect_folder(folder: &Path, deep: bool, damage: &mut Vec<Damage>) -> Result<u64, LedgerError> {
    let mut count = 0;
    for name in segments(folder)? {
        let path = folder.join(name.file());
        match damaged(&path, name, deep) {
            Ok(found) => {
                count += 1;
                damage.extend(found);
            }
            // A running server has written it anew meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(io_error(&path)(error)),
        }
    }

    Ok(count)
}

/// Where a store has its lines, and its records.
fn folders(store: &Path) -> [PathBuf; 2] {
    [super::folder(store), store.join(records::FOLDER)]
}

/// Copies the log lines of a store into another one that has none; what is damaged in them stays so.
///
/// # Errors
/// A file cannot be read or written.
pub fn copy(from: &Path, to: &Path) -> Result<(), LedgerError> {
    folders(from).iter().zip(folders(to)).try_for_each(|(from, to)| copy_segments(from, &to))
}

fn copy_segments(from: &Path, to: &Path) -> Result<(), LedgerError> {
    let segments = segments(from)?;
    if segments.is_empty() {
        return Ok(());
    }
    disk::create_folder(to).map_err(io_error(to))?;

    for name in segments {
        let old = from.join(name.file());
        let new = to.join(name.file());
        disk::copy(&old, &new).map_err(io_error(&new))?;
    }

    disk::sync_folder(to).map_err(io_error(to))
}

/// The segments in a folder that count, oldest first; none if it is not there.
fn segments(folder: &Path) -> Result<Vec<Name>, LedgerError> {
    let paths = match disk::list(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        paths => paths.map_err(io_error(folder))?,
    };
    let names: Vec<_> = paths.iter().filter_map(|path| Name::read(&path.file_name()?.to_string_lossy())).collect();
    let (_, mut current) = segment::current(&names);
    current.sort();
    Ok(current)
}

fn damaged(path: &Path, name: Name, deep: bool) -> io::Result<Vec<Damage>> {
    let is_sealed = name.generation > 0;
    let has_contents = is_sealed && segment::read_contents(path)?.is_some();
    if has_contents && !deep {
        return Ok(Vec::new());
    }
    let bytes = disk::read(path)?;
    let Scanned { end, mut damaged, .. } = segment::scan(&bytes);

    // An open segment may end in what was being written.
    if is_sealed && end < bytes.len() as u64 {
        damaged.push((end, bytes.len() as u64));
    }
    let damage = |(from, to): (u64, u64)| Damage {
        file: path.to_owned(),
        offset: Some(from),
        sequence: None,
        problem: format!("the bytes up to {to} are not as they were written: the lines in them are lost"),
    };
    Ok(damaged.into_iter().map(damage).collect())
}
