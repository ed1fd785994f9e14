//! Upkeep of a store that a server has: what is not needed goes, history is shortened, files are read and checked.

use std::path::Path;

use crate::blobs::BlobError;
pub use crate::blobs::gc::collect;
pub use crate::blobs::upkeep::compact;
use crate::blobs::upkeep::{self, Report};
use crate::ledger::Ledger;
use crate::ledger::compact::Keep;

/// What of history a compaction keeps.
///
/// # Errors
/// Both are given.
pub fn keep(days: Option<u64>, events: Option<u64>) -> Result<Keep, String> {
    match (days, events) {
        (Some(_), Some(_)) => Err("keep_days and keep_events exclude each other: give one of them".to_owned()),
        (Some(days), None) => Ok(Keep::Days(days)),
        (None, Some(events)) => Ok(Keep::Events(events)),
        (None, None) => Ok(Keep::Nothing),
    }
}

/// Reads and checks all files of a store whose server runs. Blocking.
///
/// # Errors
/// The folders cannot be read; damage is no error.
pub fn verify(data_dir: &Path, ledger: &Ledger, deep: bool) -> Result<Report, BlobError> {
    let look = || {
        let begins = ledger.begins();
        let live = ledger.state();
        (begins, upkeep::verify(data_dir, Some(&live), deep, |_, _| ()))
    };
    let (begins, report) = look();
    // A compaction that came in between took the files away that were read.
    if begins == ledger.begins() { report } else { look().1 }
}
