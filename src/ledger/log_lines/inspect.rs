//! Log lines looked at, or copied, from outside: their files, without opening the store and without changing it.

use std::io::{self, ErrorKind};
use std::path::Path;

use super::segment::{self, Name, Scanned};
use crate::disk;
use crate::ledger::inspect::Damage;
use crate::ledger::{LedgerError, io_error};

/// What the files say.
#[derive(Debug, Default)]
pub struct Inspected {
    /// Segments.
    pub segments: u64,
    /// What is damaged, and with it the lines in it.
    pub damage: Vec<Damage>,
}

/// Looks at the log lines of the store in the folder `store`; `deep` compares all lines with their checksums, else those
/// of segments whose contents are whole are taken to be as they were written.
///
/// # Errors
/// The files cannot be read at all; damage is no error.
pub fn inspect(store: &Path, deep: bool) -> Result<Inspected, LedgerError> {
    let folder = super::folder(store);
    let mut found = Inspected::default();
    for name in segments(&folder)? {
        let path = folder.join(name.file());
        match damaged(&path, name, deep) {
            Ok(damage) => {
                found.segments += 1;
                found.damage.extend(damage);
            }
            // A running server has written it anew meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(io_error(&path)(error)),
        }
    }

    Ok(found)
}

/// Copies the log lines of a store into another one that has none; what is damaged in them stays so.
///
/// # Errors
/// A file cannot be read or written.
pub fn copy(from: &Path, to: &Path) -> Result<(), LedgerError> {
    let from = super::folder(from);
    let to = super::folder(to);
    let segments = segments(&from)?;
    if segments.is_empty() {
        return Ok(());
    }
    disk::create_folder(&to).map_err(io_error(&to))?;

    for name in segments {
        let old = from.join(name.file());
        let new = to.join(name.file());
        disk::copy(&old, &new).map_err(io_error(&new))?;
    }

    disk::sync_folder(&to).map_err(io_error(&to))
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
        problem: format!("the bytes up to {to} are no log lines as they were written: those in them are lost"),
    };
    Ok(damaged.into_iter().map(damage).collect())
}
